"""Measure the product's budgets: `python -m tests.bench` prints each with its limit.

The real program runs as a process of its own, between stand-ins in this one that are a
round trip away. Times are those of this machine, now; nothing here passes or fails.
"""

from __future__ import annotations

import io
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from PIL import Image as Pixels

from stashbot.deck import Deck
from stashbot.demo.pictures import Picture
from stashbot.demo.stash import StashStandIn
from stashbot.demo.telegram import TelegramStandIn
from stashbot.models import Image, Walk
from stashbot.store import Store

ROOT = Path(__file__).parent.parent
TOKEN, OWNER = "4242:bench-bench-bench-bench-bench-bench", 1
#: Who asks in turn, and the seconds from one to the next: each may have one a second.
ASKERS, PAUSE = range(OWNER, OWNER + 5), 0.22
#: Who gets a picture by the clock, and how many orders sleep while it is idle.
CROWD, SLEEPING = range(101, 201), 200
#: Seconds of a round trip to each.
TO_TELEGRAM, TO_STASH = 0.080, 0.010
ROUNDS, IDLE_SECONDS = 5, 20
#: Among the pictures each so-many-th is a large one.
LARGE_EVERY = 20
HISTORY_ROWS = 1_000_000


@dataclass(frozen=True)
class Result:
    """One budget: what it is about, its limit, what was seen, and how far that varied."""

    what: str
    limit: str
    seen: str
    spread: str = ""


