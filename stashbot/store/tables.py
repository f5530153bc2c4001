"""The tables of the database, as models for Peewee; `migrations/` makes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import peewee

from ..models import Facet, Feature, Kind, Standing, Trigger, Vote


def in_utc(moment: datetime) -> str:
    """An aware datetime in UTC as text that sorts as the time: 'YYYY-MM-DD HH:MM:SS.ffffff'."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} names no time zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


class TimeField(peewee.TextField):
    """An aware datetime, stored by `in_utc`."""

    def db_value(self, value: datetime | None) -> str | None:
        return None if value is None else in_utc(value)

    def python_value(self, value: str | None) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


class EnumField(peewee.TextField):
    """A value of a StrEnum, stored as its text."""

    def __init__(self, values: type[StrEnum], **options: Any) -> None:
        super().__init__(**options)
        self._values = values

    def adapt(self, value: str) -> StrEnum:
        return self._values(value)


class FeaturesField(peewee.TextField):
    """Features as JSON: `[["tag", 12, "sea"], ...]`."""

    def db_value(self, value: Iterable[Feature]) -> str:
        return json.dumps([(each.facet, each.id, each.name) for each in value])

    def python_value(self, value: str) -> list[Feature]:
        return [Feature(Facet(facet), id, name) for facet, id, name in json.loads(value)]


class Chats(peewee.Model):
    """The chats that have written to the bot; `gone_since` is set while messages are refused.

    `standing` is the key of the source that a chat has chosen for itself, with its name.
    `settings` are those that it has chosen, as JSON: `rules.chat_settings`.
    """

    chat_id = peewee.IntegerField(primary_key=True)
    language = peewee.TextField()
    gone_since = TimeField(null=True)
    gone_reason = peewee.TextField(null=True)
    moved_from = peewee.IntegerField(null=True)
    standing = peewee.TextField(default="")
    standing_name = peewee.TextField(default="")
    settings = peewee.TextField(default="{}")


class Schedules(peewee.Model):
    """The schedules: `models.Schedule`, with the id that the chat had at that time.

    A removed one is kept for a while, so that it can be restored.
    """

    id = peewee.AutoField()
    chat_id = peewee.IntegerField()
    when = peewee.TextField()
    zone = peewee.TextField()
    count = peewee.IntegerField()
    source = peewee.TextField(default="")
    topic = peewee.IntegerField(default=0)
    source_name = peewee.TextField(default="")
    is_fixed = peewee.BooleanField()
    handled_until = TimeField()
    removed_at = TimeField(null=True)
    is_silent = peewee.BooleanField(default=False)


class Requests(peewee.Model):
    """The requests for pictures: 'waiting', then 'done' or 'failed'.

    A scheduled request has the id of its schedule, which may be deleted by now, and the due
    moment; a request after a vote has the message of the picture that was voted on.
    """

    id = peewee.AutoField()
    update_id = peewee.IntegerField(null=True)
    chat_id = peewee.IntegerField()
    user_id = peewee.IntegerField()
    count = peewee.IntegerField()
    trigger = EnumField(Trigger)
    requested_at = TimeField()
    language = peewee.TextField()
    source = peewee.TextField(default="")
    state = peewee.TextField(default="waiting")
    finished_at = TimeField(null=True)
    schedule_id = peewee.IntegerField(null=True)
    due = TimeField(null=True)
    after_message = peewee.IntegerField(null=True)
    topic = peewee.IntegerField(default=0)


class SentPhotos(peewee.Model):
    """The history: a row is 'sending', then 'sent', or 'unknown' if it may have arrived.

    `sent_at` is when sending began, then when it ended. Triggers set `is_latest` for the newest
    row of an image in a chat. The index that begins with (chat_id, is_latest) relies on it to
    count the images that a chat has seen, and to find the one shown longest ago. The pictures
    of an `album` have the id of its first message there, and in `album_message` that of the
    message with its buttons, once it is known.
    """

    id = peewee.AutoField()
    image_id = peewee.IntegerField()
    sent_at = TimeField()
    user_id = peewee.IntegerField()
    title = peewee.TextField()
    chat_id = peewee.IntegerField()
    request_id = peewee.IntegerField(null=True)
    state = peewee.TextField()
    kind = peewee.TextField(null=True)
    message_id = peewee.IntegerField(null=True)
    is_latest = peewee.IntegerField()
    source = peewee.TextField(default="")
    is_unfolded = peewee.BooleanField(default=False)
    source_name = peewee.TextField(default="")
    album = peewee.IntegerField(null=True)
    album_message = peewee.IntegerField(null=True)

    class Meta:
        table_name = "sent_photos"


