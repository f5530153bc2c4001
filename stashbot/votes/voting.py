"""What people say of pictures: votes, exclusions, and what was learned from them, in words.

It keeps what is said and tells what to show; who carries ratings to Stash is only woken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

import structlog

from ..messages import keyboards
from ..messages.catalogue import LANGUAGES, TEXTS, Texts
from ..messages.plain_text import message
from ..models import Button, Facet, Feature, Press, Reply, Rows, Vote
from ..rules import preferences
from ..rules.preferences import Tallies, Tally
from ..settings.load import VotesSettings
from ..store.store import Store

log = structlog.get_logger()

#: How long ago, and on how many pictures, a vote may have been given that is not shown yet.
JUST_NOW, PICTURES = timedelta(minutes=2), 20
#: How many of each facet are listed as liked most, and least.
TOP = 5
#: The facets that are listed, in this order.
FACETS = (Facet.PERFORMER, Facet.TAG, Facet.GALLERY)


class Voting:
    """The votes and exclusions of all chats. Thread-safe; it calls nobody outside.

    `wake` is called when there is a rating to be written. Every method raises StoreError.
    """

    def __init__(
        self,
        store: Store,
        settings: VotesSettings,
        wake: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._votes = store.votes
        self._exclusions = store.exclusions
        self._auto_next = settings.auto_next
        ratings = {Vote.LIKE: settings.like, Vote.DISLIKE: settings.dislike}
        self._ratings: Mapping[Vote, int] | None = ratings if settings.write_ratings else None
        self._wake = wake
        self._now = now

    # Under a picture

    def vote(self, press: Press) -> tuple[Vote | None, bool]:
        """Take a press of a thumb: the vote it leaves, and whether the next picture is wanted."""
        ballot, is_new = self._votes.cast(press, self._now(), self._ratings)
        vote = ballot.vote if ballot else None
        if is_new:
            about = {"chat_id": press.chat_id, "user_id": press.user_id}
            log.info("voted", **about, image_id=press.image_id, vote=vote)
            self._wake()
        return vote, vote is not None and self._auto_next

    def rows(self, chat_id: int, image_id: int, texts: Texts) -> Rows:
        """The buttons under a picture that was sent, as they are to be now."""
        return keyboards.under_picture(
            image_id,
            self._votes.standing(chat_id, image_id),
            self._features(image_id),
            self._exclusions.of(chat_id),
            texts,
            is_private=chat_id > 0,
        )

    def latest(self) -> Iterator[tuple[int, int, Rows]]:
        """The pictures that were voted on just now: chat, message, and the buttons to be there."""
        recent = self._votes.latest(self._now() - JUST_NOW, PICTURES)
        for chat_id, image_id, message_id, language in recent:
            texts = TEXTS[language or LANGUAGES[0]]
            yield chat_id, message_id, self.rows(chat_id, image_id, texts)

    def exclude(
        self, chat_id: int, user_id: int, image_id: int, feature: Feature, texts: Texts
    ) -> str:
        """Exclude a picture, or its gallery or performer; a passing note about it."""
        feature = self._named(image_id, feature)
        if self._exclusions.add(chat_id, feature, self._now()):
            self._log("excluded", chat_id, user_id, image_id, feature)
        return texts("excluded.note", name=keyboards.label(feature, texts, keyboards.LONG_NAME))

    def include(
        self, chat_id: int, user_id: int, image_id: int, feature: Feature, texts: Texts
    ) -> str:
        """Bring back a picture, or its gallery or performer; a passing note about it."""
        feature = self._named(image_id, feature)
        if self._exclusions.remove(chat_id, feature):
            self._log("restored", chat_id, user_id, image_id, feature)
        return texts("excluded.restored", name=keyboards.label(feature, texts, keyboards.LONG_NAME))

    def _named(self, image_id: int, feature: Feature) -> Feature:
        """The feature with the name that it has for this image, if it is known."""
        return next((each for each in self._features(image_id) if each == feature), feature)

    def _features(self, image_id: int) -> list[Feature]:
        return self._votes.features(image_id) or [Feature(Facet.IMAGE, image_id)]

    # What is excluded

    def excluded(self, chat_id: int, page: int, texts: Texts) -> Reply:
        """A page of what the chat has excluded, the last page if there is no such."""
        count = self._exclusions.count(chat_id)
        if not count:
            return Reply(texts("excluded.none"))
        page = min(page, (count - 1) // keyboards.PAGE)
        shown = self._exclusions.page(chat_id, page * keyboards.PAGE, keyboards.PAGE)
        return Reply(
            texts("excluded.heading", n=count), keyboards.listing(page, shown, count, texts)
        )

    def restore(self, chat_id: int, user_id: int, exclusion_id: int, texts: Texts) -> str:
        """Bring back what was excluded; a passing note about it, empty if it was back already."""
        feature = self._exclusions.feature(chat_id, exclusion_id)
        if feature is None or not self._exclusions.remove(chat_id, feature):
            return ""
        image_id = feature.id if feature.facet is Facet.IMAGE else None
        self._log("restored", chat_id, user_id, image_id, feature)
        return texts("excluded.restored", name=keyboards.label(feature, texts, keyboards.LONG_NAME))

    def _log(
        self, event: str, chat_id: int, user_id: int, image_id: int | None, feature: Feature
    ) -> None:
        about = {"chat_id": chat_id, "user_id": user_id, "image_id": image_id, "vote": None}
        log.info(event, **about, kind=feature.facet, id=feature.id)

    # What was learned

    def preferences(self, chat_id: int, texts: Texts) -> Reply:
        """What the chat's votes say, with the button to forget it."""
        now = self._now()
        total = self._votes.total(chat_id, now)
        if not total.likes + total.dislikes:
            return Reply(texts("preferences.none"))
        known = {facet: self._votes.tallies_of(chat_id, facet, now) for facet in FACETS}
        lines = [texts("preferences.heading", likes=total.likes, dislikes=total.dislikes)]
        lines += _ranking(texts("preferences.most"), known.values(), preferences.favourites, texts)
        lines += _ranking(texts("preferences.least"), known.values(), preferences.dislikes, texts)
        forget = Button(texts("preferences.forget"), "forget:ask")
        return Reply(message(lines), [[forget]])

    def forget(self, chat_id: int, answer: str, texts: Texts) -> Reply:
        """Ask twice whether all is to be forgotten, and do so when both was answered."""
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
        # The other way round, so that a hasty second tap keeps all.
        forget = Button(texts("preferences.yes"), "forget:yes")
        return Reply(texts("preferences.really"), [[keep, forget]])


def _ranking(
    heading: str,
    known: Iterable[Tallies],
    rank: Callable[[Tallies, int], list[tuple[Feature, Tally]]],
    texts: Texts,
) -> list[str]:
    """A heading and its lines, if there are any."""
    lines = [
        texts(
            "preferences.line",
            name=keyboards.label(feature, texts, keyboards.LONG_NAME),
            likes=tally.likes,
            dislikes=tally.dislikes,
        )
        for tallies in known
        for feature, tally in rank(tallies, TOP)
    ]
    return ["", heading, *lines] if lines else []
