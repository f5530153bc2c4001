"""The life of the process: start, reload and end, in the middle of anything."""

import signal
from pathlib import Path

import pytest

from stashbot import __version__
from stashbot.cli.run import _line
from stashbot.store.store import Store
from tests.conftest import API_KEY, FRIEND, OWNER, at_length, crowd, images_of, library
from tests.standins.http import Fault, Trouble
from tests.whole.program import Program, run, wait_until, went

#: Seconds: by its own clock, and from outside, where a busy machine takes its time.
OWN_LIMIT, LIMIT = 2, 15
#: Each complaint of Python is an error and stands on stderr.
STRICT = ("-X", "dev", "-W", "error")
#: One for each request, so that none waits for another.
PEOPLE = range(2001, 2001 + at_length(40, 15))
BOTH = (signal.SIGTERM, signal.SIGINT)


# Each function brings the bot into the middle of something.


def long_poll(home, bot):
    home.telegram.wait_for_poll()


def question(home, bot):
    home.stash.per_query_seconds = lambda *_: 30
    home.say("/random")
    wait_until(lambda: not home.telegram.pending(), "the request is stored")


def download(home, bot):
    home.stash.server.fail(Fault("/image/", Trouble.SILENCE, seconds=30))
    home.say("/random")
    wait_until(lambda: went(home, "/image/"), "the download has begun")


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
    *((middle, signal.SIGTERM) for middle in (download, upload, telegram_away, many_requests)),
    *((long_poll, number) for number in BOTH),
    *((middle, signal.SIGTERM) for middle in at_length((question, retry, stash_away), ())),
    *((middle, signal.SIGINT) for middle in at_length((download, upload, telegram_away), ())),
]


def word(value):
    return value.name if isinstance(value, signal.Signals) else value.__name__


@pytest.mark.parametrize(("middle", "number"), MIDDLES, ids=word)
def test_end_in_the_middle_of(house, middle, number):
    home = house(library(60), start=False, **crowd(PEOPLE))
    with Program(environ=home.environ, python=STRICT) as bot:
        bot.wait_for_event("started")
        middle(home, bot)

        code, took = bot.stop(number)

    assert (code, bot.stderr) == (0, [])
    assert took < LIMIT
    assert not bot.events("turn_failed")
    [started], [stopping], [stopped] = map(bot.events, ("started", "stopping", "stopped"))
    assert (bot.log[0], bot.log[-1]) == (started, stopped)
    assert {line["version"] for line in (started, stopping, stopped)} == {__version__}
    assert stopped["seconds"] < OWN_LIMIT


def test_picture_under_way_at_the_end_is_never_sent_again(house):
    home = house(library(1), start=False)
    with Program(environ=home.environ) as bot:
        upload(home, bot)
        assert bot.stop()[0] == 0
    with Program(environ=home.environ) as bot:
        [event] = bot.wait_for_event("sending_interrupted")
        home.say("/help")
        home.wait_for_text("/random")

    assert (event["level"], event["pictures"]) == ("warning", 1)
    assert home.query("SELECT state FROM sent_photos") == [("unknown",)]
    assert not home.sent_images()


@pytest.mark.parametrize("number", at_length(BOTH, BOTH[:1]), ids=word)
def test_impatient_signals(house, number):
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


@pytest.mark.parametrize("number", at_length(BOTH, BOTH[1:]), ids=word)
def test_signal_before_the_start(house, number):
    home = house(start=False)
    with Program(environ=home.environ, python=("-v",)) as bot:
        wait_until(lambda: any("import 'signal'" in line for line in bot.stderr), "the imports")
        wait_until(lambda: any("stashbot.cli.main" in line for line in bot.stderr), "its own")

        code, took = bot.stop(number)

    assert code in (0, -number)
    assert took < LIMIT
    assert not [line for line in bot.stderr if line.startswith(("Traceback", "KeyboardInterrupt"))]


def test_refused_token(house):
    home = house(start=False)
    wrong = {"STASHBOT_TELEGRAM_TOKEN": "4242:BBE-of_somebody_else_0123456789"}
    code, out, err = run(environ=home.environ | wrong, python=STRICT)

    assert (code, err) == (78, "")
    assert '"event": "token_refused", "level": "critical"' in out
    assert '"do": "telegram.token, from the variable STASHBOT_TELEGRAM_TOKEN: copy it' in out
    assert '"event": "stopped"' in out


DATABASES = [
    (lambda path: path.write_bytes(b"no database " * 99), "is not an SQLite database"),
    (lambda path: path.parent.rmdir(), "cannot be made"),
]


@pytest.mark.parametrize(("spoil", "said"), DATABASES, ids=["damaged", "no folder"])
def test_unusable_database(house, tmp_path, spoil, said):
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "stashbot.db"
    home = house(start=False, STASHBOT_DATABASE_PATH=str(path))
    spoil(path)
    before = path.exists() and path.read_bytes()
    code, out, err = run(environ=home.environ, python=STRICT)

    assert (code, out) == (1, "")
    assert err.startswith(f"stashbot cannot start: the database {path} {said}")
    assert len(err.splitlines()) == 1
    assert (path.exists() and path.read_bytes()) == before


def test_settings_that_are_read_again(house, tmp_path):
    home = house(library(9), start=False)
    file = tmp_path / "settings.toml"
    file.write_text(f"[telegram]\nallowed_users = [{OWNER}]\n")
    environ = {key: value for key, value in home.environ.items() if "ALLOWED_USERS" not in key}
    with Program("--settings", file, environ=environ, python=STRICT) as bot:
        bot.wait_for_event("started")
        home.ask()
        file.write_text("[telegram]\nallowed_users = [0]\n")
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