class Messages(peewee.Model):
    """The messages that can be deleted: `models.OwnMessage`; `is_unwanted` after `/purge`."""

    chat_id = peewee.IntegerField()
    message_id = peewee.IntegerField()
    sent_at = TimeField()
    is_unwanted = peewee.BooleanField(default=False)

    class Meta:
        primary_key = peewee.CompositeKey("chat_id", "message_id")


class Walks(peewee.Model):
    """The position of each chat in each source: `models.Shuffle`."""

    chat_id = peewee.IntegerField()
    source = peewee.TextField()
    seed = peewee.IntegerField()
    offset = peewee.IntegerField()
    exhausted_at = TimeField(null=True)
    newest_id = peewee.IntegerField()

    class Meta:
        primary_key = peewee.CompositeKey("chat_id", "source")


class Files(peewee.Model):
    """The files that Telegram has from a bot; a file_id is valid for that bot alone."""

    bot_id = peewee.IntegerField()
    image_id = peewee.IntegerField()
    fingerprint = peewee.TextField()
    shape = peewee.TextField()
    kind = EnumField(Kind)
    file_id = peewee.TextField()
    saved_at = TimeField()

    class Meta:
        primary_key = peewee.CompositeKey("bot_id", "image_id")


class SkippedImages(peewee.Model):
    """The images that are left out of the choice until a moment."""

    image_id = peewee.IntegerField(primary_key=True)
    until = TimeField()
    reason = peewee.TextField()

    class Meta:
        table_name = "skipped_images"


class Conversions(peewee.Model):
    """The images that were being converted when the bot died, and how often it did."""

    image_id = peewee.IntegerField(primary_key=True)
    deaths = peewee.IntegerField()
    last_at = TimeField()


class Pictures(peewee.Model):
    """What captions and buttons show of the images that were sent.

    `date` is null for images that an older version sent: their captions are not known.
    """

    image_id = peewee.IntegerField(primary_key=True)
    features = FeaturesField()
    date = peewee.TextField(null=True)
    rating100 = peewee.IntegerField(null=True)


class Votes(peewee.Model):
    """The votes: `rules.votes.StoredVote`. A change replaces the row by one with a higher id.

    `features` are those of the image at that time, and the ones `feature_counts` counts.
    """

    id = peewee.AutoField()
    user_id = peewee.IntegerField()
    image_id = peewee.IntegerField()
    chat_id = peewee.IntegerField()
    vote = EnumField(Vote, null=True)
    voted_at = TimeField()
    features = FeaturesField()
    taken_back = EnumField(Vote, null=True)
    update_id = peewee.IntegerField()
    stars = peewee.IntegerField(null=True)


class FeatureVotes(peewee.Model):
    """The votes on features: the last of each user in a chat, as `rules.votes.StoredVote`."""

    chat_id = peewee.IntegerField()
    user_id = peewee.IntegerField()
    facet = EnumField(Facet)
    feature_id = peewee.IntegerField()
    name = peewee.TextField()
    vote = EnumField(Vote, null=True)
    taken_back = EnumField(Vote, null=True)
    voted_at = TimeField()
    update_id = peewee.IntegerField()

    class Meta:
        table_name = "feature_votes"
        primary_key = peewee.CompositeKey("chat_id", "user_id", "facet", "feature_id")


class Ratings(peewee.Model):
    """`rules.ratings.Rating` of each image; `queued` is unset if there is nothing to write."""

    image_id = peewee.IntegerField(primary_key=True)
    queued = peewee.IntegerField(null=True)
    target = peewee.IntegerField(null=True)
    is_new = peewee.BooleanField()
    written = peewee.IntegerField(null=True)
    announced = peewee.IntegerField(null=True)
    before = peewee.IntegerField(null=True)
    is_explicit = peewee.BooleanField(default=False)


class Exclusions(peewee.Model):
    """The images and features that are not sent to a chat: `models.Exclusion`."""

    id = peewee.AutoField()
    chat_id = peewee.IntegerField()
    facet = EnumField(Facet)
    feature_id = peewee.IntegerField()
    name = peewee.TextField()
    excluded_at = TimeField()


class People(peewee.Model):
    """The people, groups and channels that have asked, or were let in: `models.Person`."""

    id = peewee.AutoField()
    chat_id = peewee.IntegerField()
    standing = EnumField(Standing)
    name = peewee.TextField()
    username = peewee.TextField()
    language = peewee.TextField()
    asked_at = TimeField()
    told_at = TimeField(null=True)
