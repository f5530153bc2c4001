"""The threads of the process, their pools, and the end of both."""

import sys
import threading
import time

import pytest

from stashbot.app import build
from stashbot.demo.http import Fault, Trouble
from stashbot.models import Priority
from stashbot.runtime.heartbeat import Heartbeat, adopt, beat, resting
from stashbot.runtime.pool import Pool
from stashbot.runtime.threads import ENDING, Supervisor
from tests.conftest import FRIEND, OWNER, library
from tests.whole.program import wait_until

# The pool


@pytest.fixture
def pool():
    """A pool on a clock of its own that stands still until it is set."""
    now = [100.0]
    pool = Pool({Priority.BACKGROUND: 2}, clock=lambda: now[0])
    pool.now = now
    yield pool
    pool.close()


def in_threads(pool, count):
    """Let so many threads do the jobs of a pool until it is closed; a function that ends them."""
    closed = threading.Event()

    def loop():
        while not closed.is_set():
            pool.turn()

    threads = [threading.Thread(target=loop, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()

    def end():
        closed.set()
        pool.close()
        for thread in threads:
            thread.join(5)
        return not any(thread.is_alive() for thread in threads)

    return end


def test_jobs_come_by_their_times(pool):
    done = []
    for name, delay in (("late", 9), ("first", 0), ("second", 0), ("soon", 2)):
        pool.submit(lambda name=name: done.append(name), delay)
    pool.now[0] += 10

    for _ in range(4):
        pool.turn()

    assert done == ["first", "second", "soon", "late"]
    assert len(pool) == 0


def test_hurry(pool):
    """All that waits for its time is due at once, in the order in which it came."""
    done = []
    for name, delay in (("first", 900), ("last", 60)):
        pool.submit(lambda name=name: done.append(name), delay)

    pool.hurry()
    pool.turn()
    pool.turn()

    assert done == ["first", "last"]


def test_nothing_is_done_before_its_time(pool):
    """A thread waits for a job's time, and for a job that is submitted in between."""
    done = []
    came = threading.Event()
    pool.submit(lambda: done.append("late"), 900)
    end = in_threads(pool, 1)

    pool.submit(came.set)

    assert came.wait(5)
    assert end()
    assert done == []


def test_idle_thread_works_while_another_is_busy():
    pool = Pool({Priority.BACKGROUND: 2})
    release, late = threading.Event(), threading.Event()
    end = in_threads(pool, 2)

    pool.submit(late.set, 0.2)
    pool.submit(lambda: release.wait(10))
    came = late.wait(5)
    release.set()

    assert came
    assert end()


def job(done, name, *again):
    """A job that notes its name, and is to be called again after so many seconds each time."""
    left = list(again)

    def do():
        done.append(name)
        return left.pop(0) if left else None

    return do


def test_jobs_of_one_lane(pool):
    """A job that is to be called again keeps its place: those behind it wait, others do not."""
    done = []
    pool.submit(job(done, "first", 5, 5), lane="one")
    pool.submit(job(done, "second"), lane="one")
    pool.submit(job(done, "other"), lane="two")

    for _ in range(2):
        pool.turn()
    for _ in range(2):
        pool.now[0] += 5
        pool.turn()
    pool.turn()

    assert done == ["first", "other", "first", "first", "second"]
    assert len(pool) == 0


def test_one_job_of_a_lane_at_a_time():
    """However many threads there are, a lane's next job waits until the one before is done."""
    pool = Pool({Priority.BACKGROUND: 2})
    release, done = threading.Event(), []
    pool.submit(lambda: (release.wait(10) and done.append("slow")) or None, lane=1)
    pool.submit(job(done, "quick"), lane=1)
    other = threading.Event()
    pool.submit(other.set, lane=2)
    end = in_threads(pool, 3)

    came = other.wait(5)
    before = list(done)
    release.set()
    wait_until(lambda: len(done) == 2, "the lane is empty")

    assert came
    assert end()
    assert (before, done) == ([], ["slow", "quick"])


def test_urgent_jobs_come_first(pool):
    """Lanes with something urgent go before the others, also if it is not their first job."""
    done = []
    for name in ("a", "b", "c"):
        pool.submit(job(done, name), lane=name, priority=Priority.SCHEDULE)
    pool.submit(job(done, "urgent"), lane="new")
    pool.submit(job(done, "urgent c"), lane="c")

    for _ in range(5):
        pool.turn()

    assert done == ["c", "urgent", "urgent c", "a", "b"]


def test_urgent_job_behind_one_whose_turn_has_come(pool):
    """A lane that stands in line already is called up when something urgent joins it."""
    done = []
    for name in ("a", "b", "c"):
        pool.submit(job(done, name), lane=name, priority=Priority.SCHEDULE)
    pool.turn()
    pool.submit(job(done, "urgent"), lane="c")

    for _ in range(3):
        pool.turn()

    assert done == ["a", "c", "urgent", "b"]


def test_background_jobs_come_last(pool):
    """It comes after all else, and however much there is of it, a thread stays free."""
    done = []
    for name in ("a", "b"):
        pool.submit(job(done, name), lane=name, priority=Priority.BACKGROUND)
    pool.submit(job(done, "by the clock"), lane=1, priority=Priority.SCHEDULE)
    pool.submit(job(done, "asked for"), lane=2)

    for _ in range(4):
        pool.turn()

    assert done == ["asked for", "by the clock", "a", "b"]


@pytest.mark.parametrize("aside", [1, 2])
def test_only_so_many_aside(aside):
    pool = Pool({Priority.BACKGROUND: aside})
    release, under_way, most = threading.Event(), [], []

    def slow():
        under_way.append(1)
        most.append(len(under_way))
        release.wait(10)
        under_way.pop()

    for lane in range(1, 6):
        pool.submit(slow, lane=lane, priority=Priority.BACKGROUND)
    end = in_threads(pool, 4)
    wait_until(lambda: len(most) == aside, "so many are under way")
    asked = threading.Event()
    pool.submit(asked.set, lane="new")

    came = asked.wait(5)
    release.set()
    wait_until(lambda: len(pool) == 0, "all is done")

    assert came
    assert end()
    assert (len(most), max(most)) == (5, aside)


def test_job_that_raises(pool):
    done = []
    pool.submit(lambda: 1 / 0, lane=1)
    pool.submit(job(done, "next"), lane=1)

    with pytest.raises(ZeroDivisionError):
        pool.turn()
    pool.turn()

    assert done == ["next"]
    assert len(pool) == 0


def test_work_for_all_that_wait():
    pool = Pool({Priority.BACKGROUND: 2})
    both = threading.Barrier(2, timeout=5)
    end = in_threads(pool, 2)
    for _ in range(2):
        pool.submit(lambda: both.wait() * 0 or None, 0.2)

    wait_until(lambda: len(pool) == 0, "both are done")

    assert end()
    assert not both.broken


def test_closed_pool(pool):
    """A closed pool lets every thread go, and begins nothing."""
    done = []
    end = in_threads(pool, 3)
    pool.close()
    pool.submit(lambda: done.append("after"))

    pool.turn()

    assert done == []
    assert end()


def test_answer_while_edits_hang(house):
    home = house(library(9), STASHBOT_VOTES_AUTO_NEXT="false")
    for user in (OWNER, FRIEND):
        home.ask(user=user)
    edit = "editMessageReplyMarkup"
    home.telegram.server.fail(Fault(edit, Trouble.SILENCE, times=2, seconds=30))
    for user in (OWNER, FRIEND):
        message = home.received(user)[-1]
        home.telegram.press(message, message.button("👍").data, user_id=user)
        home.telegram.wait_for("answerCallbackQuery", count=1 + (user == FRIEND))

    home.say("/help")

    assert home.wait_for_text("/random", timeout=5)


# The daemon


def test_error_costs_one_turn(house):
    home = house(start=False)
    daemon = Supervisor()
    turns, again = [], threading.Event()

    def turn():
        turns.append(1)
        if len(turns) == 1:
            raise ValueError("a bug")
        again.set()
        daemon.stop.wait(5)

    daemon.start("worker", turn)
    came = again.wait(5)
    daemon.end(5)

    assert came
    [failed] = home.events("turn_failed")
    assert (failed["level"], failed["error"], failed["thread"]) == ("error", "a bug", "worker")
    assert "ValueError: a bug" in failed["exception"]


def test_thread_that_ends_by_itself(house):
    """A bot without one of its threads is none: it ends, with 1, and says which thread it was."""
    home = house(start=False)
    daemon = Supervisor()

    daemon.start("worker", sys.exit)
    stopped = daemon.stop.wait(5)

    assert stopped
    assert daemon.exit_code == 1
    [line] = home.events("thread_died")
    assert (line["level"], line["thread"]) == ("critical", "worker")


def test_overdue_threads():
    """A thread is overdue when it works too long without a beat, and not while it rests."""
    daemon, end = Supervisor(), threading.Event()

    def rest(*longest_s):
        with resting(*longest_s):
            end.wait(10)

    daemon.start("working", lambda: end.wait(10), longest_turn_s=0.2)
    daemon.start("patient", lambda: end.wait(10), longest_turn_s=60)
    daemon.start("resting", rest, longest_turn_s=0.2)
    daemon.start("waiting", lambda: rest(0.2), longest_turn_s=60)
    beat()  # this thread has no heartbeat
    wait_until(lambda: len(daemon.overdue()) == 2, "two are overdue")
    overdue = daemon.overdue()
    end.set()
    daemon.end(5)

    assert overdue == ["working", "waiting"]


@pytest.mark.parametrize("is_beating", [True, False])
def test_beat_moves_the_limit(is_beating):
    now = [0.0]
    heartbeat = Heartbeat(5.0, clock=lambda: now[0])
    now[0] = 4.0
    thread = threading.Thread(target=lambda: (adopt(heartbeat), is_beating and beat()))
    thread.start()
    thread.join()
    now[0] = 6.0

    assert heartbeat.is_overdue is not is_beating


def test_idle_bot_is_not_stuck(house):
    """Threads that have nothing to do are not taken for stuck, however long that lasts."""
    home = house(library(3), start=False)
    home.app = build(home.settings)
    home.app.start(watchdog=0.2)
    home.telegram.wait_for_poll()
    home.ask()
    time.sleep(1)

    assert home.app.supervisor.overdue() == []


def test_order_of_the_end():
    daemon = Supervisor()
    order = []
    daemon.at_thread_end(lambda: order.append(threading.current_thread().name))
    for name in ("pool", "server"):
        daemon.at_end(lambda name=name: order.append(name))
    daemon.start("worker", lambda: daemon.stop.wait(5))

    daemon.end(5)

    assert order[:1] + sorted(order[1:]) == ["server", *sorted(["pool", "worker"])]


def test_thread_that_hangs_is_left_behind():
    """The end waits no longer than its time limit, however many threads hang."""
    daemon = Supervisor()
    release = threading.Event()
    for number in range(3):
        daemon.start(f"stuck-{number}", lambda: release.wait(10))
    began = time.monotonic()

    daemon.end(0.2)
    took = time.monotonic() - began
    release.set()

    assert took < 1


def test_quit_before_the_wait():
    daemon = Supervisor()
    asked = threading.Event()

    def turn():
        daemon.quit(78)
        asked.set()

    daemon.start("worker", turn)
    assert asked.wait(5)

    daemon.wait(ENDING)
    daemon.end(5)

    assert daemon.exit_code == 78
