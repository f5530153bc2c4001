"""The lines of `check` in each state, with their remedies."""

import os
import re
from dataclasses import replace

import pytest

from stashbot.cli import machine
from stashbot.cli.check import REMEDIES, TRIES, check
from stashbot.cli.machine import REMOTE, Line, Mark, file_system
from stashbot.demo.stash.standin import SavedFilter
from stashbot.errors import StashProblem
from stashbot.settings.load import load
from stashbot.store.store import Store
from tests.cli.situations import SITUATIONS, TOLD
from tests.conftest import API_KEY, FRIEND, GROUP, OWNER, TOKEN, library, picture
from tests.pictures.test_converter import NO_FONTS
from tests.whole.program import PROGRAM, run

SHIPPED = PROGRAM.with_name("settings.toml")
MINE = "from the variable STASHBOT_STASH_URL"
ALONE = {"STASHBOT_TELEGRAM_ALLOWED_CHATS": "", "STASHBOT_TELEGRAM_ALLOWED_USERS": str(OWNER)}


def lines_of(home, tried):
    return [line for line in check(home.settings) if line.tried.split()[0] == tried]


def test_all_is_right(house):
    home = house(library(1), start=False)
    Store(home.settings.database).close()
    code, out, err = run("check", environ=home.environ)

    assert (code, err) == (0, "")
    shown = re.sub(r"\d+ ms", "5 ms", out)
    shown = shown.replace(home.stash.url, "URL").replace(str(home.settings.database), "PATH")
    shown, places = re.subn(r"(?m)^.*Temporary files.*\n(?: +->.*\n)?", "", shown)
    assert places == 1
    assert re.sub(r"[\d.]+\s(kB|B)\b", "9 kB", shown).splitlines() == [
        "ok     Settings              all values are in order; times are in Europe/Berlin",
        "ok     Database              PATH is sound, 9 kB",
        "ok     Fonts                 letters can be drawn",
        "ok     Telegram              the bot is @stash_demo_bot",
        "ok     User 1001             is known to the bot",
        "ok     User 1002             is known to the bot",
        "ok     Group -500            is known to the bot",
        "ok     Stash                 version 0.30.1 at URL answers in 5 ms",
        "ok     Library               1 image",
        "ok     Picture               image 1 goes as photo: 9 kB from Stash, 9 kB to Telegram",
        "",
        "The bot can start.",
    ]


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="needs /dev/shm")
def test_temporary_files_in_memory(house):
    home = house(library(1), start=False, **ALONE)
    code, out, _ = run("check", environ=home.environ | {"CACHE_DIRECTORY": "/dev/shm"})

    assert code == 0
    [at] = [number for number, line in enumerate(out.splitlines()) if "Temporary" in line]
    note, remedy = out.splitlines()[at : at + 2]
    assert note.startswith("note   Temporary files       /dev/shm/pictures is in memory, ")
    assert remedy.strip() == "-> set the variable CACHE_DIRECTORY to a folder on a disk"


def test_fonts_are_missing(house, tmp_path, monkeypatch):
    (tmp_path / "fonts.conf").write_text(NO_FONTS, "ascii")
    monkeypatch.setenv("FONTCONFIG_FILE", str(tmp_path / "fonts.conf"))
    [line] = lines_of(house(start=False), "Fonts")

    assert (line.mark, line.remedy) == (Mark.NOTE, "apt install fonts-dejavu-core")
    assert "no picture of the statistics" in line.came


def test_something_is_wrong(house):
    home = house([], start=False, **ALONE)
    code, out, err = run("check", environ=home.environ)

    assert (code, err) == (1, "")
    assert out.splitlines()[-4:] == [
        "wrong  Library               there are no images in it",
        f"{'':29}-> stash.url, {MINE}: have this Stash scan a folder with pictures",
        "",
        "The bot cannot work yet: mend the lines marked wrong (1).",
    ]


def test_nothing_is_sent_and_nothing_made(house, tmp_path):
    home = house(library(3), start=False)
    home.say("/random")
    code, _, _ = run("check", environ=home.environ)

    assert code == 0
    assert {call.method for call in home.telegram.calls} == {"getMe", "getWebhookInfo", "getChat"}
    assert len(home.telegram.pending()) == 1
    assert list(tmp_path.iterdir()) == []


