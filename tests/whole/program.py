"""The program itself, as a process: started, listened to, signalled, and never left behind."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "stashbot.py"
#: The environment of the process besides the settings: the machine's own must not matter.
BARE = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}

#: Seconds to wait for the bot where the time is not the matter: the machine may be busy.
PATIENCE_S = 30


def wait_until(condition, name, timeout=PATIENCE_S):
    """Wait until `condition()` is true, and return its value."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {timeout} s: {name}"
        time.sleep(0.01)
    return found


def children(parent=None):
    """The process ids of the running converters of this process, or of another."""
    parent = parent or os.getpid()
    found = []
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, its_parent = each.read_text().rpartition(")")[2].split()[:2]
            line = Path(each.parent, "cmdline").read_bytes()
        except OSError:
            continue
        if int(its_parent) == parent and state != "Z" and b"\0convert\0" in line:
            found.append(int(each.parent.name))
    return found


def went(home, pattern):
    """Whether no fault for this pattern is left at either stand-in: each has been met."""
    faults = home.telegram.server._faults + home.stash.server._faults
    return all(fault.pattern != pattern for fault in faults)


class Abreast:
    """Lets the requests to a server that are meant take so long.

    `now` counts those that are under way, `most` those that were at once.
    """

    def __init__(self, server, is_meant, seconds):
        self.handle, self.stopping = server.handle, server.stopping
        self.is_meant, self.seconds = is_meant, seconds
        self.lock, self.now, self.most = threading.Lock(), 0, 0
        server.handle = self

    def __call__(self, request):
        if not self.is_meant(request):
            return self.handle(request)
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.stopping.wait(self.seconds)
        with self.lock:
            self.now -= 1
        return self.handle(request)


class Program:
    """`stashbot.py` with these arguments and settings; ends, by force if need be, with the block.

    `stdout` and `stderr` hold the lines that have come so far. `python` are options of
    the interpreter.
    """

    def __init__(self, *arguments, environ=(), python=(), cwd=None):
        self.process = subprocess.Popen(
            [sys.executable, *python, PROGRAM, *map(str, arguments)],
            env=BARE | dict(environ),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.stdout, self.stderr = [], []
        self._changed = threading.Condition()
        pipes = ((self.process.stdout, self.stdout), (self.process.stderr, self.stderr))
        self._readers = [threading.Thread(target=self._read, args=pipe) for pipe in pipes]
        for reader in self._readers:
            reader.start()

    def _read(self, pipe, lines):
        for line in pipe:
            with self._changed:
                lines.append(line.removesuffix("\n"))
                self._changed.notify_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self._collect()
        self.process.stdout.close()
        self.process.stderr.close()

    def _collect(self, timeout=10):
        self.process.wait(timeout)
        for reader in self._readers:
            reader.join(timeout)

    @property
    def log(self):
        return [json.loads(line) for line in list(self.stdout)]

    def events(self, name):
        return [event for event in self.log if event["event"] == name]

    def wait_for_event(self, name, count=1, timeout=PATIENCE_S):
        """Wait until it has logged this event so many times."""
        self._wait(lambda: len(self.events(name)) >= count, name, timeout)
        return self.events(name)

    def wait_for_line(self, part, timeout=PATIENCE_S):
        """Wait for a line on stdout that contains `part`."""
        self._wait(lambda: any(part in line for line in self.stdout), part, timeout)
        return next(line for line in self.stdout if part in line)

    def _wait(self, condition, name, timeout):
        with self._changed:
            came = self._changed.wait_for(condition, timeout)
        assert came, (name, self.stdout[-20:], self.stderr[-20:])

    def send(self, number):
        # It may have ended already, which the exit code tells.
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    def kill(self):
        """End it as a power cut would."""
        self.process.kill()
        self._collect()

    def exit_code(self, timeout=15):
        """Wait for its end; all that it said is there then."""
        self._collect(timeout)
        return self.process.returncode

    def stop(self, number=signal.SIGTERM):
        """Ask it to end: the exit code, and the seconds that it took."""
        began = time.monotonic()
        self.send(number)
        return self.exit_code(), time.monotonic() - began


def run(*arguments, **options):
    """Run the program until it ends by itself: exit code, stdout and stderr."""
    with Program(*arguments, **options) as program:
        code = program.exit_code()
        return code, "\n".join(program.stdout), "\n".join(program.stderr)