def test_key_that_is_mended_by_a_reload(house, tmp_path):
    home = house(library(9), start=False, api_key=API_KEY)
    file = tmp_path / "settings.toml"
    file.write_text('[stash]\napi_key = "another"\n')
    environ = {key: value for key, value in home.environ.items() if "API_KEY" not in key}
    with Program("--settings", file, environ=environ, python=STRICT) as bot:
        home.say("/random")
        bot.wait_for_event("stash_down")
        bot.send(signal.SIGHUP)
        bot.wait_for_event("reloaded")
        file.write_text(f'[stash]\napi_key = "{API_KEY}"\n')
        bot.send(signal.SIGHUP)
        home.wait_for_images(1)
        bot.wait_for_event("stash_up")
        home.ask()
        bot.stop()

    assert [len(bot.events(name)) for name in ("stash_down", "stash_up")] == [1, 1]
    assert bot.events("stash_up")[0]["seconds"] > 0


@pytest.mark.parametrize("middle", [upload, long_poll, *at_length([download], [])], ids=word)
def test_end_while_reloading(house, middle):
    home = house(library(60), start=False)
    with Program(environ=home.environ, python=STRICT) as bot:
        bot.wait_for_event("started")
        middle(home, bot)
        bot.send(signal.SIGHUP)
        code, took = bot.stop()

    assert (code, bot.stderr) == (0, [])
    assert took < LIMIT
    assert all(event["seconds"] < OWN_LIMIT for event in bot.events("stopped"))


def test_end_at_the_moment_of_the_reload(house):
    home = house(start=False)
    with Program(environ=home.environ) as bot:
        home.telegram.wait_for_poll()
        tasks = Path(f"/proc/{bot.process.pid}/task")
        bot.send(signal.SIGHUP)
        wait_until(lambda: len(list(tasks.iterdir())) == 1, "the threads have ended")

        assert bot.stop()[0] == 0


def test_reload_keeps_the_requests(house):
    home = house(library(60), start=False, **crowd(PEOPLE))
    with Program(environ=home.environ, python=STRICT) as bot:
        many_requests(home, bot)
        wait_until(lambda: not home.telegram.pending(), "all are stored")
        home.telegram.server.delay = 0
        bot.send(signal.SIGHUP)
        bot.wait_for_event("reloaded")
        home.wait_for_images(len(PEOPLE))
        bot.send(signal.SIGHUP)
        bot.wait_for_event("reloaded", count=2)
        code, _ = bot.stop()

    served = [call.chat_id for call in home.telegram.calls if images_of(call)]
    assert sorted(served) == list(PEOPLE)
    assert (code, bot.stderr) == (0, [])


def test_second_process_on_one_database(house):
    home = house(library(9), start=False)
    with Program(environ=home.environ) as first:
        first.wait_for_event("started")
        refused = [run(environ=home.environ)]
        first.send(signal.SIGHUP)
        first.wait_for_event("reloaded")
        refused.append(run(environ=home.environ))
        home.ask()
        first.kill()
    with Program(environ=home.environ) as next_one:
        next_one.wait_for_event("started")

    said = f"stashbot cannot start: the database {home.settings.database} is in use by another"
    for code, out, err in refused:
        assert (code, out) == (1, "")
        assert err.startswith(said)


#: The program, with a lock of the database that begins before or after the bot has opened it.
LOCKED = """
import sqlite3, sys, threading
from pathlib import Path
program, seconds, is_open = sys.argv[1:]
sys.path.insert(0, str(Path(program).parent))
from stashbot.cli import main, run
build = run.build

def build_locked(settings):
    run.build = build
    app = build(settings) if is_open == "True" else None
    other = sqlite3.connect(settings.database, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    end = threading.Timer(float(seconds), other.close)
    end.daemon = True
    end.start()
    return app or build(settings)

run.build = build_locked
sys.exit(main.main([]))
"""


LOCKS = [(False, False), (True, True), *at_length([(False, True), (True, False)], [])]


@pytest.mark.parametrize(("is_open", "is_ended"), LOCKS)
def test_database_locked_at_start(house, is_open, is_ended):
    home = house(library(9), start=False)
    Store(home.settings.database).close()
    seconds = 600 if is_ended else 7  # more than the bot waits for one statement
    with Program(seconds, is_open, environ=home.environ, python=("-c", LOCKED)) as bot:
        bot.wait_for_event("database_locked")
        if not is_ended:
            home.ask()
        code, took = bot.stop()

    assert (code, bot.stderr) == (0, [])
    assert took < LIMIT
    [line] = bot.events("database_locked")
    assert line["level"] == "error"
    assert bool(bot.events("started")) is not is_ended


def test_database_that_is_moved_away(house):
    home = house(library(9))
    path, away = home.settings.database, home.settings.database.with_name("away.db")
    home.ask()
    path.rename(away)
    home.say("/random")
    home.wait_for_text("my database is not available")
    is_made_again = path.exists()
    away.rename(path)
    home.ask()

    assert not is_made_again
    [line] = home.events("database_gone")
    assert (line["level"], str(path) in line["error"]) == ("error", True)


def test_idle_bot_notices_that_the_database_is_gone(house):
    home = house(start=False).start()
    home.settings.database.unlink()

    _line(home.app)

    assert home.wait_for_event("database_gone")
