"""A copy of the database while the bot runs, and a copy put in its place."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from stashbot.store import backup as backups
from stashbot.store.database import only_process, open_database, scripts
from stashbot.store.store import Store
from tests.cli.situations import damage
from tests.conftest import OWNER, library, needs
from tests.store.stored import rows_of, show
from tests.whole.program import BARE, PROGRAM, Program, run

CAN_MOUNT = not subprocess.run(["unshare", "-rm", "true"], check=False).returncode


@pytest.fixture
def home(tmp_path):
    """A folder with the database of a bot that has sent picture 1."""
    fill(tmp_path / "stashbot.db", 1)
    return tmp_path


def settings(folder):
    """The settings for the database in a folder; the commands contact no server."""
    return {
        "STASHBOT_TELEGRAM_TOKEN": "42:AA",
        "STASHBOT_TELEGRAM_ALLOWED_USERS": str(OWNER),
        "STASHBOT_DATABASE_PATH": str(folder / "stashbot.db"),
    }


@pytest.fixture
def command(called, home):
    """A function that runs a command for this database."""
    return lambda *arguments: called(*arguments, environ=settings(home))


def fill(path, *image_ids):
    with closing(Store(path)) as store:
        show(store, *image_ids)


def images(path):
    return [id for (id,) in rows_of(path, "SELECT image_id FROM sent_photos ORDER BY 1")]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def crash(path, *image_ids):
    """Leave a database as a power cut would: the last pictures are in its WAL alone."""
    with closing(Store(path.with_name("whole.db"))) as store:
        show(store, *image_ids)
        for suffix in ("", "-wal"):
            shutil.copy(path.with_name(f"whole.db{suffix}"), f"{path}{suffix}")
    path.with_name("whole.db").unlink()


def test_backup_while_the_bot_runs(house, tmp_path):
    home = house(library(5), start=False)
    copy = tmp_path / "copy.db"
    with Program(environ=home.environ) as bot:
        home.ask(count=1)
        bot.wait_for_event("photo_sent")
        code, out, err = run("backup", copy, environ=home.environ)
        refused = run("restore", copy, environ=home.environ)
        home.ask(count=1)
        bot.stop()

    assert (code, err) == (0, "")
    assert out.startswith(f"{copy} is written, ")
    assert images(copy) == home.sent_images()[:1]
    assert copy.stat().st_mode & 0o777 == 0o600
    assert refused[0] == 1
    assert refused[2].startswith("Nothing is restored: the database")
    assert "is in use by another stashbot; stop that one first" in refused[2]
    assert sorted(home.sent_images()) == images(home.settings.database)


def test_restored_database_and_the_old_one(home, command):
    copy = home / "copy.db"
    assert command("backup", copy)[0] == 0
    fill(home / "stashbot.db", 2)
    code, out, err = command("restore", copy)

    [old] = [path for path in home.iterdir() if path.name.startswith("stashbot.db-2")]
    assert (code, out, err) == (
        0,
        f"{home / 'stashbot.db'} is restored; the old database is now {old}",
        "",
    )
    assert (images(home / "stashbot.db"), images(old), images(copy)) == ([1], [1, 2], [1])
    assert (home / "stashbot.db").stat().st_mode & 0o777 == 0o600
    assert not [name for name in names(home) if name.startswith(".")]


def test_wal_of_a_crash_stays_with_its_database(home, command):
    copy, path = home / "copy.db", home / "stashbot.db"
    command("backup", copy)
    crash(path, 7, 8)

    assert command("restore", copy)[0] == 0
    [old] = [each for each in home.glob("stashbot.db-2*") if not each.name.endswith("-wal")]
    assert (images(path), images(old)) == ([1], [7, 8])


def test_restore_that_ends_before_the_new_database_is_in_its_place(home, command, monkeypatch):
    command("backup", home / "copy.db")
    crash(home / "stashbot.db", 7, 8)
    monkeypatch.setattr(Path, "replace", lambda *_: Path("/no/such").stat())

    assert command("restore", home / "copy.db")[0] == 1
    assert images(home / "stashbot.db") == [7, 8]


def test_backup_that_has_a_wal(home, command):
    crash(home / "copied.db", 7, 8)

    assert command("restore", home / "copied.db")[0] == 0
    assert images(home / "stashbot.db") == [7, 8]


def test_restored_where_no_database_is(home, command):
    (home / "stashbot.db").rename(home / "copy.db")

    assert command("restore", home / "copy.db")[1] == f"{home / 'stashbot.db'} is restored"
    assert images(home / "stashbot.db") == [1]


def test_backup_of_an_older_version(home, command):
    old = open_database(home / "old.db", busy_ms=0, migrations=scripts()[:3])
    old.close()

    assert command("restore", home / "old.db")[0] == 0
    assert rows_of(home / "stashbot.db", "PRAGMA user_version") == [(len(scripts()),)]


def make_newer(path):
    fill(path, 2)
    rows_of(path, "PRAGMA user_version = 99")


def make_short(path):
    fill(path, 2)
    path.write_bytes(path.read_bytes()[:-4096])


def make_endless(path):
    fill(path, 2)
    with path.open("r+b") as file:
        file.truncate(2 << 20)


NO_BACKUPS = {
    "missing": (lambda path: None, "FILE cannot be read: No such file"),
    "folder": (lambda path: path.mkdir(), "FILE cannot be read: Is a directory"),
    "no byte": (lambda path: path.touch(), "the backup is empty"),
    "empty": (lambda path: rows_of(path, "VACUUM"), "the backup is empty"),
    "diary": (lambda path: path.write_text("Dear diary"), "the backup is not an SQLite database"),
    "other program": (
        lambda path: rows_of(path, "CREATE TABLE photos (id)"),
        "the backup belongs to another program",
    ),
    "newer": (make_newer, "the backup was written by a newer stashbot (schema 99, this one"),
    "damaged": (damage, "the backup is damaged"),
    "short": (make_short, "the backup is damaged"),
    "endless": (make_endless, "the backup is larger than "),
}


@pytest.mark.parametrize(("make", "reason"), NO_BACKUPS.values(), ids=NO_BACKUPS)
def test_file_that_is_no_backup(home, command, monkeypatch, make, reason):
    monkeypatch.setattr(backups, "LARGEST_BYTES", 1 << 20)
    file = home / "copy.db"
    make(file)
    before = names(home), (home / "stashbot.db").read_bytes()
    code, out, err = command("restore", file)

    assert (code, out) == (1, "")
    assert err.replace(str(file), "FILE").startswith(f"Nothing is restored: {reason}")
    left = [name for name in names(home) if name != "stashbot.db-lock"]
    assert (left, (home / "stashbot.db").read_bytes()) == before


def lose(home):
    (home / "stashbot.db").unlink()


NO_PLACES = {
    "folder": ("", None, "FILE is not a file; name one"),
    "long name": (f"{300 * 'x'}/copy.db", None, "FILE cannot be written: File name too long"),
    "no folder": ("missing/copy.db", None, "FILE cannot be written: No such file"),
    "the database": ("stashbot.db", None, "FILE belongs to the database itself; name another"),
    "its lock": ("stashbot.db-lock", None, "FILE belongs to the database itself; name another"),
    "no database": ("copy.db", lose, "there is no database "),
    "damaged": ("copy.db", lambda home: damage(home / "stashbot.db"), "the database DB is damaged"),
}


@pytest.mark.parametrize(("name", "spoil", "reason"), NO_PLACES.values(), ids=NO_PLACES)
def test_backup_that_cannot_be_made(home, command, name, spoil, reason):
    if spoil:
        spoil(home)
    before = names(home)
    code, out, err = command("backup", home / name)

    said = err.replace(str(home / "stashbot.db"), "DB") if spoil else err
    assert (code, out) == (1, "")
    assert said.replace(str(home / name), "FILE").startswith(f"There is no backup: {reason}")
    assert names(home) == before


def test_backup_of_a_locked_database(home, command):
    rows_of(home / "stashbot.db", "PRAGMA journal_mode = DELETE")
    with closing(sqlite3.connect(home / "stashbot.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        code, _, err = command("backup", home / "copy.db")

    assert code == 1
    assert "is locked by another program" in err
    assert "copy.db" not in names(home)


def test_backup_of_a_database_that_cannot_be_reached(home, called):
    long = settings(home) | {"STASHBOT_DATABASE_PATH": f"/{300 * 'x'}/a.db"}
    code, _, err = called("backup", home / "copy.db", environ=long)

    assert code == 1
    assert err.startswith("There is no backup: there is no database /xxx")


def test_restore_while_the_bot_runs(home, command):
    command("backup", home / "copy.db")
    with only_process(home / "stashbot.db"):
        code, _, err = command("restore", home / "copy.db")

    assert code == 1
    assert "is in use by another stashbot" in err


def through_a_pipe(command, home, **options):
    environ = BARE | settings(home)
    call = [sys.executable, PROGRAM, command, "-"]
    return subprocess.run(call, env=environ, stderr=subprocess.PIPE, check=False, **options)


def test_standard_output_and_input(home):
    made = through_a_pipe("backup", home, stdout=subprocess.PIPE)
    fill(home / "stashbot.db", 2)
    done = through_a_pipe("restore", home, input=made.stdout, stdout=subprocess.PIPE)
    with Path("/dev/full").open("wb") as full:
        failed = through_a_pipe("backup", home, stdout=full)

    assert (made.returncode, made.stderr) == (done.returncode, done.stderr) == (0, b"")
    assert images(home / "stashbot.db") == [1]
    assert failed.returncode == 1
    reason = b"standard output cannot be written: No space left on device"
    assert failed.stderr == b"There is no backup: %s\n" % reason


@needs("unshare with rights to mount", CAN_MOUNT)
@pytest.mark.parametrize("command", ["backup", "restore"])
def test_full_disk(home, command):
    """The disk is a file system of 64 kB, with the last backup or the database."""
    disk = home / "disk"
    disk.mkdir()
    file = (disk if command == "backup" else home) / "stashbot.db"
    call = f"{sys.executable} {PROGRAM} {command} {file}; ls -A {disk}; cat {disk}/stashbot.db"
    mount = f"mount -t tmpfs -o size=64k none {disk} && echo last > {disk}/stashbot.db"
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", f"{mount} && {call}"],
        env=BARE | settings(home if command == "backup" else disk),
        capture_output=True,
        text=True,
        check=False,
    )

    assert "disk is full" in done.stderr or "No space left on device" in done.stderr
    assert [name for name in done.stdout.split() if name != "stashbot.db-lock"] == [
        "stashbot.db",
        "last",
    ]
