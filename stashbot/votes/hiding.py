"""What a chat hides: pictures, performers, galleries, studios and tags, and `/excluded`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from ..messages import keyboards, menu
from ..messages.catalogue import Texts
from ..messages.labels import label
from ..messages.plain_text import message
from ..models import Facet, Feature, Reply
from ..store.store import Store

log = structlog.get_logger()

#: The kinds in `/excluded`, in their order.
KINDS = (Facet.PERFORMER, Facet.GALLERY, Facet.STUDIO, Facet.TAG, Facet.IMAGE)


class Hiding:
    """The exclusions of all chats. Thread-safe; it makes no network calls.

    Every method raises StoreError.
    """

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._votes = store.votes
        self._exclusions = store.exclusions
        self._now = now

    def hide(
        self, chat_id: int, user_id: int, image_id: int, feature: Feature, texts: Texts
    ) -> str:
        """Hide a picture, or a name that it has; the answer to the press.

        Without a picture, `image_id` is 0 and the feature has its name.
        """
        feature = self._named(image_id, feature)
        if self._exclusions.add(chat_id, feature, self._now()):
            _log("excluded", chat_id, user_id, image_id or None, feature)
        return texts("excluded.note", name=label(feature, texts))

    def bring_back(
        self, chat_id: int, user_id: int, image_id: int, feature: Feature, texts: Texts
    ) -> str:
        """Drop an exclusion, if there is one; the answer to the press."""
        known = self._exclusions.named(chat_id, feature)
        named = known or self._named(image_id, feature)
        if known and self._exclusions.remove(chat_id, feature):
            _log("restored", chat_id, user_id, image_id or None, named)
        return texts("excluded.restored", name=label(named, texts))

    def restore(self, chat_id: int, user_id: int, exclusion_id: int, texts: Texts) -> str:
        """Drop the exclusion with an id; the answer to the press, empty if there is none."""
        feature = self._exclusions.feature(chat_id, exclusion_id)
        if feature is None:
            return ""
        image_id = feature.id if feature.facet is Facet.IMAGE else 0
        return self.bring_back(chat_id, user_id, image_id, feature, texts)

    def listing(self, chat_id: int, page: int, texts: Texts) -> Reply:
        """A page of the chat's exclusions by kind; the last one if `page` is too high."""
        excluded = self._exclusions.of(chat_id)
        if not excluded:
            return Reply(texts("excluded.none"))
        page = min(page, (len(excluded) - 1) // keyboards.PAGE)
        shown = self._exclusions.page(chat_id, KINDS, page * keyboards.PAGE, keyboards.PAGE)
        counts = [(kind, sum(each.facet is kind for each in excluded)) for kind in KINDS]
        kinds = " · ".join(texts(f"excluded.{kind}", n=count) for kind, count in counts if count)
        rows = keyboards.listing(page, shown, len(excluded), texts)
        return Reply(message([texts("excluded.heading"), kinds]), rows)

    def offer(self, chat_id: int, image_id: int, texts: Texts) -> Reply:
        """What can be hidden of a picture, each with a button."""
        image, *names = self._features(image_id)
        rows = menu.hiding(image, names, self._exclusions.of(chat_id), texts)
        return Reply(texts("excluded.offer"), rows)

    def _features(self, image_id: int) -> list[Feature]:
        """The features of a picture that was sent, itself first."""
        return self._votes.features(image_id) or [Feature(Facet.IMAGE, image_id)]

    def _named(self, image_id: int, feature: Feature) -> Feature:
        """The feature with its name, if the image is known to have it."""
        known = self._features(image_id) if image_id else []
        return next((each for each in known if each == feature), feature)


def _log(event: str, chat_id: int, user_id: int, image_id: int | None, feature: Feature) -> None:
    about = {"chat_id": chat_id, "user_id": user_id, "image_id": image_id, "vote": None}
    log.info(event, **about, kind=feature.facet, id=feature.id)
