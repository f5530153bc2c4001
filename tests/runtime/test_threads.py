"""The threads of the process: their turns, their heartbeats, and their end."""

import sys
import threading
import time

from stashbot.runtime.heartbeat import beat, resting
from stashbot.runtime.threads import ENDING, Supervisor
from tests.whole.program import wait_until


def test_error_costs_one_turn(house):
    home = house(start=False)
    supervisor = Supervisor()
    turns, again = [], threading.Event()

    def turn():
        turns.append(1)
        if len(turns) == 1:
            raise ValueError("a bug")
        again.set()
        supervisor.stop.wait(5)

    supervisor.start("worker", turn)
    came = again.wait(5)
    supervisor.end(5)

    assert came
    [failed] = home.events("turn_failed")
    assert (failed["level"], failed["error"], failed["thread"]) == ("error", "a bug", "worker")
    assert "ValueError: a bug" in failed["exception"]


def test_thread_that_ends_by_itself(house):
    """A bot without one of its threads is none: it ends, with 1, and says which thread it was."""
    home = house(start=False)
    supervisor = Supervisor()

    supervisor.start("worker", sys.exit)
    stopped = supervisor.stop.wait(5)

    assert stopped
    assert supervisor.exit_code == 1
    [line] = home.events("thread_died")
    assert (line["level"], line["thread"]) == ("critical", "worker")


def test_overdue_threads():
    supervisor, end = Supervisor(), threading.Event()

    def rest(*longest_s):
        with resting(*longest_s):
            end.wait(10)

    supervisor.start("working", lambda: end.wait(10), longest_turn_s=0.2)
    supervisor.start("patient", lambda: end.wait(10), longest_turn_s=60)
    supervisor.start("resting", rest, longest_turn_s=0.2)
    supervisor.start("waiting", lambda: rest(0.2), longest_turn_s=60)
    beat()  # this thread has no heartbeat
    wait_until(lambda: len(supervisor.overdue()) == 2, "two are overdue")
    overdue = supervisor.overdue()
    end.set()
    supervisor.end(5)

    assert overdue == ["working", "waiting"]


def test_order_of_the_end():
    supervisor = Supervisor()
    order = []
    supervisor.at_thread_end(lambda: order.append(threading.current_thread().name))
    for name in ("pool", "server"):
        supervisor.at_end(lambda name=name: order.append(name))
    supervisor.start("worker", lambda: supervisor.stop.wait(5))

    supervisor.end(5)

    assert order[:1] + sorted(order[1:]) == ["server", *sorted(["pool", "worker"])]


def test_thread_that_hangs_is_left_behind():
    supervisor = Supervisor()
    release = threading.Event()
    for number in range(3):
        supervisor.start(f"stuck-{number}", lambda: release.wait(10))
    began = time.monotonic()

    supervisor.end(0.2)
    took = time.monotonic() - began
    release.set()

    assert took < 5


def test_quit_before_the_wait():
    supervisor = Supervisor()
    asked = threading.Event()

    def turn():
        supervisor.quit(78)
        asked.set()

    supervisor.start("worker", turn)
    assert asked.wait(5)

    supervisor.wait(ENDING)
    supervisor.end(5)

    assert supervisor.exit_code == 78
