"""The votes on pictures, and `/preferences`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import structlog

from ..messages.caption import stars
from ..messages.catalogue import LANGUAGES, TEXTS, Texts, choose
from ..messages.labels import label
from ..messages.plain_text import message
from ..messages.sections import section, votes
from ..models import Button, Facet, Feature, Press, Reply, Shown, Vote, VoteCounts
from ..rules import preferences
from ..rules.votes import Opinion
from ..settings.keys import Settings
from ..store.ratings import RatingScale
from ..store.store import Store
from .buttons import Look, PictureButtons

log = structlog.get_logger()

#: Votes of this time before the start may not be marked yet.
UNMARKED_FOR = timedelta(minutes=2)
#: A picture is drawn again, if Stash has another rating than its caption says, for this time.
SHOWN_FOR = timedelta(days=2)
#: The most pictures whose buttons are drawn again at the start.
MOST_REDRAWN = 20
#: Entries of each facet among the most liked, and among the least liked.
TOP = 5
#: The facets in `/preferences`, in their order.
FACETS = (Facet.PERFORMER, Facet.TAG, Facet.GALLERY, Facet.STUDIO)
#: The headings in `/preferences`, each with the function that chooses the entries below it.
RANKINGS = {"preferences.most": preferences.favourites, "preferences.least": preferences.dislikes}


class Voting:
    """The votes of all chats. Thread-safe; it makes no network calls.

    `wake` is called when a rating may have to be written. Every method raises StoreError.
    """

    def __init__(
        self,
        *,
        store: Store,
        buttons: PictureButtons,
        settings: Settings,
        wake: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._chats = store.chats
        self._votes = store.votes
        self._people = store.people
        self._buttons = buttons
        self._settings = settings.votes
        self._wake = wake
        self._now = now

    # Under a picture

    def vote(self, press: Press, texts: Texts) -> tuple[str, bool]:
        """Take a press: the answer to it, and whether it asks for the next picture."""
        opinion, is_changed = self._votes.cast(press, self._now(), self._scale)
        if is_changed:
            about = {"chat_id": press.chat_id, "user_id": press.user_id}
            log.info("voted", **about, image_id=press.image_id, vote=opinion.vote)
            self._wake()
        may_want_next = opinion.vote is not None and not opinion.stars
        wants_next = may_want_next and self._chats.values(press.chat_id).auto_next
        return self._note(press.image_id, opinion, texts), wants_next

    def react(self, press: Press, before: Vote | None) -> bool:
        """Take a user's reactions as a vote; whether that may have changed the vote.

        `before` is the vote that the reactions counted as until now. If they count as none, it
        is taken back, unless the user has voted otherwise or given stars since.
        """
        if press.vote is before:
            return False
        opinion = self._votes.opinion(press.user_id, press.image_id)
        if press.vote is None and opinion != Opinion(before):
            return False
        self.vote(press, TEXTS[LANGUAGES[0]])
        return True

    def _note(self, image_id: int, opinion: Opinion, texts: Texts) -> str:
        """The answer to a press: the vote, and the rating that Stash has then."""
        vote = texts(f"vote.{opinion.vote or 'taken_back'}") if not opinion.stars else ""
        scale = self._scale
        if scale is None:
            return vote
        rating100 = self._buttons.rating(image_id)
        asked = scale.of(*opinion)
        key = "vote.stays" if asked not in (None, rating100) else "vote.in_stash"
        shown = stars(rating100, texts).partition("/")[0]
        rating = texts(key, stars=shown) if rating100 else ""
        return " · ".join(filter(None, [vote, rating])) or texts("vote.taken_back")

    def latest(self, wanted: int | None = None) -> Iterator[tuple[int, int, Look]]:
        """The chat, message and look of each picture with a vote of the last minutes.

        If the image `wanted` is named, only of its pictures, with a vote of the last days.
        """
        since = self._now() - (SHOWN_FOR if wanted else UNMARKED_FOR)
        recent = self._votes.latest(since, MOST_REDRAWN, wanted)
        for chat_id, image_id, message_id, language in recent:
            values = self._chats.values(chat_id)
            texts = TEXTS[choose(values.language, language or None)]
            shown = Shown(message_id, image_id)
            for look in self._buttons.looks(chat_id, shown, texts):
                yield chat_id, *look

    @property
    def _scale(self) -> RatingScale | None:
        """The ratings of votes; None if votes write none."""
        votes, owner = self._settings, self._people.known.owner
        if votes.write_ratings == "never":
            return None
        rating100 = {Vote.LIKE: votes.like, Vote.DISLIKE: votes.dislike}
        return RatingScale(rating100, owner, replaces_others=votes.write_ratings == "always")

    # /preferences

    def preferences(self, chat_id: int, texts: Texts) -> Reply:
        """The most and the least liked features of the chat, with a button to forget them."""
        total = self._votes.total(chat_id)
        if not total.likes + total.dislikes:
            return Reply(texts("preferences.none"))
        lines = section(texts("preferences.heading"), [votes(total)])
        known = [self._votes.voted_on(chat_id, facet) for facet in FACETS]
        for heading, rank in RANKINGS.items():
            ranked = [one for counts in known for one in rank(counts, TOP)]
            lines += section(texts(heading), [_line(*one, texts) for one in ranked])
        rows = [[Button(texts("preferences.forget"), "forget:ask")]]
        return Reply(message(lines), rows, is_html=True)

    def forget(self, chat_id: int, answer: str, texts: Texts) -> Reply:
        """The message after an answer: two questions, then all votes of the chat are deleted."""
        if answer == "no":
            return self.preferences(chat_id, texts)
        if answer == "yes":
            forgotten = self._votes.forget(chat_id, self._scale)
            log.info("votes_forgotten", chat_id=chat_id, votes=forgotten)
            return Reply(texts("preferences.forgotten"))
        keep = Button(texts("preferences.no"), "forget:no")
        if answer == "ask":
            go_on = Button(texts("preferences.yes"), "forget:sure")
            return Reply(texts("preferences.question"), [[go_on, keep]])
        # The buttons change places, so that a double tap keeps all.
        forget = Button(texts("preferences.yes"), "forget:yes")
        return Reply(texts("preferences.really"), [[keep, forget]])


def _line(feature: Feature, counts: VoteCounts, texts: Texts) -> str:
    return f"{label(feature, texts)} – {votes(counts)}"
