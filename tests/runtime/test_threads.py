"""The life of the process: its threads, what ends it, and how it ends in the middle of anything."""

import signal
import sqlite3
import sys
import threading
import time
from contextlib import closing

import pytest

from stashbot import __version__
from stashbot.app import build
from stashbot.demo.http import Fault, Response, Trouble
from stashbot.models import Priority
from stashbot.runtime.heartbeat import resting
from stashbot.runtime.pool import Pool
from stashbot.runtime.threads import ENDING, Supervisor
from tests.conftest import FRIEND, OWNER, at_length, crowd, images_of, library
from tests.whole.program import Program, run, wait_until, went

#: Seconds: by its own clock, and from outside, where a busy machine takes its time.
OWN_LIMIT, LIMIT = 2, 5
#: Whatever Python has to complain of is an error and stands on stderr.
STRICT = ("-X", "dev", "-W", "error")
#: One for each request, so that none waits for another.
PEOPLE = range(2001, 2041)
BOTH = (signal.SIGTERM, signal.SIGINT)


# In the middle of what? Each function brings the bot there.


def long_poll(home, bot):
    home.telegram.wait_for_poll()


def start(home, bot):
    """Nothing to add: `started` is what every test waits for."""


def question(home, bot):
    home.stash.per_query_seconds = lambda *_: 30
    home.say("/random")
    wait_until(lambda: not home.telegram.pending(), "the request is stored")


def download(home, bot):
    home.stash.server.fail(Fault("/image/", Trouble.SILENCE, seconds=30))
    home.say("/random")
    wait_until(lambda: went(home, "/image/"), "the download has begun")


def dribbling_download(home, bot):
    """The file comes byte by byte, so that no time-out ends it."""
    server, begun = home.stash.server, threading.Event()
    whole = server.handle

    def bytes_by_and_by():
        while not server.stopping.wait(0.05):
            begun.set()
            yield b"x"

    def handle(request):
        if request.path.startswith("/image/"):
            return Response(200, "image/jpeg", bytes_by_and_by())
        return whole(request)

    server.handle = handle
    home.say("/random")
    assert begun.wait(10)


def upload(home, bot):
    home.telegram.server.fail(Fault("sendPhoto", Trouble.SILENCE, seconds=30))
    home.say("/random")
    wait_until(lambda: went(home, "sendPhoto"), "the upload has begun")


def retry(home, bot):
    home.stash.server.fail(Fault("/graphql", Trouble.ERROR))
    home.stash.server.fail(Fault("/graphql", Trouble.ERROR, times=1000))
    home.say("/random")
    wait_until(lambda: len(home.stash.server._faults) == 1, "the first try has failed")


def stash_away(home, bot):
    home.stash.server.pause()
    home.say("/random")
    bot.wait_for_event("stash_down")


def telegram_away(home, bot):
    home.telegram.server.pause()
    bot.wait_for_event("telegram_down")


def many_requests(home, bot):
    home.telegram.server.delay = 0.1
    for user in PEOPLE:
        home.say("/random", user=user)
    home.wait_for_images(2)


MIDDLES = [
    *((middle, signal.SIGTERM) for middle in (start, question, download, dribbling_download)),
    *((middle, signal.SIGTERM) for middle in (upload, retry, stash_away, telegram_away)),
    (many_requests, signal.SIGTERM),
    *((middle, number) for middle in (long_poll,) for number in BOTH),
    *((middle, signal.SIGINT) for middle in at_length((download, upload, telegram_away), ())),
]


def word(value):
    return value.name if isinstance(value, signal.Signals) else value.__name__


@pytest.mark.parametrize(("middle", "number"), MIDDLES, ids=word)
def test_end_in_the_middle_of(house, middle, number):
    """A signal ends it within 2 s, with 0 and without a complaint, whatever is under way."""
    home = house(library(60), start=False, **crowd(PEOPLE))
    with Program(environ=home.environ, python=STRICT) as bot:
        bot.wait_for_event("started")
        middle(home, bot)

        code, took = bot.stop(number)

    assert (code, bot.stderr) == (0, [])
    assert took < LIMIT
    assert bot.log[0]["event"] == "started"
    assert [bool(bot.events(name)) for name in ("stopping", "turn_failed")] == [True, False]
    [stopped] = bot.events("stopped")
    assert bot.log[-1] == stopped
    assert stopped["seconds"] < OWN_LIMIT


