"""The tables of the database: the script of each version, and the models for Peewee.

The modules beside this one read and write the rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

import peewee

from ..models import Facet, Feature

# The triggers keep `is_latest` right whenever rows are added, changed or deleted: of the rows
# of one image in one chat, exactly the newest has it. The index on (chat_id, is_latest, …)
# relies on that: it counts the images that a chat has seen, and finds the one shown longest
# ago, without reading the history.
#: One script a version. A released script never changes: a new one is appended.
MIGRATIONS = (
    """
    CREATE TABLE chats (
        chat_id INTEGER PRIMARY KEY,
        language TEXT NOT NULL DEFAULT '',
        gone_since TEXT,
        gone_reason TEXT,
        moved_from INTEGER
    );

    CREATE TABLE requests (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        update_id INTEGER UNIQUE,
        chat_id INTEGER NOT NULL,
        user_id INTEGER NOT NULL,
        count INTEGER NOT NULL,
        "trigger" TEXT NOT NULL,
        requested_at TEXT NOT NULL,
        language TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'failed')),
        finished_at TEXT
    );

    CREATE TABLE sent_photos (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        image_id INTEGER NOT NULL,
        sent_at TEXT NOT NULL,
        user_id INTEGER NOT NULL,
        title TEXT NOT NULL DEFAULT '',
        chat_id INTEGER NOT NULL,
        request_id INTEGER REFERENCES requests (id) ON DELETE SET NULL,
        state TEXT NOT NULL DEFAULT 'sent' CHECK (state IN ('sending', 'sent', 'unknown')),
        kind TEXT,
        message_id INTEGER,
        is_latest INTEGER NOT NULL DEFAULT 1
    );
    CREATE INDEX sent_photos_image_id ON sent_photos (image_id);
    CREATE INDEX sent_photos_sent_at ON sent_photos (sent_at);
    CREATE INDEX sent_photos_seen ON sent_photos (chat_id, image_id, sent_at);
    CREATE INDEX sent_photos_latest ON sent_photos (chat_id, is_latest, sent_at, state);
    CREATE INDEX sent_photos_request_id ON sent_photos (request_id) WHERE request_id IS NOT NULL;
    CREATE UNIQUE INDEX sent_photos_sending ON sent_photos (chat_id, image_id)
        WHERE state = 'sending';

    CREATE TRIGGER sent_photos_added AFTER INSERT ON sent_photos BEGIN
        UPDATE sent_photos SET is_latest = NOT is_latest
        WHERE chat_id = NEW.chat_id AND image_id = NEW.image_id AND is_latest <> (id = (
            SELECT id FROM sent_photos WHERE chat_id = NEW.chat_id AND image_id = NEW.image_id
            ORDER BY sent_at DESC, id DESC LIMIT 1
        ));
    END;
    CREATE TRIGGER sent_photos_changed AFTER UPDATE OF sent_at ON sent_photos BEGIN
        UPDATE sent_photos SET is_latest = NOT is_latest
        WHERE chat_id = NEW.chat_id AND image_id = NEW.image_id AND is_latest <> (id = (
            SELECT id FROM sent_photos WHERE chat_id = NEW.chat_id AND image_id = NEW.image_id
            ORDER BY sent_at DESC, id DESC LIMIT 1
        ));
    END;
    CREATE TRIGGER sent_photos_removed AFTER DELETE ON sent_photos WHEN OLD.is_latest BEGIN
        UPDATE sent_photos SET is_latest = 1 WHERE id = (
            SELECT id FROM sent_photos WHERE chat_id = OLD.chat_id AND image_id = OLD.image_id
            ORDER BY sent_at DESC, id DESC LIMIT 1
        );
    END;

    CREATE TABLE walks (
        chat_id INTEGER PRIMARY KEY,
        seed INTEGER NOT NULL,
        "offset" INTEGER NOT NULL,
        exhausted_at TEXT,
        newest_id INTEGER NOT NULL
    );

    CREATE TABLE files (
        bot_id INTEGER NOT NULL,
        image_id INTEGER NOT NULL,
        fingerprint TEXT NOT NULL,
        shape TEXT NOT NULL,
        kind TEXT NOT NULL,
        file_id TEXT NOT NULL,
        saved_at TEXT NOT NULL,
        PRIMARY KEY (bot_id, image_id)
    ) WITHOUT ROWID;

    CREATE TABLE skipped_images (
        image_id INTEGER PRIMARY KEY,
        until TEXT NOT NULL,
        reason TEXT NOT NULL
    );
    """,
    """
    CREATE TABLE orders (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        chat_id INTEGER NOT NULL,
        "when" TEXT NOT NULL,
        zone TEXT NOT NULL DEFAULT '',
        count INTEGER NOT NULL DEFAULT 1,
        is_fixed INTEGER NOT NULL DEFAULT 0,
        handled_until TEXT NOT NULL,
        UNIQUE (chat_id, "when", zone, count, is_fixed)
    );

    ALTER TABLE requests ADD COLUMN order_id INTEGER;
    ALTER TABLE requests ADD COLUMN due TEXT;
    CREATE UNIQUE INDEX requests_due ON requests (order_id, due) WHERE order_id IS NOT NULL;
    """,
    """
    CREATE TABLE pictures (
        image_id INTEGER PRIMARY KEY,
        features TEXT NOT NULL
    );

    CREATE TABLE votes (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        user_id INTEGER NOT NULL,
        image_id INTEGER NOT NULL,
        chat_id INTEGER NOT NULL,
        vote TEXT CHECK (vote IN ('like', 'dislike')),
        pressed TEXT NOT NULL,
        shown INTEGER NOT NULL,
        voted_at TEXT NOT NULL,
        worth REAL NOT NULL,
        features TEXT NOT NULL,
        UNIQUE (user_id, image_id)
    );
    CREATE INDEX votes_image_id ON votes (image_id);
    CREATE INDEX votes_chat_id ON votes (chat_id);

    CREATE TABLE presses (
        update_id INTEGER PRIMARY KEY,
        pressed_at TEXT NOT NULL
    );

    CREATE TABLE tallies (
        chat_id INTEGER NOT NULL,
        facet TEXT NOT NULL,
        feature_id INTEGER NOT NULL,
        name TEXT NOT NULL,
        likes INTEGER NOT NULL,
        dislikes INTEGER NOT NULL,
        liked REAL NOT NULL,
        disliked REAL NOT NULL,
        PRIMARY KEY (chat_id, facet, feature_id)
    ) WITHOUT ROWID;

    CREATE TABLE ratings (
        image_id INTEGER PRIMARY KEY,
        queued INTEGER,
        ballot INTEGER,
        target INTEGER,
        told INTEGER,
        before INTEGER,
        is_sure INTEGER NOT NULL DEFAULT 1,
        seen INTEGER,
        announced INTEGER NOT NULL DEFAULT 0,
        since INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX ratings_queued ON ratings (queued) WHERE queued IS NOT NULL;

    CREATE TABLE exclusions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        chat_id INTEGER NOT NULL,
        facet TEXT NOT NULL,
        feature_id INTEGER NOT NULL,
        name TEXT NOT NULL,
        excluded_at TEXT NOT NULL,
        UNIQUE (chat_id, facet, feature_id)
    );

    ALTER TABLE requests ADD COLUMN after_message INTEGER;
    CREATE UNIQUE INDEX requests_after_message ON requests (chat_id, after_message)
        WHERE after_message IS NOT NULL;
    """,
    """
    CREATE TABLE showings (
        chat_id INTEGER NOT NULL,
        facet TEXT NOT NULL,
        feature_id INTEGER NOT NULL,
        times REAL NOT NULL,
        PRIMARY KEY (chat_id, facet, feature_id)
    ) WITHOUT ROWID;
    """,
    """
    ALTER TABLE orders RENAME TO schedules;
    ALTER TABLE requests RENAME COLUMN order_id TO schedule_id;

    ALTER TABLE votes DROP COLUMN pressed;
    ALTER TABLE votes DROP COLUMN shown;
    ALTER TABLE votes DROP COLUMN worth;
    ALTER TABLE votes ADD COLUMN taken_back TEXT;
    ALTER TABLE votes ADD COLUMN update_id INTEGER NOT NULL DEFAULT 0;
    UPDATE votes SET update_id = last.update_id
    FROM (SELECT update_id FROM presses ORDER BY pressed_at DESC LIMIT 1) AS last;
    DROP TABLE presses;

    CREATE TABLE feature_counts (
        chat_id INTEGER NOT NULL,
        facet TEXT NOT NULL,
        feature_id INTEGER NOT NULL,
        name TEXT NOT NULL,
        likes INTEGER NOT NULL,
        dislikes INTEGER NOT NULL,
        shown INTEGER NOT NULL,
        PRIMARY KEY (chat_id, facet, feature_id)
    ) WITHOUT ROWID;
    INSERT INTO feature_counts
    SELECT chat_id, facet, feature_id, MAX(name), SUM(likes), SUM(dislikes), SUM(shown) FROM (
        SELECT chat_id, facet, feature_id, name, likes, dislikes, 0 AS shown FROM tallies
        UNION ALL
        SELECT chat_id, each.value ->> 0,
            iif(each.value ->> 0 = 'image', 0, each.value ->> 1), '', 0, 0, times
        FROM (
            SELECT chat_id, image_id, COUNT(*) AS times FROM sent_photos
            WHERE state <> 'sending' GROUP BY chat_id, image_id
        ) AS sent
        JOIN pictures ON pictures.image_id = sent.image_id
        JOIN json_each(pictures.features) AS each
    ) GROUP BY chat_id, facet, feature_id;
    DROP TABLE tallies;
    DROP TABLE showings;

    ALTER TABLE ratings RENAME TO old_ratings;
    DROP INDEX ratings_queued;
    CREATE TABLE ratings (
        image_id INTEGER PRIMARY KEY,
        queued INTEGER,
        target INTEGER,
        is_new INTEGER NOT NULL DEFAULT 0,
        written INTEGER,
        announced INTEGER,
        before INTEGER
    );
    CREATE INDEX ratings_queued ON ratings (queued) WHERE queued IS NOT NULL;
    INSERT INTO ratings
    SELECT image_id, queued, target, queued IS NOT NULL AND queued IS ballot AND announced < ballot,
        iif(is_sure, told, NULLIF(seen, before)), iif(is_sure, NULL, told), before
    FROM old_ratings;
    DROP TABLE old_ratings;
    """,
)


def in_utc(moment: datetime) -> str:
    """An aware datetime in UTC as the database stores it: 'YYYY-MM-DD HH:MM:SS.ffffff'.

    The text sorts as the time does, and SQLite's date functions read it.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment} names no time zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


