"""The client of the child process that converts pictures; `child` has its program.

A child protects the bot from crashes, hangs and the memory of decoders. It starts when a picture
will need it, takes one job after the other, and ends by itself after a minute of rest. There are
at most two.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import structlog

from ..errors import Interrupted, StashbotError
from ..runtime.heartbeat import beat
from .files import TemporaryFiles

log = structlog.get_logger()

#: A child without a job for this time ends.
REST_S = 60.0
#: A job may take this time.
DEADLINE_S = 30.0
#: A job beside which another may start, whatever their sizes, has taken this time.
LONG_S = 0.5
#: Two pictures begin side by side only if neither has more pixels: large ones take much memory.
SMALL_PIXELS = 16_000_000
#: A child that was killed is gone within this time.
END_S = 0.5
#: Between two looks of a thread that waits.
LOOK_S = 0.2
#: Bytes of an answer.
ANSWER_LIMIT = 4096

#: The variables that a child has from the bot.
_KEPT = ("LD_LIBRARY_PATH", "FONTCONFIG_FILE")
#: The program of a child, which finds its modules where the bot does.
_PROGRAM = """
import gc, sys
sys.path[:] = {}
gc.disable()  # imports leave no garbage, and a person waits for their end
from stashbot.pictures.child.conversion import main
gc.enable()
main()
"""

#: A drawing of one letter.
_LETTER = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90">'
    '<text x="9" y="70" font-size="60" font-family="sans-serif">{}</text></svg>'
)


class ConversionFailed(StashbotError):
    """A picture cannot be converted: its bytes are refused, or the child hangs or dies of it."""


class _ChildDied(StashbotError):
    """The child has ended in the middle of a job."""


class Child:
    """One child process in a `mode` of its program, `convert` or `draw`; starts when needed.

    One thread at a time may use it; any may kill it. A child that converts dies with the thread
    that started it, so that thread has to live as long as the bot.
    """

    def __init__(self, mode: str, folder: Path) -> None:
        self._mode = mode
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        """Start the process, unless it runs."""
        if self._process is None or self._process.returncode is not None:
            self._close_pipes()
            self._process = self._new_process()
        return self._process

    def ask(self, job: dict[str, Any], deadline_s: float) -> dict[str, Any]:
        """Have a job done, and return the answer. Raises ConversionFailed, _ChildDied."""
        line = json.dumps(job).encode() + b"\n"
        while True:
            process = self.start()
            answer = self._exchange(process, line, time.monotonic() + deadline_s)
            if answer.endswith(b"\n"):
                break
            with suppress(subprocess.TimeoutExpired):  # it has closed its output, and hangs
                process.wait(END_S)
            _end(process)
            if answer or process.returncode != 0:
                reason = f"it ended with {process.returncode} {_last_words(process)}"
                raise _ChildDied(reason.strip())
            # It had rested for a minute, and ended before it read the job.
        try:
            result: dict[str, Any] = json.loads(answer)
        except ValueError:
            _end(process)
            raise _ChildDied("it answered with something else") from None
        if "error" in result:
            raise ConversionFailed(result["error"])
        return result

    def kill(self) -> None:
        """End the process at once, whatever it does."""
        if self._process:
            self._process.kill()

    def close(self) -> None:
        """End the process, while it has no job."""
        self.kill()
        self._close_pipes()

    def _close_pipes(self) -> None:
        if self._process is None:
            return
        with suppress(subprocess.TimeoutExpired):  # the kernel holds it
            self._process.wait(END_S)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def _new_process(self) -> subprocess.Popen[bytes]:
        folder = tempfile.mkdtemp(prefix="work-", dir=self._folder)
        try:
            process = subprocess.Popen(  # noqa: S603 - our own program
                [
                    sys.executable,
                    "-IS",
                    "-c",
                    _PROGRAM.format([str(Path(each).absolute()) for each in sys.path]),
                    self._mode,
                    str(os.getpid()),
                    str(REST_S),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=folder,
                env=_environment(folder),
                bufsize=0,
            )
        except OSError as error:  # no memory, or too many processes
            shutil.rmtree(folder, ignore_errors=True)
            raise ConversionFailed(f"the converter cannot be started: {error.strerror}") from None

        def clean_up() -> None:
            process.wait()
            shutil.rmtree(folder, ignore_errors=True)

        threading.Thread(target=clean_up, name="converter-end", daemon=True).start()
        return process

    def _exchange(self, process: subprocess.Popen[bytes], line: bytes, deadline: float) -> bytes:
        """Send a line and return the answer, as far as there is one."""
        if process.stdin is None or process.stdout is None:
            raise AssertionError
        try:
            process.stdin.write(line)
        except BrokenPipeError:
            return b""
        answer = b""
        while not answer.endswith(b"\n") and len(answer) < ANSWER_LIMIT:
            left = deadline - time.monotonic()
            if left <= 0:
                _end(process)
                raise ConversionFailed("it takes too long")
            beat()
            if select.select([process.stdout], [], [], min(left, LOOK_S))[0]:
                piece = process.stdout.read(ANSWER_LIMIT)
                if not piece:
                    break
                answer += piece
        return answer


class Converter:
    """Converts pictures in up to two child processes. Thread-safe."""

    def __init__(self, files: TemporaryFiles) -> None:
        self._files = files
        self._changed = threading.Condition()
        self._idle: list[Child] = []
        self._running: dict[Child, tuple[bool, float]] = {}  # whether small, and since when
        self._is_closed = False
        self._has_two_cores = (os.cpu_count() or 1) > 1

    def warm_up(self) -> None:
        """Start a child, so that it is ready when the file is."""
        with self._changed, suppress(ConversionFailed):
            if not self._running and not self._is_closed:
                if not self._idle:
                    self._idle.append(Child("convert", self._files.folder))
                self._idle[-1].start()

    def convert(
        self,
        image_id: int,
        source: Path,
        target: Path,
        *,
        max_side: int,
        pixels: int,
        orientation: int,
    ) -> dict[str, Any]:
        """Convert `source`, with so many pixels, to `target`; the answer of `conversion._convert`.

        0 pixels are an unknown number, and an orientation of 0 is unknown. A child that dies,
        perhaps for another reason, has a second try. Raises ConversionFailed, Interrupted.
        """
        job = {
            "source": str(source),
            "target": str(target),
            "max_side": max_side,
            "orientation": orientation,
            "bytes": source.stat().st_size,
        }
        for _ in range(2):
            with (
                self._place(is_small=0 < pixels <= SMALL_PIXELS) as child,
                self._files.marked(image_id),
            ):
                try:
                    return child.ask(job, DEADLINE_S)
                except _ChildDied as error:
                    if not self._is_closed:
                        log.warning("converter_died", image_id=image_id, error=str(error))
        raise ConversionFailed("the converter dies of it")

    def close(self) -> None:
        """End the children. A thread that waits for a child gets Interrupted."""
        with self._changed:
            self._is_closed = True
            for child in self._idle:
                child.close()
            for child in self._running:
                child.kill()
            self._changed.notify_all()

    @contextmanager
    def _place(self, *, is_small: bool) -> Iterator[Child]:
        """Wait for a child, and have it for the block."""
        with self._changed:
            while not self._is_closed and not self._may_start(is_small=is_small):
                self._changed.wait(LOOK_S)
                beat()
            if self._is_closed:
                raise Interrupted
            child = self._idle.pop() if self._idle else Child("convert", self._files.folder)
            self._running[child] = is_small, time.monotonic()
        try:
            yield child
        finally:
            with self._changed:
                del self._running[child]
                self._idle.append(child)
                if self._is_closed:
                    child.close()
                self._changed.notify_all()

    def _may_start(self, *, is_small: bool) -> bool:
        if not self._running:
            return True
        if len(self._running) > 1:
            return False
        [(is_other_small, since)] = self._running.values()
        are_small = is_small and is_other_small and self._has_two_cores
        return are_small or time.monotonic() - since > LONG_S


class Drawer:
    """Draws our own SVG in a child process that reads nothing else. Thread-safe."""

    def __init__(self, files: TemporaryFiles) -> None:
        self._files = files
        self._child = Child("draw", files.folder)
        self._lock = threading.Lock()

    def draw(self, frames: Sequence[str], form: str) -> bytes:
        """Draw SVG texts as one file of the form jpeg, png, webp or gif. Raises OSError."""
        with ExitStack() as block:
            return self.write(frames, form, block).read_bytes()

    def write(self, frames: Sequence[str], form: str, block: ExitStack) -> Path:
        """Draw as `draw` does, into a file that belongs to `block`. Raises OSError."""
        target = self._files.new(block)
        self._ask({"frames": list(frames), "form": form, "target": str(target)})
        return target

    def has_letters(self) -> bool:
        """Whether there are fonts with Latin and Cyrillic letters. Raises OSError.

        Without a font all letters are drawn as boxes of one height.
        """
        heights = self._ask({"frames": [_LETTER.format(each) for each in "XxЖж"]})["heights"]
        return bool(heights[0] > heights[1] and heights[2] > heights[3])

    def _ask(self, job: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            try:
                return self._child.ask(job, DEADLINE_S)
            except StashbotError as error:
                raise OSError(str(error)) from None

    def close(self) -> None:
        """End the child."""
        self._child.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process, and wait until it is gone."""
    process.kill()
    with suppress(subprocess.TimeoutExpired):  # the kernel holds it
        process.wait(END_S)


def _last_words(process: subprocess.Popen[bytes]) -> str:
    """Return the last line that a process has written to its standard error before it ended."""
    lines = process.stderr.read().decode(errors="replace").splitlines() if process.stderr else []
    return lines[-1][:200] if lines else ""


def _environment(folder: str) -> dict[str, str]:
    """The environment of a child: nothing of the bot's but where its libraries and fonts are."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {
        "MALLOC_ARENA_MAX": "1",  # see ADDRESS_SPACE
        "MALLOC_MMAP_THRESHOLD_": "131072",  # or the heap keeps the memory of earlier pictures
        "VIPS_CONCURRENCY": "2",
        "TMPDIR": folder,
        "LANG": "C.UTF-8",
    }