def photo(width: int, height: int, seed: int, noise: int) -> bytes:
    """A JPEG with as much detail as a camera's, and so about as many bytes."""
    pixels = Pixels.effect_noise((width // 2, height // 2), noise).resize((width, height))
    colour = Pixels.linear_gradient("L").resize((width, height))
    data = io.BytesIO()
    merged = Pixels.merge("RGB", (pixels, colour, pixels.rotate(180)))
    merged.save(data, "JPEG", quality=92, comment=str(seed))
    return data.getvalue()


def library(count: int, large: bytes) -> list[Picture]:
    """Pictures of everyday size, and among them some of 12 megapixels."""
    small = photo(1600, 1200, 0, 40)
    datas = [large if number % LARGE_EVERY == 0 else small for number in range(1, count + 1)]
    return [
        Picture(
            id=number,
            path=f"{number}.jpg",
            # The same pixels, but for Stash and Telegram another file.
            load=lambda data=data: data,
            size=len(data) + number,
            width=4000 if data is large else 1600,
            height=3000 if data is large else 1200,
            title=f"A picture with the number {number}",
            performers=("An Artist", "Another One"),
            tags=("sunset", "sea", "night"),
        )
        for number, data in enumerate(datas, start=1)
    ]


class Bot:
    """The program as a process, with an empty database."""

    def __init__(self, telegram: TelegramStandIn, stash: StashStandIn, folder: str) -> None:
        self.telegram = telegram
        self.asked = 0
        self.ask_at = 0.0
        environment = {
            **os.environ,
            "STASHBOT_TELEGRAM_TOKEN": TOKEN,
            "STASHBOT_TELEGRAM_ALLOWED_USERS": ",".join(map(str, [*ASKERS, *CROWD])),
            "STASHBOT_TIMEZONE": "UTC",
            "STASHBOT_TELEGRAM_API_URL": telegram.api_url,
            "STASHBOT_STASH_URL": stash.url,
            "STASHBOT_DATABASE_PATH": f"{folder}/stashbot.db",
            "STASHBOT_LOG_FORMAT": "json",
        }
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, ROOT / "stashbot.py", "--settings", "/dev/null"],
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        telegram.wait_for_poll(30)
        self.start_seconds = time.monotonic() - self.started_at

    def react(self) -> float:
        """Ask for one picture; the seconds until its upload reached Telegram."""
        time.sleep(max(0.0, self.ask_at - time.monotonic()))
        asked_at = time.monotonic()
        self.ask_at = asked_at + PAUSE
        self.telegram.say(ASKERS[self.asked % len(ASKERS)], "/random")
        self.asked += 1
        last = self.telegram.wait_for("sendPhoto", count=self.asked, timeout=60)[-1]
        self.telegram.wait_for_poll()
        return last.time - self.telegram.server.delay - asked_at

    def uploads(self) -> list:
        return [call for call in self.telegram.calls if call.method == "sendPhoto"]

    def memory_mib(self, kind: str) -> float:
        """`VmRSS` now or `VmHWM`, its peak."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(kind)) / 1024

    def cpu_seconds(self) -> float:
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def stop(self) -> float:
        """SIGTERM; the seconds until it was gone."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        return time.monotonic() - began


@contextmanager
def house(pictures: list[Picture]) -> Iterator[tuple[TelegramStandIn, StashStandIn, str]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        TelegramStandIn(TOKEN, delay=TO_TELEGRAM, page=False, keep_messages=500) as telegram,
        StashStandIn(pictures, delay=TO_STASH) as stash,
    ):
        yield telegram, stash, folder


def spread(values: list[float], unit: str, factor: float = 1) -> str:
    return f"{min(values) * factor:.3g} to {max(values) * factor:.3g} {unit}"


def starts_and_stops(pictures: list[Picture]) -> Iterator[Result]:
    starts, stops = [], []
    for _ in range(ROUNDS):
        with house(pictures) as (telegram, stash, folder):
            bot = Bot(telegram, stash, folder)
            starts.append(bot.start_seconds)
            stops.append(bot.stop())
    median = statistics.median
    yield Result(
        "start to first getUpdates", "0.6 s", f"{median(starts):.2f} s", spread(starts, "s")
    )
    yield Result("SIGTERM to exit, idle", "2 s", f"{median(stops):.2f} s", spread(stops, "s"))


def pictures_sent(pictures: list[Picture]) -> Iterator[Result]:
    """Reaction, memory, uploads, GraphQL and the idle processor, of one life of the bot."""
    with house(pictures) as (telegram, stash, folder):
        bot = Bot(telegram, stash, folder)
        for _ in ASKERS:
            bot.react()
        stash.clear()
        times = [bot.react() for _ in range(200 - len(ASKERS))]
        seen = f"{statistics.median(times) * 1000:.0f} ms"
        varied = spread(sorted(times)[20:-20], "ms (middle 80 %)", 1000)
        yield Result("update to sendPhoto, median", "20 ms", seen, varied)
        asked = [record for record in stash.requests if record.kind == "graphql"]
        bytes = sum(record.bytes_in + record.bytes_out for record in asked) / len(times)
        yield Result("GraphQL requests a picture", "0.1", f"{len(asked) / len(times):.3f}")
        yield Result("GraphQL bytes a picture", "1 kB", f"{bytes / 1000:.2f} kB")
        largest = max(
            len(data)
            for call in bot.uploads()
            for name, data in call.files.values()
            if int(name.removeprefix("image-").partition(".")[0]) % LARGE_EVERY == 0
        )
        yield Result("upload of a 12-megapixel, 6 MB photo", "1 MB", f"{largest / 1e6:.2f} MB")
        yield Result("memory after 200 pictures", "60 MiB", f"{bot.memory_mib('VmRSS'):.0f} MiB")
        yield Result("memory at the peak", "160 MiB", f"{bot.memory_mib('VmHWM'):.0f} MiB")
        before = bot.cpu_seconds()
        time.sleep(IDLE_SECONDS)
        idle = (bot.cpu_seconds() - before) * 60 / IDLE_SECONDS
        yield Result("processor while idle, a minute", "0.02 s", f"{idle:.3f} s")
        telegram.say(OWNER, "/random")
        yield Result("SIGTERM to exit, busy", "2 s", f"{bot.stop():.2f} s")


def hundred_chats(pictures: list[Picture]) -> Iterator[Result]:
    """All of a crowd are due in the same second, and somebody asks in the middle of it."""
    due = (datetime.now(UTC) + timedelta(seconds=75)).replace(second=0, microsecond=0)
    with house(pictures) as (telegram, stash, folder):
        with closing(Store(Path(folder) / "stashbot.db")) as store:
            for chat in CROWD:
                store.orders.add(chat, f"{due.minute} {due.hour} * * *", 1, datetime.now(UTC))
            for number in range(SLEEPING - len(CROWD)):
                chat, far = CROWD[number], due + timedelta(hours=12)
                store.orders.add(chat, f"{far.minute} {far.hour} * * *", 1, datetime.now(UTC))
        bot = Bot(telegram, stash, folder)
        before = bot.cpu_seconds()
        idle_for = min(IDLE_SECONDS, (due - datetime.now(UTC)).total_seconds() - 2)
        time.sleep(idle_for)
        idle = (bot.cpu_seconds() - before) * 60 / idle_for
        yield Result(f"the same with {SLEEPING} orders", "0.02 s", f"{idle:.3f} s")
        due_at = time.monotonic() + (due - datetime.now(UTC)).total_seconds()
        telegram.wait_for("sendPhoto", count=40, timeout=90)
        asked_at = time.monotonic()
        telegram.say(OWNER, "/random")
        calls = telegram.wait_for("sendPhoto", count=len(CROWD) + 1, timeout=60)
        bot.stop()
    times = sorted(call.time - telegram.server.delay for call in calls)
    busiest = max(sum(start <= each < start + 1 for each in times) for start in times)
    chats = [call.chat_id for call in calls]
    late = next(call.time for call in calls if call.chat_id == OWNER) - TO_TELEGRAM - asked_at
    yield Result("100 chats due at once, all sent", "8 s", f"{times[-1] - due_at:.1f} s")
    yield Result("the most messages in a second", "30", str(busiest))
    yield Result("the most messages to one of them", "1", str(max(map(chats.count, CROWD))))
    yield Result("who asks in the middle waits", "", f"{late * 1000:.0f} ms")


def picking() -> Iterator[Result]:
    """The choice of an image, with a long history in the database."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "stashbot.db")
        fill_history(Path(folder) / "stashbot.db")
        images = [Image(number) for number in range(1, 41)]
        store.save_walk(OWNER, Walk(seed=1))
        deck = Deck(
            store, OnePage(images), timedelta(days=30), Random(1), lambda: datetime.now(UTC)
        )
        deck.give_back(OWNER, deck.draw(OWNER))
        times = []
        for _ in range(200):
            began = time.perf_counter()
            image = deck.draw(OWNER)
            times.append(time.perf_counter() - began)
            deck.give_back(OWNER, image)
        store.close()
    seen = f"{statistics.median(times) * 1000:.2f} ms"
    yield Result("picking, with 1,000,000 rows", "5 ms", seen, spread(times, "ms", 1000))


class OnePage:
    """A Stash of one page, without the way to it."""

    def __init__(self, images: list[Image]) -> None:
        self._images = images

    def page(self, seed: int, offset: int, size: int) -> list[Image]:
        return self._images


def fill_history(path: Path) -> None:
    """Rows of two years, for ten chats, over a library of 200,000."""
    now = datetime.now(UTC).replace(tzinfo=None)
    chance = random.Random(1)
    rows = (
        (
            chance.randrange(100, 200_000),
            (now - timedelta(seconds=chance.randrange(63_000_000))).isoformat(" "),
            OWNER + number % 10,
            "",
            OWNER + number % 10,
            int(number > HISTORY_ROWS // 2),
        )
        for number in range(HISTORY_ROWS)
    )
    with sqlite3.connect(path) as connection:
        connection.executemany(
            "INSERT INTO sent_photos (image_id, sent_at, user_id, title, chat_id, is_latest)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            rows,
        )
    connection.close()


def main() -> None:
    large = photo(4000, 3000, 1, 45)
    # So many that hardly one is drawn for two people: those are not uploaded again.
    pictures = library(10_000, large)
    parts: list[Callable[[], Iterator[Result]]] = [
        lambda: starts_and_stops(pictures[:10]),
        lambda: pictures_sent(pictures),
        lambda: hundred_chats(pictures[:60]),
        picking,
    ]
    print(f"Telegram {TO_TELEGRAM * 1000:.0f} ms and Stash {TO_STASH * 1000:.0f} ms away;", end=" ")
    print(f"the large photo has {len(large) / 1e6:.1f} MB\n")
    print(f"{'what':40} {'at most':>9} {'seen':>10}  spread")
    for part in parts:
        for result in part():
            print(
                f"{result.what:40} {result.limit:>9} {result.seen:>10}  {result.spread}", flush=True
            )


if __name__ == "__main__":
    main()