class TimeField(peewee.TextField):
    """An aware datetime, stored by `in_utc`."""

    def db_value(self, value: datetime | None) -> str | None:
        return None if value is None else in_utc(value)

    def python_value(self, value: str | None) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


class FeaturesField(peewee.TextField):
    """Features as JSON: `[["tag", 12, "sea"], ...]`."""

    def db_value(self, value: Iterable[Feature]) -> str:
        return json.dumps([(each.facet, each.id, each.name) for each in value])

    def python_value(self, value: str) -> list[Feature]:
        return [Feature(Facet(facet), id, name) for facet, id, name in json.loads(value)]


class Chats(peewee.Model):
    """The chats that have written to the bot; `gone_since` is set while messages are refused."""

    chat_id = peewee.IntegerField(primary_key=True)
    language = peewee.TextField()
    gone_since = TimeField(null=True)
    gone_reason = peewee.TextField(null=True)
    moved_from = peewee.IntegerField(null=True)


class Schedules(peewee.Model):
    """The schedules: `models.Schedule`, with the id that the chat had at that time."""

    id = peewee.AutoField()
    chat_id = peewee.IntegerField()
    when = peewee.TextField()
    zone = peewee.TextField()
    count = peewee.IntegerField()
    is_fixed = peewee.IntegerField()
    handled_until = TimeField()

    class Meta:
        table_name = "schedules"


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
    trigger = peewee.TextField()
    requested_at = TimeField()
    language = peewee.TextField()
    state = peewee.TextField()
    finished_at = TimeField(null=True)
    schedule_id = peewee.IntegerField(null=True)
    due = TimeField(null=True)
    after_message = peewee.IntegerField(null=True)