def test_secrets_are_not_printed(house):
    proxy = "http://me:a-word-of-the-proxy@127.0.0.1:9"
    home = house(start=False, api_key=API_KEY, STASHBOT_TELEGRAM_PROXY=proxy)
    home.stash.api_key = "another"
    code, out, err = run("check", environ=home.environ | {"STASHBOT_LOG_LEVEL": "debug"})

    assert (code, err) == (1, "")
    assert "wrong  Telegram" in out
    assert "wrong  Stash" in out
    for secret in (TOKEN, API_KEY, "a-word-of-the-proxy"):
        assert secret not in out


@pytest.mark.parametrize("name", SITUATIONS)
def test_each_wrong_situation_has_its_remedy_and_place(house, called, name):
    """TOLD has the lines; FILE, PATH and URL stand for places of the test's own."""
    home = house(library(1), start=False, **ALONE)
    environ = home.environ | (SITUATIONS[name](home) or {})
    environ = {name: text for name, text in environ.items() if text is not None}
    before = content(home.settings.database)
    code, out, err = called("check", environ=environ)

    secure = home.stash.url.replace("http:", "https:")
    said = (
        (out or err)
        .replace(secure, "HTTPS")
        .replace(home.stash.url, "URL")
        .replace(home.telegram.api_url, "URL")
    )
    said = said.replace(environ.get("STASHBOT_SETTINGS", str(SHIPPED)), "FILE")
    said = re.sub(r"knows \d+", "knows N", said)
    said = re.sub(r"\n +-> ", " -> ", said.replace(str(home.settings.database), "PATH"))
    assert TOLD[name] in said
    mark = TOLD[name].split()[0]
    assert code == {"wrong": 1, "note": 0}.get(mark, 78)
    assert content(home.settings.database) == before


def test_each_remedy_is_told():
    assert list(TOLD) == list(SITUATIONS)
    assert len(TOLD) >= 40


def content(path):
    return path.read_bytes() if path.is_file() else None


def test_people_and_groups(house):
    home = house(start=False)

    assert lines_of(home, "User") + lines_of(home, "Group") == [
        Line(Mark.RIGHT, f"User {OWNER}", "is known to the bot"),
        Line(Mark.RIGHT, f"User {FRIEND}", "is known to the bot"),
        Line(Mark.RIGHT, f"Group {GROUP}", "is known to the bot"),
    ]


def test_machine_in_utc_without_a_time_zone(house):
    home = house(start=False)
    settings = replace(home.settings, is_zone_chosen=False)
    first, note = list(check(settings))[:2]

    assert first.came == "all values are in order"
    assert (note.mark, note.tried) == (Mark.NOTE, "Time zone")
    assert note.remedy.startswith("timezone, from the variable STASHBOT_TIMEZONE: ")


def test_every_problem_has_its_remedy():
    assert set(REMEDIES) == set(StashProblem)


@pytest.mark.parametrize(("first_missing", "mark"), [(2, Mark.RIGHT), (1, Mark.WRONG)])
def test_pictures_whose_files_are_gone(house, first_missing, mark):
    home = house(library(TRIES), start=False)
    home.stash.missing = set(range(first_missing, TRIES + 1))

    *left_out, last = lines_of(home, "Picture")

    assert {line.mark for line in left_out} <= {Mark.NOTE}
    assert {line.came.partition(": ")[2] for line in left_out} <= {"the file is gone"}
    assert last.mark is mark
    assert ("disk" in last.remedy) is (mark is Mark.WRONG)


