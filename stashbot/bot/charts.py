"""The statistics of a chat as a picture."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

import structlog

from ..messages.catalogue import Texts
from ..messages.chart import chart
from ..models import Kind, Reply, Sent, Upload
from ..pictures.converter import Drawer
from ..store.chats import ChatStore
from ..telegram.uploads import Uploads
from .status import StatusReports

log = structlog.get_logger()


class Charts:
    """Draws and sends the pictures of the `reports`. Thread-safe; `send` returns at once."""

    def __init__(
        self,
        *,
        reports: StatusReports,
        drawer: Drawer,
        uploads: Uploads,
        chats: ChatStore,
    ) -> None:
        self.reports = reports
        self._drawer = drawer
        self._uploads = uploads
        self._chats = chats

    def send(self, chat_id: int, reply_to: int, topic: int, texts: Texts) -> None:
        """Send a chat's statistics as a reply, or say why that is not possible."""
        call = partial(self._send, chat_id, reply_to, topic, texts)
        self._uploads.send(chat_id, reply_to, topic, call, texts("chart.failed"))

    def _send(self, chat_id: int, reply_to: int, topic: int, texts: Texts) -> Reply | Sent:
        about = self.reports.statistics(chat_id)
        try:
            if not self._drawer.has_letters():
                return Reply(texts("chart.no_fonts"))
            with ExitStack() as block:
                path = self._drawer.write([chart(about, texts)], "png", block)
                file = Upload(Kind.PHOTO, "statistics.png", path, path.stat().st_size)
                caption = texts("chart.caption")
                options = self._chats.values(chat_id).media(topic)
                send = self._uploads.telegram.send_file
                return send(chat_id, file, caption, (), reply_to, options)
        except OSError as error:
            log.warning("chart_failed", chat_id=chat_id, error=str(error))
            return Reply(texts("chart.failed"))