class SentPhotos(peewee.Model):
    """The history: a row is 'sending', then 'sent', or 'unknown' if it may have arrived.

    `sent_at` is when sending began, then when it ended. Only the triggers set `is_latest`.
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

    class Meta:
        table_name = "sent_photos"


class Walks(peewee.Model):
    """The place of each chat in the library: `models.Shuffle`."""

    chat_id = peewee.IntegerField(primary_key=True)
    seed = peewee.IntegerField()
    offset = peewee.IntegerField()
    exhausted_at = TimeField(null=True)
    newest_id = peewee.IntegerField()


class Files(peewee.Model):
    """The files that Telegram has from a bot; a file_id is valid for that bot alone."""

    bot_id = peewee.IntegerField()
    image_id = peewee.IntegerField()
    fingerprint = peewee.TextField()
    shape = peewee.TextField()
    kind = peewee.TextField()
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


class Pictures(peewee.Model):
    """The features of the images that were sent, so that a vote needs no answer of Stash."""

    image_id = peewee.IntegerField(primary_key=True)
    features = FeaturesField()


class Votes(peewee.Model):
    """The votes: `models.StoredVote`. A change replaces the row by one with a higher id.

    `features` are those of the image at that time, and the ones `feature_counts` counts.
    """

    id = peewee.AutoField()
    user_id = peewee.IntegerField()
    image_id = peewee.IntegerField()
    chat_id = peewee.IntegerField()
    vote = peewee.TextField(null=True)
    voted_at = TimeField()
    features = FeaturesField()
    taken_back = peewee.TextField(null=True)
    update_id = peewee.IntegerField()


class FeatureCounts(peewee.Model):
    """The votes of each chat, and the pictures it was sent, by feature: `models.VoteCounts`."""

    chat_id = peewee.IntegerField()
    facet = peewee.TextField()
    feature_id = peewee.IntegerField()
    name = peewee.TextField()
    likes = peewee.IntegerField()
    dislikes = peewee.IntegerField()
    shown = peewee.IntegerField()

    class Meta:
        table_name = "feature_counts"
        primary_key = peewee.CompositeKey("chat_id", "facet", "feature_id")


class Ratings(peewee.Model):
    """The ratings that the bot has written or has to write: `models.Rating`.

    `queued` is unset while there is nothing to write.
    """

    image_id = peewee.IntegerField(primary_key=True)
    queued = peewee.IntegerField(null=True)
    target = peewee.IntegerField(null=True)
    is_new = peewee.BooleanField()
    written = peewee.IntegerField(null=True)
    announced = peewee.IntegerField(null=True)
    before = peewee.IntegerField(null=True)


class Exclusions(peewee.Model):
    """The images and features that are not sent to a chat: `models.Exclusion`."""

    id = peewee.AutoField()
    chat_id = peewee.IntegerField()
    facet = peewee.TextField()
    feature_id = peewee.IntegerField()
    name = peewee.TextField()
    excluded_at = TimeField()
