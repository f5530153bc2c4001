"""The captions and buttons of the pictures that were sent, as they are now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..messages.caption import caption
from ..messages.catalogue import Texts
from ..messages.keyboards import UnderPicture, following, under_album, under_picture
from ..messages.sources import heading
from ..models import Album, Facet, Feature, Place, Rows, SentPicture, Shown
from ..rules.ratings import expected
from ..rules.sources import of_picture
from ..settings.keys import Settings
from ..store.store import Store


@dataclass(frozen=True)
class Look:
    """The look of a picture: its buttons, and its caption (HTML), None if that is not known."""

    rows: Rows
    caption: str | None = None


class PictureButtons:
    """Draws captions and buttons. Thread-safe; every method raises StoreError."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._fields = settings.photos.caption
        self._public_url = settings.stash.public_url
        self._rates = settings.votes.write_ratings != "never"
        self._replaces_others = settings.votes.write_ratings == "always"

    def looks(self, chat_id: int, shown: Shown, texts: Texts) -> Iterator[tuple[int, Look]]:
        """The message with the buttons of a picture, if it has some, and the look of that."""
        album = self._store.pictures.album(chat_id, shown)
        if album is None:
            yield shown.message_id, self._look(chat_id, shown, texts)
            return
        # A crash may have come before the message with the buttons was noted: it is shown then.
        message_id = album.message_id if shown in album.pictures else shown.message_id
        if message_id:
            yield message_id, Look(self.under_album(chat_id, album, texts))

    def under_album(self, chat_id: int, album: Album, texts: Texts) -> Rows:
        """The buttons of the message after an album."""
        of_image = self._store.votes.of_image
        ids = [each.image_id for each in album.pictures]
        votes = [(image_id, of_image(chat_id, image_id)) for image_id in ids]
        return under_album(votes, album.count, album.source, texts, is_private=chat_id > 0)

    def _look(self, chat_id: int, shown: Shown, texts: Texts) -> Look:
        store, image_id = self._store, shown.image_id
        image, *names = store.votes.features(image_id) or [Feature(Facet.IMAGE, image_id)]
        sent = store.pictures.sent(chat_id, shown)
        about = UnderPicture(
            image=image,
            features=names,
            votes=store.votes.of_image(chat_id, image_id),
            excluded=store.exclusions.of(chat_id),
            sent=sent,
            is_private=chat_id > 0,
            url=f"{self._public_url}/images/{image_id}" if self._public_url else "",
            has_stars=self._rates,
            # A private chat has its user's id, and a group's keyboard marks no stars.
            stars=store.votes.opinion(chat_id, image_id).stars,
        )
        return Look(under_picture(about, texts), self._caption(image_id, sent, texts))

    def rating(self, image_id: int) -> int | None:
        """The rating100 that Stash has, or will have when the votes are written.

        None if there is none, or if it is not known.
        """
        # The entry is read first: at the end of a write the known rating changes before it.
        entry = self._store.ratings.entry(image_id) if self._rates else None
        image = self._store.votes.image(image_id)
        if image is None:
            return None
        return expected(entry, image.rating100, replaces_others=self._replaces_others)

    def unfold(self, chat_id: int, shown: Shown, *, is_unfolded: bool) -> None:
        """Unfold or fold the menu under a picture."""
        self._store.pictures.unfold(chat_id, shown, is_unfolded=is_unfolded)

    def next_source(self, chat_id: int, shown: Shown) -> str:
        """The key of the source of the picture after this one; empty if it is not known."""
        return following(self._store.pictures.sent(chat_id, shown).source)

    def topic(self, chat_id: int, message_id: int) -> int:
        """The forum topic of a picture's message, 0 for none."""
        return self._store.pictures.topic(chat_id, message_id)

    def shown(self, chat_id: int, message_id: int | None) -> Shown | None:
        """The picture in a message of the bot, else the chat's newest; None if there is none."""
        return self._store.pictures.shown(chat_id, message_id)

    def _caption(self, image_id: int, sent: SentPicture, texts: Texts) -> str | None:
        image = self._store.votes.image(image_id)
        if image is None:
            return None
        above = heading(Place(of_picture(sent)), image.features, texts)
        rated = replace(image, rating100=self.rating(image_id))
        return caption(rated, self._fields, texts, above)
