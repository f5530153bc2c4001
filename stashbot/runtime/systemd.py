"""Messages to systemd by the protocol of sd_notify(3), and the interval of its watchdog.

A container has no systemd: there the file $HEARTBEAT_FILE is touched with each sign of life, and
the health check looks at its age. Thread-safe. Nothing here fails; without a systemd that listens
nothing is sent.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from pathlib import Path

#: The longest time in seconds from one look at the bot's state to the next.
LONGEST_INTERVAL_S = 60.0


class Notifier:
    """The socket of systemd, if there is one."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # An @ stands for the NUL that begins the name of an abstract socket, unix(7).
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._heartbeat_file = environ.get("HEARTBEAT_FILE", "")
        is_meant = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        microseconds = environ.get("WATCHDOG_USEC", "")
        #: Seconds without a message after which systemd restarts the bot; 0 without a watchdog.
        self.watchdog_s = int(microseconds) / 1e6 if is_meant and microseconds.isdecimal() else 0.0

    @property
    def interval_s(self) -> float:
        """Seconds between two messages: half the watchdog's time, by sd_watchdog_enabled(3)."""
        return min(self.watchdog_s / 2 or LONGEST_INTERVAL_S, LONGEST_INTERVAL_S)

    def tell(self, **state: str | int) -> None:
        """Send assignments, such as `READY=1` and `STATUS="..."`, in one datagram."""
        if self._heartbeat_file and state.keys() & {"READY", "WATCHDOG"}:
            with contextlib.suppress(OSError):  # its age says it
                Path(self._heartbeat_file).touch()
        if not self._address:
            return
        lines = "\n".join(f"{key}={' '.join(str(value).split())}" for key, value in state.items())
        with (
            contextlib.suppress(OSError),  # systemd itself is gone, or restarts
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out,
        ):
            out.sendto(lines.encode(), self._address)
