"""The originals of pictures, sent as documents when a user asks for one."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

import structlog

from ..errors import DiskFull, ImageUnusable, StashError, TelegramError
from ..messages.catalogue import Texts
from ..models import ImageDetails, Priority
from ..rules.sizes import UPLOAD_LIMIT
from ..runtime.backoff import Backoff
from ..runtime.pool import Pool
from ..stash.client import StashClient
from ..telegram.client import TelegramClient
from .media import Media
from .notices import Notices
from .preparation import disk_errors

log = structlog.get_logger()

#: An original that cannot be sent by then is given up.
LIFE_S = 900.0
#: Characters of a file name.
MOST_NAME = 120


@dataclass
class _Order:
    """An original that a user has asked for, as a reply to a message.

    It is `untouched` where only the owner sees it; else it has no position, serial numbers and
    comments.
    """

    chat_id: int
    image_id: int
    reply_to: int
    texts: Texts
    untouched: bool
    began: float = field(default_factory=time.monotonic)
    backoff: Backoff = field(default_factory=Backoff)


class Originals:
    """Sends originals. Thread-safe; it returns at once."""

    def __init__(
        self,
        *,
        stash: StashClient,
        telegram: TelegramClient,
        media: Media,
        notices: Notices,
        pool: Pool,
    ) -> None:
        self._stash = stash
        self._telegram = telegram
        self._media = media
        self._notices = notices
        self._pool = pool

    def send(
        self, chat_id: int, image_id: int, reply_to: int, texts: Texts, *, untouched: bool
    ) -> None:
        """Send the original of an image as a reply, or say why it cannot be sent."""
        order = _Order(chat_id, image_id, reply_to, texts, untouched)
        job: Callable[[], float | None] = lambda: self._turn(order)  # noqa: E731
        self._pool.submit(job, lane=("originals", chat_id), priority=Priority.USER)

    def _turn(self, order: _Order) -> float | None:
        """Try once; the seconds until the next try, None if it is done."""
        if wait := self._telegram.take_turn(order.chat_id, Priority.USER, 1):
            return wait
        try:
            with ExitStack() as block:
                self._try(order, block)
        except StashError as error:
            reply = self._notices.answer(error, 1, order.texts)
            self._notices.outbox.say(order.chat_id, reply.text, reply_to=order.reply_to)
        except (ImageUnusable, DiskFull) as error:
            self._refuse(order, str(error))
        except TelegramError as error:
            is_over = time.monotonic() - order.began > LIFE_S
            if error.permanent or error.maybe_sent or is_over:
                self._refuse(order, str(error))
            else:
                return error.retry_after or order.backoff.next()
        return None

    def _try(self, order: _Order, block: ExitStack) -> None:
        about = self._stash.details(order.image_id)
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
        self._telegram.send_file(order.chat_id, upload, "", (), order.reply_to)
        log.info("original_sent", chat_id=order.chat_id, image_id=order.image_id)

    def _refuse(self, order: _Order, reason: str) -> None:
        log.warning("photo_failed", image_id=order.image_id, reason=f"its original: {reason}")
        self._notices.outbox.say(
            order.chat_id, order.texts("original.impossible"), reply_to=order.reply_to
        )


def _filename(about: ImageDetails) -> str:
    """The file's own name without its folders; only what may stand in a name everywhere.

    Empty if nothing of it is left.
    """
    name = PurePosixPath(about.filename.replace("\\", "/")).name
    shown = "".join(each for each in name if each.isprintable() and each not in '"<>:|?*')
    return shown.strip(" .")[-MOST_NAME:]
