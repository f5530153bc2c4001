"""What systemd is told, in the language of sd_notify(3), and how often it wants to hear us.

Thread-safe. Nothing here fails: who was not started by systemd speaks to nobody.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping

#: Seconds between two words to a systemd that has no watchdog on us.
WITHOUT_WATCHDOG = 60.0


class Notifier:
    """The socket that systemd listens at, if there is one."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # An @ stands for the NUL that begins the name of an abstract socket, unix(7).
        self._address = "\0" + address[1:] if address.startswith("@") else address
        is_meant = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        microseconds = environ.get("WATCHDOG_USEC", "")
        #: The seconds after which systemd takes us for stuck, 0 if it does not look.
        self.watchdog = int(microseconds) / 1e6 if is_meant and microseconds.isdecimal() else 0.0

    @property
    def interval(self) -> float:
        """Seconds from one word to the next, 0 if nobody listens.

        Half of what the watchdog allows, as sd_watchdog_enabled(3) wants it.
        """
        if not self._address:
            return 0.0
        return self.watchdog / 2 or WITHOUT_WATCHDOG

    def tell(self, **state: str | int) -> None:
        """Send assignments, such as `READY=1` and `STATUS="..."`, in one datagram."""
        if not self._address:
            return
        lines = "\n".join(f"{key}={' '.join(str(value).split())}" for key, value in state.items())
        with (
            contextlib.suppress(OSError),  # systemd itself is gone, or restarts
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out,
        ):
            out.sendto(lines.encode(), self._address)