def test_picture_under_way_at_the_end_is_never_sent_again(house):
    """An upload that the end cut short may have arrived: the next start leaves it alone."""
    home = house(library(1), start=False)
    with Program(environ=home.environ) as bot:
        upload(home, bot)
        assert bot.stop()[0] == 0
    with Program(environ=home.environ) as bot:
        [event] = bot.wait_for_event("sending_interrupted")
        home.say("/help")
        home.wait_for_text("/random")

    assert (event["level"], event["pictures"]) == ("warning", 1)
    with closing(sqlite3.connect(home.settings.database)) as connection:
        assert connection.execute("SELECT state FROM sent_photos").fetchall() == [("unknown",)]
    assert not home.sent_images()


@pytest.mark.parametrize("number", BOTH, ids=word)
def test_impatient_signals(house, number):
    """Signals in quick succession, and more of both while it ends, do no harm."""
    home = house(start=False)
    with Program(environ=home.environ, python=STRICT) as bot:
        home.telegram.wait_for_poll()
        for _ in range(5):
            bot.send(number)
        bot.wait_for_event("stopping")
        for each in BOTH:
            bot.send(each)

        assert bot.exit_code() == 0

    assert bot.stderr == []
    assert len(bot.events("stopping")) == len(bot.events("stopped")) == 1


@pytest.mark.parametrize("number", BOTH, ids=word)
def test_signal_before_the_start(house, number):
    """A signal that comes before anything was begun ends it too, without a word of Python's."""
    home = house(start=False)
    with Program(environ=home.environ, python=("-v",)) as bot:
        wait_until(lambda: any("import 'signal'" in line for line in bot.stderr), "the imports")
        wait_until(lambda: any("stashbot.cli.main" in line for line in bot.stderr), "its own")

        code, took = bot.stop(number)

    assert code in (0, -number)
    assert took < LIMIT
    assert not [line for line in bot.stderr if line.startswith(("Traceback", "KeyboardInterrupt"))]


def test_requests_left_at_the_end_are_answered_later(house):
    """What was accepted and not begun when the signal came is sent after the next start."""
    home = house(library(60), start=False, **crowd(PEOPLE))
    with Program(environ=home.environ) as bot:
        many_requests(home, bot)
        wait_until(lambda: not home.telegram.pending(), "all are stored")
        assert bot.stop()[0] == 0
    home.telegram.server.delay = 0
    with Program(environ=home.environ):
        home.wait_for_images(len(PEOPLE))

    served = [call.chat_id for call in home.telegram.calls if images_of(call)]
    assert sorted(served) == list(PEOPLE)


def test_refused_token(house):
    """A token that Telegram does not know ends it with 78, and says so in a critical line."""
    home = house(start=False)
    wrong = {"STASHBOT_TELEGRAM_TOKEN": "4242:BBE-of_somebody_else_0123456789"}
    code, out, err = run(environ=home.environ | wrong, python=STRICT)

    assert (code, err) == (78, "")
    assert '"event": "token_refused", "level": "critical"' in out
    assert '"event": "stopped"' in out


def test_wrong_settings(house):
    """Settings that are wrong end it with 78 and name every fault, each on its line."""
    home = house(start=False)
    wrong = {"STASHBOT_TELEGRAM_TOKEN": "no-token", "STASHBOT_LOG_LEVEL": "loud"}
    code, out, err = run(environ=home.environ | wrong, python=STRICT)

    assert (code, out) == (78, "")
    first, *faults = err.splitlines()
    assert "settings.toml) cannot be used yet:" in first
    assert [fault.split()[0] for fault in faults] == ["telegram.token", "log.level"]
    assert "no-token" not in err


