"""The pool of threads: lanes, priorities, limits, and times."""

import threading

import pytest

from stashbot.models import Priority
from stashbot.runtime.pool import Again, Pool
from tests.conftest import FRIEND, NO_NEXT, OWNER, library
from tests.standins.http import Fault, Trouble
from tests.whole.program import wait_until

LIMITS = {Priority.BACKGROUND: 2}


@pytest.fixture
def pool():
    """A pool on a clock that stands still until the test sets it."""
    now = [100.0]
    pool = Pool(LIMITS, clock=lambda: now[0])
    pool.now = now
    yield pool
    pool.close()


def in_threads(pool, count):
    """Let so many threads run the jobs of a pool; a function that ends them."""
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


def job(done, name, *again):
    """A job that notes its name, and is called again with each of these answers."""
    left = list(again)

    def do():
        done.append(name)
        return left.pop(0) if left else None

    return do


def run(pool, turns):
    for _ in range(turns):
        pool.turn()


def test_jobs_run_in_the_order_of_their_times(pool):
    done = []
    for name, delay in (("late", 9), ("first", 0), ("second", 0), ("soon", 2)):
        pool.submit(job(done, name), delay)
    pool.now[0] += 10

    run(pool, 4)

    assert done == ["first", "second", "soon", "late"]
    assert len(pool) == 0


def test_hurry_makes_all_jobs_due(pool):
    done = []
    for name, delay in (("first", 900), ("last", 60)):
        pool.submit(job(done, name), delay)

    pool.hurry()
    run(pool, 2)

    assert done == ["first", "last"]


def test_job_that_comes_while_a_thread_waits_for_a_later_one(pool):
    done, came = [], threading.Event()
    pool.submit(job(done, "late"), 900)
    end = in_threads(pool, 1)

    pool.submit(came.set)

    assert came.wait(5)
    assert end()
    assert done == []


def test_job_that_becomes_due_while_another_runs():
    pool = Pool(LIMITS)
    release, late = threading.Event(), threading.Event()
    end = in_threads(pool, 2)

    pool.submit(late.set, 0.2)
    pool.submit(lambda: release.wait(10) and None)
    came = late.wait(5)
    release.set()

    assert came
    assert end()


def test_two_jobs_that_become_due_at_once():
    pool = Pool(LIMITS)
    both = threading.Barrier(2, timeout=5)
    end = in_threads(pool, 2)
    for _ in range(2):
        pool.submit(lambda: both.wait() * 0 or None, 0.2)

    wait_until(lambda: len(pool) == 0, "both are done")

    assert end()
    assert not both.broken


def test_job_that_is_called_again_stays_the_first_of_its_lane(pool):
    done = []
    pool.submit(job(done, "first", 5, 5), lane="one")
    pool.submit(job(done, "second"), lane="one")
    pool.submit(job(done, "other"), lane="two")

    run(pool, 2)
    for _ in range(2):
        pool.now[0] += 5
        pool.turn()
    pool.turn()

    assert done == ["first", "other", "first", "first", "second"]
    assert len(pool) == 0


def test_job_that_changes_its_priority(pool):
    done = []
    pool.submit(job(done, "first", Again(0.0, Priority.BACKGROUND)), lane="one")
    pool.submit(job(done, "other"), lane="two", priority=Priority.SCHEDULE)

    run(pool, 3)

    assert done == ["first", "other", "first"]


def test_one_job_of_a_lane_at_a_time():
    pool = Pool(LIMITS)
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


def test_lanes_take_turns(pool):
    done = []
    for name in ("a1", "a2", "b1", "b2"):
        pool.submit(job(done, name), lane=name[0])
        pool.now[0] += 0.1

    run(pool, 4)

    assert done == ["a1", "b1", "a2", "b2"]


def test_urgent_jobs_run_first(pool):
    """That holds for the lane of an urgent job too, which may join it late."""
    done = []
    for name in ("a", "b", "c"):
        pool.submit(job(done, name), lane=name, priority=Priority.SCHEDULE)
    pool.submit(job(done, "background"), lane="d", priority=Priority.BACKGROUND)
    pool.turn()
    pool.now[0] += 1
    pool.submit(job(done, "urgent"), lane="new")
    pool.submit(job(done, "urgent c"), lane="c")
    pool.now[0] += 1

    run(pool, 5)

    assert done == ["a", "c", "urgent", "urgent c", "b", "background"]


@pytest.mark.parametrize("limit", [1, 2])
def test_limit_of_a_priority(limit):
    pool = Pool({Priority.BACKGROUND: limit})
    release, under_way, most = threading.Event(), [], []

    def slow():
        under_way.append(1)
        most.append(len(under_way))
        release.wait(10)
        under_way.pop()

    for lane in range(1, 6):
        pool.submit(slow, lane=lane, priority=Priority.BACKGROUND)
    end = in_threads(pool, 4)
    wait_until(lambda: len(most) == limit, "so many are under way")
    asked = threading.Event()
    pool.submit(asked.set, lane="new")

    came = asked.wait(5)
    release.set()
    wait_until(lambda: len(pool) == 0, "all is done")

    assert came
    assert end()
    assert (len(most), max(most)) == (5, limit)


def test_job_that_raises(pool):
    done = []
    pool.submit(lambda: 1 / 0, lane=1)
    pool.submit(job(done, "next"), lane=1)

    with pytest.raises(ZeroDivisionError):
        pool.turn()
    pool.turn()

    assert done == ["next"]
    assert len(pool) == 0


def test_job_that_raises_and_is_wanted_again(pool):
    pool.submit(lambda: 1 / 0, retry_s=60)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            pool.turn()
        pool.now[0] += 60

        assert len(pool) == 1


def test_answer_while_edits_hang(house):
    home = house(library(9), **NO_NEXT)
    for user in (OWNER, FRIEND):
        home.ask(user=user)
    edit = "editMessageCaption"
    home.telegram.server.fail(Fault(edit, Trouble.SILENCE, times=2, seconds=30))
    for user in (OWNER, FRIEND):
        message = home.received(user)[-1]
        home.telegram.press(message, message.button("👍").data, user_id=user)
        home.telegram.wait_for("answerCallbackQuery", count=1 + (user == FRIEND))

    home.say("/help")

    assert home.wait_for_text("/random", timeout=5)
