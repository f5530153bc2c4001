"""The budgets of large pictures: photos of 12 megapixels, a clip of 45 MB, and the converter.

A first picture is that of a new process, which has prepared nothing and runs no converter.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import requests
from PIL import Image as Pixels

from stashbot.pictures.converter import Converter
from stashbot.pictures.files import TemporaryFiles
from tests.whole.program import children

from .process import ASKERS, TOKEN, BotProcess, memory, run_bot
from .rounds import IMAGES, ROUNDS
from .standins import FILES, POLL_S, Distance, Maker, clip_or_large, large_picture
from .table import Budget, Measured, in_rounds

PHOTO = "12-megapixels.jpg"
HUGE = tuple(name for name in FILES if name.startswith(("24", "50")))
#: New processes a round, and conversions.
TIMES = 5
#: Seconds in which a new process comes to rest.
SETTLE_S = 0.5
SLOW_LINK = 20e6 / 8  # bytes a second
#: The default of the setting, in pixels.
MAX_SIDE = 2560

FIRST = Budget("update to sendPhoto, a first one of 12 MP", 300, "ms", digits=0)
SLOW = Budget("the same at 20 Mbit/s, against the original", 0.35, "×", holds_anywhere=True)
ALBUM = Budget("an album of ten of those", 3, "s")
PEAK = Budget("memory at the peak, a 45-MB clip, six people", 80, "MiB", digits=1)
CONVERTING = Budget("converting 12 MP, against Pillow", 0.45, "×")
CONVERTER_PEAK = Budget("memory of the converter at the peak", 120, "MiB", digits=1)
GONE = Budget("the converter's end after its last picture", 62, "s", digits=1)


def large(
    distance: Distance,
    *,
    rounds: int = ROUNDS,
    times: int = TIMES,
    people: Sequence[int] = ASKERS,
    huge: Sequence[str] = HUGE,
) -> Iterator[Measured]:
    """Runs with large pictures alone; the end of the converter is waited for once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in (PHOTO, *huge):
            (folder / file).write_bytes(FILES[file]())

        def one_round() -> dict[Budget, float]:
            return {
                FIRST: statistics.median(_first(distance) for _ in range(times)) * 1000,
                SLOW: _on_slow_link(distance),
                ALBUM: _album(distance),
                PEAK: _peak(distance, people),
                **_converter(folder, times, huge),
            }

        yield from in_rounds(rounds, one_round)
        yield Measured(GONE, (_end_of_converter(folder),))


@contextmanager
def _new_bot(
    distance: Distance, make: Maker = large_picture, images: int = IMAGES
) -> Iterator[BotProcess]:
    with run_bot(images, distance, make=make) as bot:
        time.sleep(SETTLE_S)
        yield bot


def _first(distance: Distance) -> float:
    with _new_bot(distance) as bot:
        return bot.react()


def _on_slow_link(distance: Distance) -> float:
    """The time of a first picture, relative to that of a plain bot."""
    with _new_bot(distance) as bot:
        bot.telegram.limit_uploads(SLOW_LINK)
        ours = bot.react()
        bot.stop()
        return ours / _send_original(bot)


def _send_original(bot: BotProcess) -> float:
    """The seconds until the original has arrived; the time of choosing it is left out."""
    began = time.monotonic()
    original = requests.get(f"{bot.stash.url()}/image/1/image", timeout=60).content
    url = f"{bot.telegram.api_url()}/bot{TOKEN}/sendPhoto"
    answer = requests.post(url, {"chat_id": ASKERS[0]}, files={"photo": original}, timeout=60)
    answer.raise_for_status()
    return bot.telegram.wait_for_photos(2)[-1][0] - began


def _album(distance: Distance) -> float:
    with _new_bot(distance) as bot:
        asked_at = time.monotonic()
        bot.telegram.say(ASKERS[0], "/random 10")
        return bot.telegram.wait_for_album() - asked_at


def _peak(distance: Distance, people: Sequence[int]) -> float:
    """All ask at once for the whole library, which is the clip and photos."""
    with _new_bot(distance, clip_or_large, images=len(people)) as bot:
        for user in people:
            bot.telegram.say(user, f"/random {len(people)}")
        bot.wait_for_pictures(len(people) ** 2)
        return bot.memory("VmHWM")


def _converter(folder: Path, times: int, huge: Sequence[str]) -> dict[Budget, float]:
    """The time of a photo, relative to Pillow's, and the peak after all files."""
    pillow, others = partial(_convert_with_pillow, folder / PHOTO), children()
    # A new process, as the converter is: a copy of this one inherits what malloc has learned.
    other_process = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    with closing(Converter(TemporaryFiles(folder))) as converter, other_process as other:
        ours = partial(_convert, converter, folder / PHOTO)
        # The first turn starts both processes.
        ratios = [
            _seconds(ours) / other.submit(_seconds, pillow).result() for _ in range(times + 1)
        ]
        for name in huge:
            _convert(converter, folder / name)
        [process] = set(children()) - set(others)
        peak = memory(process, "VmHWM")
        return {CONVERTING: statistics.median(ratios[1:]), CONVERTER_PEAK: peak}


def _end_of_converter(folder: Path) -> float:
    """The seconds from the last picture until no converter is left."""
    others = set(children())
    with closing(Converter(TemporaryFiles(folder))) as converter:
        _convert(converter, folder / PHOTO)
        ended_at = time.monotonic()
        while set(children()) - others and time.monotonic() - ended_at < 2 * GONE.limit:
            time.sleep(POLL_S)
        return time.monotonic() - ended_at


def _convert(converter: Converter, source: Path) -> None:
    target = source.with_name("target")
    converter.convert(1, source, target, max_side=MAX_SIDE, pixels=0, orientation=1)


def _convert_with_pillow(source: Path) -> None:
    size = MAX_SIDE, MAX_SIDE
    with Pixels.open(source) as image:
        image.draft("RGB", size)
        image.thumbnail(size, Pixels.Resampling.LANCZOS)
        image.save(source.with_name("target"), "JPEG", quality=87)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
