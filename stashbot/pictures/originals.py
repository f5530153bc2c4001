"""The originals of pictures, sent as documents when a user asks for one."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath

import structlog

from ..errors import DiskFull, ImageUnusable, StashError
from ..messages.catalogue import Texts
from ..models import ImageDetails, Reply, Sent, Shown
from ..rules.sizes import UPLOAD_LIMIT
from ..stash.client import StashClient
from ..store.store import Store
from ..telegram.uploads import Uploads
from .media import Media
from .notices import Notices
from .preparation import disk_errors

log = structlog.get_logger()

#: Characters of a file name.
MOST_NAME = 120


@dataclass(frozen=True)
class _Order:
    """An original that a user has asked for, as a reply to a picture, in a forum topic or none.

    It is `untouched` where only the owner sees it; else it has no position, serial numbers and
    comments.
    """

    chat_id: int
    shown: Shown
    topic: int
    texts: Texts
    untouched: bool


class Originals:
    """Sends originals. Thread-safe; it returns at once."""

    def __init__(
        self,
        *,
        store: Store,
        stash: StashClient,
        media: Media,
        notices: Notices,
        uploads: Uploads,
    ) -> None:
        self._store = store
        self._stash = stash
        self._media = media
        self._notices = notices
        self._uploads = uploads

    def send(
        self, chat_id: int, shown: Shown, topic: int, texts: Texts, *, untouched: bool
    ) -> None:
        """Send the original of an image as a reply, or say why it cannot be sent."""
        order = _Order(chat_id, shown, topic, texts, untouched)
        trouble = texts("original.impossible")
        call = partial(self._send, order, trouble)
        self._uploads.send(chat_id, shown.message_id, topic, call, trouble)

    def _send(self, order: _Order, trouble: str) -> Reply | Sent:
        """Send an original; the words if Stash or the file is the reason that it cannot be."""
        try:
            with ExitStack() as block:
                return self._try(order, block)
        except StashError as error:
            return self._notices.answer(error, 1, order.texts, order.chat_id)
        except (ImageUnusable, DiskFull) as error:
            reason = f"its original: {error}"
            log.warning("photo_failed", image_id=order.shown.image_id, reason=reason)
            return Reply(order.texts("disk_full") if isinstance(error, DiskFull) else trouble)

    def _try(self, order: _Order, block: ExitStack) -> Sent:
        about = self._stash.details(order.shown.image_id)
        if about is None:
            raise ImageUnusable("not in Stash any more")
        with disk_errors():
            source = self._media.new_file(about.image, block)
            self._stash.download(about.image, source, UPLOAD_LIMIT)
            if order.untouched:
                upload = self._media.untouched(source, about.image)
            else:
                upload = self._media.as_document(source, about.image, block)
        upload = replace(upload, filename=_filename(about) or upload.filename)
        options = self._store.chats.values(order.chat_id).media(order.topic)
        sent = self._uploads.telegram.send_file(
            order.chat_id, upload, "", (), order.shown.message_id, options
        )
        log.info("original_sent", chat_id=order.chat_id, image_id=order.shown.image_id)
        return sent


def _filename(about: ImageDetails) -> str:
    """The file's own name without folders and without characters that a file system may refuse.

    Empty if nothing of it is left.
    """
    name = PurePosixPath(about.filename.replace("\\", "/")).name
    shown = "".join(each for each in name if each.isprintable() and each not in '"<>:|?*')
    return shown.strip(" .")[-MOST_NAME:]