def newer(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {0x53747368}")
        connection.execute("PRAGMA user_version = 99")
        connection.commit()


DATABASES = [
    (newer, "was written by a newer stashbot"),
    (lambda path: path.write_bytes(b"no database " * 99), "is not an SQLite database"),
    (lambda path: path.mkdir(), "is a folder"),
]


@pytest.mark.parametrize(("spoil", "said"), DATABASES, ids=["newer", "damaged", "folder"])
def test_unusable_database(house, spoil, said):
    """A database that cannot be used ends it with 1 and a clear word, and stays as it is."""
    home = house(start=False)
    path = home.settings.database
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    code, out, err = run(environ=home.environ, python=STRICT)

    assert (code, out) == (1, "")
    assert err.startswith(f"stashbot cannot start: the database {path} {said}")
    assert len(err.splitlines()) == 1
    assert (path.read_bytes() if path.is_file() else None) == before


def test_database_in_no_folder(house, tmp_path):
    """A database that cannot be made is told in words as well."""
    home = house(start=False)
    path = tmp_path / "nowhere" / "stashbot.db"
    code, out, err = run(environ=home.environ | {"STASHBOT_DATABASE_PATH": str(path)})

    assert (code, out) == (1, "")
    assert err.startswith(f"stashbot cannot start: the database {path} cannot be made")
    assert len(err.splitlines()) == 1


# The pool


@pytest.fixture
def pool():
    """A pool on a clock of its own that stands still until it is set."""
    now = [100.0]
    pool = Pool(aside=2, clock=lambda: now[0])
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


def test_jobs_in_the_order_of_their_times(pool):
    """What is due first is done first; of equals, what came first."""
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


def test_a_busy_thread_holds_up_nobody():
    """While one thread is busy an idle one does what becomes due."""
    pool = Pool(aside=2)
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
    pool = Pool(aside=2)
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


def test_what_nobody_waits_for(pool):
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
    """Of what nobody waits for only so many lanes are served at a time; who asks is served."""
    pool = Pool(aside)
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
    """What a job raises costs that job only: the next of its lane has its turn."""
    done = []
    pool.submit(lambda: 1 / 0, lane=1)
    pool.submit(job(done, "next"), lane=1)

    with pytest.raises(ZeroDivisionError):
        pool.turn()
    pool.turn()

    assert done == ["next"]
    assert len(pool) == 0


def test_work_for_all_that_wait():
    """Two jobs that become due at once are done by two threads, whoever was told of them."""
    pool = Pool(aside=2)
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
    """Who asks is answered, though new buttons for others do not get through to Telegram."""
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
    """A thread outlives what a turn raises, and logs it with its traceback."""
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


def test_stuck_threads():
    """A thread is stuck when its work takes longer than its patience, and not while it rests."""
    daemon, end = Supervisor(), threading.Event()

    def rest():
        with resting():
            end.wait(10)

    def rest_too_long():
        with resting(0.05):
            end.wait(10)

    daemon.start("working", lambda: end.wait(10), patience=0.05)
    daemon.start("patient", lambda: end.wait(10), patience=60)
    daemon.start("resting", rest, patience=0.05)
    daemon.start("waiting", rest_too_long, patience=60)
    wait_until(lambda: len(daemon.stuck()) == 2, "two are stuck")
    stuck = daemon.stuck()
    daemon.stop.set()
    end.set()
    daemon.end(5)

    assert stuck == ["working", "waiting"]


def test_idle_bot_is_not_stuck(house):
    """Threads that have nothing to do are not taken for stuck, however long that lasts."""
    home = house(library(3), start=False)
    home.app = build(home.settings)
    home.app.start(watchdog=0.2)
    home.telegram.wait_for_poll()
    home.ask()
    time.sleep(1)

    assert home.app.daemon.stuck() == []


def test_settings_that_are_read_again(house, tmp_path):
    """SIGHUP brings new settings into force, and wrong ones change nothing."""
    home = house(library(9), start=False)
    file = tmp_path / "settings.toml"
    file.write_text(f"[telegram]\nallowed_users = [{OWNER}]\n")
    environ = {key: value for key, value in home.environ.items() if "ALLOWED_USERS" not in key}
    with Program("--settings", file, environ=environ, python=STRICT) as bot:
        bot.wait_for_event("started")
        home.ask()
        file.write_text("[telegram]\nallowed_users = []\n")
        bot.send(signal.SIGHUP)
        [refused] = bot.wait_for_event("reload_refused")
        home.ask()
        file.write_text(f"[telegram]\nallowed_users = [{OWNER}, {FRIEND}]\n")
        bot.send(signal.SIGHUP)
        bot.wait_for_event("reloaded")
        home.ask(user=FRIEND)
        code, _ = bot.stop()

    assert "telegram.allowed_users" in refused["faults"][0]
    assert (code, bot.stderr) == (0, [])
    assert len(bot.events("started")) == 1


def test_order_of_the_end():
    """What was named last is closed first, and each thread closes its own things last."""
    daemon = Supervisor()
    order = []
    daemon.at_thread_end(lambda: order.append(threading.current_thread().name))
    for name in ("pool", "server"):
        daemon.at_end(lambda name=name: order.append(name))
    daemon.start("worker", lambda: daemon.stop.wait(5))

    daemon.end(5)

    assert order[:1] + sorted(order[1:]) == ["server", *sorted(["pool", "worker"])]


def test_thread_that_hangs_is_left_behind():
    """The end does not wait longer than its patience, however many threads hang."""
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
    """A thread that ends the program before anybody waits for that is heard all the same."""
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


def test_first_and_last_words(house):
    """The log begins with `started` and ends with `stopped`, each with the version."""
    home = house(start=False)
    with Program(environ=home.environ) as bot:
        home.say("/help")
        home.wait_for_text("/random")
        assert bot.stop()[0] == 0

    told = [line for line in bot.log if line["event"] in ("started", "stopping", "stopped")]
    assert [line["event"] for line in told] == ["started", "stopping", "stopped"]
    assert {(line["level"], line["version"]) for line in told} == {("info", __version__)}
    assert (bot.log[0], bot.log[-1]) == (told[0], told[-1])
