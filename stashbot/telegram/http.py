"""The HTTP exchanges with the Bot API, bounded in time and size.

Parameters go into the body and not into the address, so that no proxy's log and no error
text shows them.
"""

from __future__ import annotations

import io
import threading
import time
from dataclasses import replace
from typing import Any

import requests
import urllib3.exceptions as lower
from requests_toolbelt.multipart.encoder import MultipartEncoder
from telebot import apihelper

from ..errors import TelegramError
from ..runtime.exchange import FILE, QUESTION, TimeLimit, exchange, open_session, read_body
from .errors import network_error

#: Seconds to connect.
CONNECT_S = 5.0
#: Seconds for which Telegram may work on a file that has arrived.
UPLOAD_IDLE_S = 120.0
#: Seconds that a long poll may take longer than it was asked to.
POLL_EXTRA_S = 20.0
#: Bytes of an answer, unpacked: 100 long updates have 7 MB.
ANSWER_LIMIT_BYTES = 16 << 20
#: An older idle connection is not used again: an upload that finds it dead leaves open
#: whether the picture has arrived.
LONGEST_IDLE_S = 50.0


class Connections:
    """Makes the HTTP requests of one bot, each thread on its own connection. Thread-safe.

    `question` and `upload` limit one exchange each, and a poll takes at most `poll_extra_s` longer
    than it asks for; replace them before the first request.
    """

    def __init__(self, token: str, api_url: str, proxy: str) -> None:
        self.question = QUESTION
        self.upload = replace(FILE, idle=UPLOAD_IDLE_S)
        self.poll_extra_s = POLL_EXTRA_S
        #: The header Date of the last answer, if it had one; None before the first answer.
        self.last_date: str | None = None
        self._base = f"{api_url}/bot{token}"
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._local = threading.local()
        _CONNECTIONS[token] = self

    def close_thread(self) -> None:
        """Close the connections of the calling thread."""
        session: requests.Session | None = self._local.__dict__.pop("session", None)
        if session:
            session.close()

    def post(self, method: str, params: dict[str, Any] | None, files: Any) -> requests.Response:
        """Make one request; telebot calls it. Raises TelegramError."""
        limit, data, headers = self.question, params, None
        if files:  # requests would put them into memory
            texts = {name: str(value) for name, value in (params or {}).items()}
            data = MultipartEncoder(texts | files)
            limit, headers = self.upload, {"Content-Type": data.content_type}
        if method == "getUpdates" and params:
            poll_s = params["timeout"] + self.poll_extra_s
            limit = TimeLimit(total=poll_s, idle=poll_s)
        try:
            with (
                exchange(limit),
                self._session().post(
                    f"{self._base}/{method}",
                    data=data,
                    headers=headers,
                    timeout=(CONNECT_S, limit.idle),
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                body = read_body(response, ANSWER_LIMIT_BYTES)
        except (requests.RequestException, lower.HTTPError) as error:
            raise network_error(error) from None
        self._local.idle_since = time.monotonic()
        self.last_date = response.headers.get("Date", "")
        if len(body) > ANSWER_LIMIT_BYTES:
            raise TelegramError("an answer without end", maybe_sent=True)
        # telebot reads the response after this, with `.text` and `.json()`.
        response.raw = io.BytesIO(body)
        response.encoding = "utf-8"  # requests would guess, which takes minutes for megabytes
        return response

    def _session(self) -> requests.Session:
        """Return this thread's session, a new one if the old one was idle for too long."""
        now = time.monotonic()
        if now - getattr(self._local, "idle_since", now) > LONGEST_IDLE_S:
            self.close_thread()
        if not hasattr(self._local, "session"):
            self._local.session = self._open_session()
        session: requests.Session = self._local.session
        return session

    def _open_session(self) -> requests.Session:
        """Return a session that reads proxies and certificates from the environment only once."""
        session = open_session()
        merge = session.merge_environment_settings
        options = merge(self._base, self._proxies, stream=True, verify=None, cert=None)
        session.proxies, session.verify = options["proxies"], options["verify"]
        session.trust_env = False
        return session


#: telebot has one request sender a process; the token tells which bot makes the call.
_CONNECTIONS: dict[str, Connections] = {}


def _dispatch(_method: str, url: str, **options: Any) -> requests.Response:
    """Make a POST for telebot; `Connections` has its own time-outs and proxies."""
    token, _, name = url.partition("/")
    return _CONNECTIONS[token].post(name, options["params"], options["files"])


vars(apihelper).update(
    API_URL="{0}/{1}",
    CUSTOM_REQUEST_SENDER=_dispatch,
    format_header_param=None,  # or else telebot sends file names unquoted
)
