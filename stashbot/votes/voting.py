"""Votes and exclusions: the buttons under pictures, `/excluded` and `/preferences`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

import structlog

from ..messages import keyboards
from ..messages.catalogue import LANGUAGES, TEXTS, Texts
from ..messages.plain_text import message
from ..models import Button, Facet, Feature, Press, Reply, Rows, Vote, VoteCounts
from ..rules import preferences
from ..settings.keys import VotesSettings
from ..store.store import Store

log = structlog.get_logger()

#: Votes of this time before the start may not be marked yet.
UNMARKED_FOR = timedelta(minutes=2)
#: The most pictures whose buttons are drawn again at the start.
MOST_REDRAWN = 20
#: Entries of each facet among the most liked, and among the least liked.
TOP = 5
#: The facets in `/preferences`, in their order.
FACETS = (Facet.PERFORMER, Facet.TAG, Facet.GALLERY)
#: The headings in `/preferences`, each with the function that chooses the entries below it.
RANKINGS = {"preferences.most": preferences.favourites, "preferences.least": preferences.dislikes}


class Voting:
    """The votes and exclusions of all chats. Thread-safe; it makes no network calls.

    `wake` is called when a rating may have to be written. Every method raises StoreError.
    """

    def __init__(
        self,
        store: Store,
        settings: VotesSettings,
        wake: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._votes = store.votes
        self._exclusions = store.exclusions
        self._auto_next = settings.auto_next
        ratings = {Vote.LIKE: settings.like, Vote.DISLIKE: settings.dislike}
        may_write = settings.write_ratings != "never"
        self._ratings: Mapping[Vote, int] | None = ratings if may_write else None
        self._wake = wake
        self._now = now

    # Under a picture

    def vote(self, press: Press) -> tuple[Vote | None, bool]:
        """Take a press: the user's vote after it, and whether it asks for the next picture."""
        vote, is_changed = self._votes.cast(press, self._now(), self._ratings)
        if is_changed:
            about = {"chat_id": press.chat_id, "user_id": press.user_id}
            log.info("voted", **about, image_id=press.image_id, vote=vote)
            self._wake()
        return vote, vote is not None and self._auto_next

    def rows(self, chat_id: int, image_id: int, texts: Texts) -> Rows:
        """The current buttons under a picture that was sent."""
        votes, excluded = self._votes.of_image(chat_id, image_id), self._exclusions.of(chat_id)
        offered, is_private = self._features(image_id), chat_id > 0
        return keyboards.under_picture(
            image_id,
            votes,
            offered,
            excluded,
            texts,
            source=self.source_of(chat_id, image_id),
            is_private=is_private,
        )

    def source_of(self, chat_id: int, image_id: int) -> str:
        """The key of the source from which an image came to a chat; empty if it is not known."""
        return self._store.source_of(chat_id, image_id)

    def latest(self) -> Iterator[tuple[int, int, Rows]]:
        """The chat, message and buttons of each picture with a vote of the last minutes."""
        recent = self._votes.latest(self._now() - UNMARKED_FOR, MOST_REDRAWN)
        for chat_id, image_id, message_id, language in recent:
            texts = TEXTS[language or LANGUAGES[0]]
            yield chat_id, message_id, self.rows(chat_id, image_id, texts)

    def exclude(
        self, chat_id: int, user_id: int, image_id: int, feature: Feature, texts: Texts
    ) -> str:
        """Exclude a picture, or its gallery or performer; the answer to the press."""
        feature = self._named(image_id, feature)
        if self._exclusions.add(chat_id, feature, self._now()):
            _log("excluded", chat_id, user_id, image_id, feature)
        return texts("excluded.note", name=keyboards.label(feature, texts))

    def include(
        self, chat_id: int, user_id: int, image_id: int | None, feature: Feature, texts: Texts
    ) -> str:
        """Include a picture, or its gallery or performer, again; the answer to the press.

        Without an `image_id` the feature has its name.
        """
        feature = self._named(image_id, feature) if image_id else feature
        if self._exclusions.remove(chat_id, feature):
            _log("restored", chat_id, user_id, image_id, feature)
        return texts("excluded.restored", name=keyboards.label(feature, texts))

    def _named(self, image_id: int, feature: Feature) -> Feature:
        """The feature with its name, if the image is known to have it."""
        return next((each for each in self._features(image_id) if each == feature), feature)

    def _features(self, image_id: int) -> list[Feature]:
        return self._votes.features(image_id) or [Feature(Facet.IMAGE, image_id)]

    # /excluded

    def excluded(self, chat_id: int, page: int, texts: Texts) -> Reply:
        """A page of the chat's exclusions; the last one if `page` is too high."""
        count = len(self._exclusions.of(chat_id))
        if not count:
            return Reply(texts("excluded.none"))
        page = min(page, (count - 1) // keyboards.PAGE)
        shown = self._exclusions.page(chat_id, page * keyboards.PAGE, keyboards.PAGE)
        rows = keyboards.listing(page, shown, count, texts)
        return Reply(texts("excluded.heading", n=count), rows)

    def restore(self, chat_id: int, user_id: int, exclusion_id: int, texts: Texts) -> str:
        """Drop an exclusion; the answer to the press, empty if there is no such exclusion."""
        feature = self._exclusions.feature(chat_id, exclusion_id)
        if feature is None:
            return ""
        image_id = feature.id if feature.facet is Facet.IMAGE else None
        return self.include(chat_id, user_id, image_id, feature, texts)

    def image_in(self, chat_id: int, message_id: int | None) -> int | None:
        """The image in a message of the bot, or the chat's newest; None if there is none."""
        return self._store.image_in(chat_id, message_id)

    def unhide(self, chat_id: int, user_id: int, feature: Feature, texts: Texts) -> str:
        """Drop the exclusion of a feature; the answer to the press, empty if there is none."""
        named = self._exclusions.named(chat_id, feature)
        return self.include(chat_id, user_id, None, named, texts) if named else ""

    # /preferences

    def preferences(self, chat_id: int, texts: Texts) -> Reply:
        """The most and the least liked features of the chat, with a button to forget them."""
        total = self._votes.total(chat_id)
        if not total.likes + total.dislikes:
            return Reply(texts("preferences.none"))
        lines = [texts("preferences.heading", likes=total.likes, dislikes=total.dislikes)]
        known = [self._votes.voted_on(chat_id, facet) for facet in FACETS]
        for heading, rank in RANKINGS.items():
            ranked = [one for counts in known for one in rank(counts, TOP)]
            if ranked:
                lines += ["", texts(heading), *(_line(*one, texts) for one in ranked)]
        return Reply(message(lines), [[Button(texts("preferences.forget"), "forget:ask")]])

    def forget(self, chat_id: int, answer: str, texts: Texts) -> Reply:
        """The message after an answer: two questions, then all votes of the chat are deleted."""
        if answer == "no":
            return self.preferences(chat_id, texts)
        if answer == "yes":
            forgotten = self._votes.forget(chat_id, self._ratings)
            log.info("votes_forgotten", chat_id=chat_id, votes=forgotten)
            return Reply(texts("preferences.forgotten"))
        keep = Button(texts("preferences.no"), "forget:no")
        if answer == "ask":
            go_on = Button(texts("preferences.yes"), "forget:sure")
            return Reply(texts("preferences.question"), [[go_on, keep]])
        # The buttons change places, so that a double tap keeps all.
        forget = Button(texts("preferences.yes"), "forget:yes")
        return Reply(texts("preferences.really"), [[keep, forget]])


def _log(event: str, chat_id: int, user_id: int, image_id: int | None, feature: Feature) -> None:
    about = {"chat_id": chat_id, "user_id": user_id, "image_id": image_id, "vote": None}
    log.info(event, **about, kind=feature.facet, id=feature.id)


def _line(feature: Feature, votes: VoteCounts, texts: Texts) -> str:
    name = keyboards.label(feature, texts)
    return texts("preferences.line", name=name, likes=votes.likes, dislikes=votes.dislikes)