FILTERS = [
    SavedFilter(1, "Best", None, {"organized": {"value": "true", "modifier": "EQUALS"}}),
    SavedFilter(2, "Newer", None, {"colour": {"value": "blue", "modifier": "EQUALS"}}),
    SavedFilter(3, "Odd", None, {"path": {"value": "(", "modifier": "MATCHES_REGEX"}}),
]
SOURCES = {
    "tag": ("beach", "is the tag Beach", ""),
    "filter": ("best", "is the saved filter Best", ""),
    "word": ("новое", "is the word new", ""),
    "misspelt": ("baech", ": Stash has nothing of this name", "did you mean the tag Beach?"),
    "like nothing": (
        "xqzwv",
        ": Stash has nothing of this name",
        "write the name of a filter, tag, performer, gallery or studio, or a word such as new",
    ),
    "several": (
        "sea",
        ": several sources have this name",
        "write the whole name of one, or rename one in Stash: the tag Seals, the tag Seaside",
    ),
    "filter of a newer Stash": (
        "newer",
        ": the saved filter cannot be used because of colour",
        "remove colour from Newer in Stash, or name another filter",
    ),
    "filter that Stash refuses": (
        "odd",
        ": the saved filter cannot be used because of path",
        "remove path from Odd in Stash, or name another filter",
    ),
}


@pytest.fixture
def named(house, tmp_path):
    """A function that checks the settings with this for both filters."""

    def check_with(what):
        tags = ("Beach", "Seals", "Seaside")
        home = house([picture(1, tags=tags)], start=False, **ALONE)
        home.stash.filters = FILTERS
        schedule = f'chat = {OWNER}\nwhen = "daily 09:00"\nfilter = "{what}"'
        file = check_with.file
        file.write_text(f'[photos]\nfilter = "{what}"\n[[schedule]]\n{schedule}\n', "utf-8")
        return list(check(load(file, home.environ)))[-2:]

    check_with.file = tmp_path / "settings.toml"
    return check_with


@pytest.mark.parametrize(("what", "came", "remedy"), SOURCES.values(), ids=SOURCES)
def test_sources_of_the_settings(named, what, came, remedy):
    mark = Mark.WRONG if remedy else Mark.RIGHT
    blank = "" if came.startswith(":") else " "

    places = ("photos.filter", "schedule.filter")
    remedies = [remedy and f"{key}, from the file {named.file}: {remedy}" for key in places]
    assert named(what) == [
        Line(mark, "photos.filter", f'"{what}"{blank}{came}', remedies[0]),
        Line(mark, "schedule.filter", f'"{what}" (daily 09:00){blank}{came}', remedies[1]),
    ]


MOUNTS = r"""
22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw
30 22 0:26 / /srv/my\040disk rw - cifs //nas/srv rw
33 22 0:29 / /over rw master:5 propagate_from:2 - nfs4 nas:/over rw
""".strip()


@pytest.mark.parametrize(
    ("device", "kind"),
    [((259, 2), "ext4"), ((0, 26), "cifs"), ((0, 29), "nfs4"), ((0, 9), "")],
)
def test_file_system(device, kind):
    assert file_system(os.makedev(*device), MOUNTS) == kind
    assert bool(REMOTE.fullmatch(kind)) is (kind in ("cifs", "nfs4"))


def test_file_system_of_another_machine(house, monkeypatch):
    monkeypatch.setattr(machine, "REMOTE", re.compile(".*"))
    home = house(start=False)

    [line] = lines_of(home, "Database")

    assert line.mark is Mark.WRONG
    assert "a file system of another machine" in line.came


@pytest.mark.parametrize("has_secrets", [True, False])
def test_settings_only(house, called, tmp_path, has_secrets):
    home = house(start=False)
    environ = dict(home.environ)
    if not has_secrets:
        del environ["STASHBOT_TELEGRAM_TOKEN"]
        del environ["STASHBOT_STASH_API_KEY"]
        environ["CREDENTIALS_DIRECTORY"] = str(tmp_path / "forbidden")
    code, out, err = called("check", "--settings-only", environ=environ)

    assert (code, err) == (0, "")
    assert "all values are in order" in out
    assert ("secrets not checked" in out) is not has_secrets
    assert not home.telegram.calls
    assert not home.stash.requests
    assert list(tmp_path.iterdir()) == []


def test_settings_only_of_wrong_settings(called):
    code, out, err = called("check", "--settings-only", environ={"STASHBOT_LOG_LEVEL": "loud"})

    assert (code, out) == (78, "")
    assert "log.level, from the variable STASHBOT_LOG_LEVEL: must be one of" in err
