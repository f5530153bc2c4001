"""The program of the child process that converts pictures with libvips; see `converter`.

It reads one job a line as JSON from standard input, and answers each with one line. The bot
itself never imports this module: the bytes of strangers are decoded here alone.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, TextIO

import pyvips

from ...rules.sizes import PHOTO_LIMIT, PHOTO_TARGET, UPLOAD_LIMIT, fitted, is_too_long
from . import films
from .decoding import Source, read_source, scaled, upright

Job = dict[str, Any]

#: Limits of the process. With less address space a WebP of 50 megapixels is not read, with more
#: a hostile file takes the memory that the service as a whole may have (measured).
ADDRESS_SPACE = 400_000_000  # bytes
FILE_SIZE = 200_000_000  # bytes of one file that it writes
OPEN_FILES = 32
#: The qualities of a JPEG, with the bytes to expect in relation to those of the first.
QUALITIES = ((88, 1.0), (80, 0.72), (70, 0.57), (60, 0.48), (50, 0.42), (40, 0.36))
#: Rows of one strip of the sample from which the bytes are estimated.
SAMPLE = 16

#: Options of libvips for drawings, by form.
DRAWN_AS: dict[str, dict[str, Any]] = {
    "jpeg": {"Q": 88, "background": [255]},
    "webp": {"Q": 88, "effort": 1},
    "gif": {"effort": 3},
}
DRAWN_FRAME_MS = 100


def main() -> None:
    """Serve jobs until standard input ends, or none has come for a while."""
    mode, parent, rest_s = sys.argv[1:]
    _protect()
    answers = _answers()
    if mode == "draw":  # for threads that come and go
        serve = _draw
        pyvips.operation_block_set("VipsForeignLoad", True)
        pyvips.operation_block_set("VipsForeignLoadSvg", False)
    else:
        serve = _convert
        _die_with(int(parent))
        pyvips.block_untrusted_set(True)
    for job in _jobs(float(rest_s)):
        try:
            answer = serve(job)
        except (pyvips.Error, OSError, ValueError, ArithmeticError, MemoryError) as error:
            answer = {"error": " ".join(str(error).split())[:200]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _die_with(parent: int) -> None:
    """Have this process end with the thread of the parent that started it."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG of prctl(2)
    if os.getppid() != parent:  # it has ended already
        sys.exit()


def _protect() -> None:
    """Limit this process."""
    score = "/proc/self/oom_score_adj"
    # Not every container allows it.
    with suppress(OSError), open(score, "w", encoding="ascii") as file:
        file.write("1000")  # the kernel kills it first
    for name, limit in (
        (resource.RLIMIT_AS, ADDRESS_SPACE),
        (resource.RLIMIT_FSIZE, FILE_SIZE),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(name, (limit, limit))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write fails with an error
    pyvips.cache_set_max(0)


def _answers() -> TextIO:
    """Take standard output for the answers alone: some libraries print complaints to it."""
    answers = os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    return answers


def _jobs(rest_s: float) -> Iterator[Job]:
    """Read the jobs; the bot sends one when the last is answered."""
    while select.select([sys.stdin], [], [], rest_s)[0]:
        line = sys.stdin.readline()
        if not line:
            return
        yield json.loads(line)


# Choosing the form


def _convert(job: Job) -> Job:
    """Convert the file `source`, to `target`.

    The job's `max_side` is in pixels, 0 for Telegram's limits alone; `bytes` are those of the
    source; an EXIF `orientation` of 0 is not known yet. The answer's `form` is `photo` or `film`,
    converted to JPEG or GIF; `film as it is`, or `document`, where nothing was written. Sizes are
    in pixels, `duration` in seconds.
    """
    source = read_source(job["source"], job["orientation"])
    is_film = len(source.delays) > 1
    is_sendable = source.loader == "gifload" and job["bytes"] <= UPLOAD_LIMIT
    if is_film and is_sendable and min(source.delays) >= films.SHORTEST_FRAME_MS:
        return _answer("film as it is", source.upright_size, sum(source.delays))
    if is_too_long(source.size):
        return _answer("document", source.upright_size)
    if is_film and films.is_within_limits(source):
        try:
            size, ms = films.write(source, job["target"])
        except pyvips.Error:
            pass  # the first frame is sent as a photo
        else:
            return _answer("film", size, ms)
    return _photo(job, source)


def _answer(form: str, size: tuple[int, int], ms: float = 0) -> Job:
    return {"form": form, "width": size[0], "height": size[1], "duration": ms / 1000}


def _photo(job: Job, source: Source) -> Job:
    """Write a JPEG: upright, in sRGB, on white, without metadata."""
    image = scaled(source, fitted(source.size, job["max_side"])).copy_memory()
    image = upright(image, source.orientation)
    # Without max_side the owner wants the full quality that Telegram accepts.
    encoded = _encoded(image, PHOTO_TARGET if job["max_side"] else PHOTO_LIMIT)
    while len(encoded) > PHOTO_LIMIT:
        image = image.shrink(2, 2).copy_memory()
        encoded = _encoded(image, PHOTO_TARGET)
    with open(job["target"], "wb") as file:
        file.write(encoded)
    return _answer("photo", (image.width, image.height))


def _encoded(image: pyvips.Image, target: int) -> bytes:
    """Return a JPEG of the best quality that has at most `target` bytes, or of the lowest."""
    encoded, expected = b"", _expected(image)  # bytes, and those of the first quality
    for quality, share in QUALITIES:
        if expected * share > target and quality != QUALITIES[-1][0]:
            continue
        encoded = bytes(image.jpegsave_buffer(Q=quality, keep="none"))
        if len(encoded) <= target:
            break
        expected = len(encoded) / share
    return encoded


def _expected(image: pyvips.Image) -> float:
    """Estimate the bytes of a JPEG of the first quality from an eighth of the rows.

    The estimate is a tenth too low, so that no quality that fits is passed over.
    """
    height = min(SAMPLE, image.height)
    tops = range(0, image.height - height + 1, 8 * height)
    strips = [image.crop(0, top, image.width, height) for top in tops]
    sample = pyvips.Image.arrayjoin(strips, across=1)
    encoded = sample.jpegsave_buffer(Q=QUALITIES[0][0], keep="none")
    return float(0.9 * len(encoded) * image.height / sample.height)


# Drawings


def _draw(job: Job) -> Job:
    """Draw the SVG texts `frames`, and write a picture of the `form`, or a GIF, to `target`.

    Without a target, the answer has the height in pixels of the drawn part of each.
    """
    pictures = [pyvips.Image.svgload_buffer(frame.encode()) for frame in job["frames"]]
    if "target" not in job:  # the last band tells where something is drawn
        return {"heights": [each[3].find_trim(background=0)[3] for each in pictures]}
    picture = pyvips.Image.arrayjoin(pictures, across=1)
    if job["form"] == "gif":
        picture = films.as_film(picture, pictures[0].height, [DRAWN_FRAME_MS] * len(pictures))
    save = getattr(picture, f"{job['form']}save")
    save(job["target"], keep="none", **DRAWN_AS.get(job["form"], {}))
    return _answer("drawn", (picture.width, pictures[0].height))
