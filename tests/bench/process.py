"""The program as a process between the stand-ins, with its own database."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.whole.program import Program

from .standins import Distance, Maker, picture, standins

TOKEN = "4242:bench-bench-bench-bench-bench-bench"
#: Users that ask in turn.
ASKERS = range(1, 7)
#: Seconds between two requests: Telegram allows each user one message a second.
PAUSE_S = 0.19


def memory(process: int, kind: str) -> float:
    """`VmRSS` now or `VmHWM`, its peak, of a process in MiB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(kind)) / 1024


class BotProcess:
    """One run of the bot, from its first poll on; `began` is in monotonic seconds."""

    def __init__(self, program: Program, telegram: Any, stash: Any, began: float) -> None:
        self.began = began
        self.telegram = telegram
        self.stash = stash
        self._program = program
        self._asked = 0
        self._ask_at = 0.0
        telegram.wait_for_poll()
        self.start_seconds = time.monotonic() - self.began

    def react(self, user: int | None = None) -> float:
        """Ask for one picture after PAUSE_S; returns the seconds until its upload arrives."""
        time.sleep(max(0.0, self._ask_at - time.monotonic()))
        asked_at = time.monotonic()
        self._ask_at = asked_at + PAUSE_S
        self.telegram.say(user or ASKERS[self._asked % len(ASKERS)], "/random")
        self._asked += 1
        return self.telegram.wait_for_photos(self._asked)[-1][0] - asked_at

    def memory(self, kind: str) -> float:
        return memory(self._pid, kind)

    def wait_for_pictures(self, count: int) -> None:
        """Wait until the bot has sent so many, in albums too."""
        self._program.wait_for_event("photo_sent", count, timeout=60)

    def idle(self, seconds: float) -> float:
        """CPU seconds a minute while the bot is idle for `seconds`."""
        before = self._processor()
        time.sleep(seconds)
        return (self._processor() - before) * 60 / seconds

    def _processor(self) -> float:
        tasks = Path(f"/proc/{self._pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    @property
    def _pid(self) -> int:
        return self._program.process.pid

    def stop(self) -> float:
        """Send SIGTERM; returns the seconds until the exit."""
        return self._program.stop()[1]


@contextmanager
def run_bot(
    images: int,
    distance: Distance,
    *,
    folder: Path | None = None,
    people: Sequence[int] = ASKERS,
    make: Maker = picture,
    is_slow: bool = False,
) -> Iterator[BotProcess]:
    """The bot and its stand-ins for a block, with the database in `folder` if given."""
    with (
        tempfile.TemporaryDirectory() as empty,
        standins(TOKEN, people, images, distance, make, is_slow=is_slow) as (telegram, stash),
    ):
        environ = {
            # As the unit sets them.
            "MALLOC_ARENA_MAX": "1",
            "MALLOC_MMAP_THRESHOLD_": "131072",
            "STASHBOT_TELEGRAM_TOKEN": TOKEN,
            "STASHBOT_TELEGRAM_ALLOWED_USERS": ",".join(map(str, people)),
            "STASHBOT_TIMEZONE": "UTC",
            # The library of the stand-in is made on demand and keeps no rating.
            "STASHBOT_VOTES_WRITE_RATINGS": "never",
            "STASHBOT_TELEGRAM_API_URL": telegram.api_url(),
            "STASHBOT_STASH_URL": stash.url(),
            "STASHBOT_DATABASE_PATH": str((folder or Path(empty)) / "stashbot.db"),
        }
        began = time.monotonic()
        with Program("--settings", "/dev/null", environ=environ) as program:
            yield BotProcess(program, telegram, stash, began)
