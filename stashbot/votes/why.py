"""Why a picture came: its source, its weight and its earlier showings; and votes on its names."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

import structlog

from ..messages import menu
from ..messages import sources as words
from ..messages import why as sentences
from ..messages.catalogue import Texts
from ..messages.labels import label
from ..messages.plain_text import message
from ..models import Explanation, Feature, Place, Press, Reply, Rows, Shown, SourceKind
from ..rules.explanation import MOST_REASONS, explain
from ..rules.sources import of_picture
from ..settings.keys import Settings
from ..store.store import Store

log = structlog.get_logger()

#: The sources with an order of their own, which the votes do not change.
ORDERED = (SourceKind.NEW, SourceKind.LIKE, SourceKind.BEST)


class Why:
    """Explains pictures that were sent. Thread-safe; it makes no network calls.

    Every method raises StoreError.
    """

    def __init__(self, store: Store, settings: Settings, now: Callable[[], datetime]) -> None:
        self._store = store
        self._avoid = timedelta(days=settings.history.avoid_days)
        self._now = now

    def answer(self, chat_id: int, shown: Shown, texts: Texts) -> Reply:
        """Why a picture came, with buttons for less and more of its names."""
        sent = self._store.pictures.sent(chat_id, shown)
        source, features = of_picture(sent), self._store.votes.features(shown.image_id)
        place = words.heading(Place(source), features, texts) or words.label(source, texts)
        lines = [texts("why.source", source=place), ""]
        if source.kind in ORDERED:
            lines.append(texts(f"why.order_{source.kind}"))
        else:
            lines += sentences.weight(self._explained(chat_id, shown.image_id), texts)
        if times := self._store.pictures.showings(chat_id, shown):
            is_early = len(times) > 1 and times[0] - times[1] < self._avoid
            is_repeat = is_early and source.kind is not SourceKind.BEST
            zone = self._store.chats.values(chat_id).timezone
            days = [each.astimezone(zone).date() for each in times]
            lines += ["", sentences.showings(days, texts, is_repeat=is_repeat)]
        return Reply(message(lines), self.buttons(chat_id, shown.image_id, texts))

    def buttons(
        self, chat_id: int, image_id: int, texts: Texts, offered: Collection[Feature] = ()
    ) -> Rows:
        """Buttons for the features in `offered`.

        If it is empty, for those that explain the weight, filled up with others.
        """
        features = self._store.votes.features(image_id)
        if not offered:
            reasons = [each.feature for each in self._explained(chat_id, image_id).reasons]
            offered = list(dict.fromkeys([*reasons, *menu.named(features)]))[:MOST_REASONS]
        in_order = [each for each in features if each in offered]
        votes = self._store.feature_votes.of(chat_id)
        return sentences.buttons(image_id, in_order, votes, texts, is_private=chat_id > 0)

    def vote(self, press: Press, feature: Feature, texts: Texts) -> str:
        """Take a press for less or more of a feature; the answer to it."""
        features = self._store.votes.features(press.image_id)
        feature = next((each for each in features if each == feature), feature)
        vote, is_changed = self._store.feature_votes.cast(press, feature, self._now())
        if is_changed:
            about = {"chat_id": press.chat_id, "user_id": press.user_id, "image_id": press.image_id}
            log.info("voted", **about, vote=vote, kind=feature.facet, id=feature.id)
        return texts(f"why.note_{vote or 'none'}", name=label(feature, texts))

    def _explained(self, chat_id: int, image_id: int) -> Explanation:
        names = self._store.votes.features(image_id)[1:]
        counts = self._store.votes.counts(chat_id, names)
        return explain(names, counts, self._store.feature_votes.of(chat_id))
