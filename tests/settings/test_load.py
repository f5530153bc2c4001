import re
import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import tzlocal.unix
from hypothesis import given
from hypothesis import strategies as st

from stashbot.errors import SettingsError
from stashbot.settings.keys import KEYS, SCHEDULE_KEYS, ScheduleSettings
from stashbot.settings.load import check_only, load

TOKEN = "123456789:AAFirst_Second-Third"
LEAST = {"STASHBOT_TELEGRAM_TOKEN": TOKEN, "STASHBOT_TELEGRAM_ALLOWED_USERS": "42"}
SHIPPED = Path(__file__).parents[2] / "settings.toml"
BY_NAME = {key.name: key for key in KEYS}


def write(directory, text):
    path = directory / "settings.toml"
    path.write_text(text, "utf-8")
    return path


def faults(path, environ):
    with pytest.raises(SettingsError) as caught:
        load(path, environ)
    return list(caught.value.faults)


def variable(name, value):
    """The environment with one key set, and nothing missing."""
    return LEAST | {BY_NAME[name].variable: value}


def at(settings, name):
    """The value of a key, by its dotted name, wherever `Settings` has it."""
    for part in {"database.path": "database"}.get(name, name).split("."):
        settings = getattr(settings, part)
    return settings


def test_least():
    settings = load(None, LEAST)

    assert settings.telegram.token == TOKEN
    assert settings.telegram.allowed_users == (42,)
    assert settings.telegram.allowed_chats == ()
    assert settings.telegram.api_url == "https://api.telegram.org"
    assert settings.stash.url == "http://localhost:9999"
    assert (settings.history.avoid_days, settings.history.keep_days) == (30, 730)
    assert settings.photos.caption[0] == "title"
    assert settings.photos.max_side == 2560
    assert settings.votes.write_ratings == "unrated"
    assert settings.schedules == ()
    assert (settings.log.level, settings.log.format) == ("info", "auto")


def test_sources_in_order(tmp_path):
    path = write(
        tmp_path,
        '[telegram]\ntoken = "1:file"\nallowed_users = [7]\n[stash]\napi_key = "file"',
    )
    (tmp_path / "telegram_token").write_text("1:credential\n", "utf-8")
    (tmp_path / "stash_api_key").write_text("credential\n", "utf-8")
    credentials = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    environ = credentials | {"STASHBOT_TELEGRAM_TOKEN": "1:environment"}

    found = [load(path, each).telegram.token for each in (environ, credentials, {})]

    assert found == ["1:environment", "1:credential", "1:file"]
    assert load(path, credentials).stash.api_key == "credential"
    assert [
        load(path, each).placed("telegram.token: ?") for each in (environ, credentials, {})
    ] == [
        "telegram.token, from the variable STASHBOT_TELEGRAM_TOKEN: ?",
        "telegram.token, from the credential telegram_token: ?",
        f"telegram.token, from the file {path}: ?",
    ]
    assert load(path, {}).placed("See photos.filter.") == "See photos.filter, not set."
    assert load(path, {}).located("photos.filter") == "photos.filter"
    assert load(path, {}).located("telegram.token") == f"telegram.token ({path})"
    assert load(path, environ).located("telegram.token").endswith("(STASHBOT_TELEGRAM_TOKEN)")
    assert load(path, {}).stash.api_key == "file"


@pytest.mark.parametrize("content", [None, "", "\n", " "], ids=["absent", "empty", "line", "blank"])
def test_empty_credential_counts_as_absent(tmp_path, content):
    if content is not None:
        (tmp_path / "stash_api_key").write_text(content)
    path = write(tmp_path, '[stash]\napi_key = "file"')

    assert load(path, LEAST | {"CREDENTIALS_DIRECTORY": str(tmp_path)}).stash.api_key == "file"


def test_check_without_readable_credentials(tmp_path):
    environ = LEAST | {"CREDENTIALS_DIRECTORY": str(tmp_path / "forbidden")}

    assert check_only(None, environ) is False
    assert check_only(None, LEAST) is True
    with pytest.raises(SettingsError, match=r"log\.level"):
        check_only(write(tmp_path, "[log]\nlevel = 1\n"), environ)


def test_unreadable_credential(tmp_path):
    (tmp_path / "stash_api_key").mkdir()
    found = faults(None, LEAST | {"CREDENTIALS_DIRECTORY": str(tmp_path)})

    assert found == [
        "stash.api_key, from the credential stash_api_key: cannot be read: Is a directory"
    ]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        pytest.param("telegram.token", f" {TOKEN}\n", TOKEN, id="blanks around the token"),
        pytest.param("telegram.allowed_users", "1, 2,1", (1, 2), id="list of numbers"),
        pytest.param("telegram.allowed_chats", "", (), id="empty list"),
        pytest.param("telegram.api_url", "http://[::1]:8081/", "http://[::1]:8081", id="slash"),
        pytest.param("telegram.proxy", "socks5h://u:p@h:1", "socks5h://u:p@h:1", id="proxy"),
        pytest.param("stash.url", "https://h/stash/", "https://h/stash", id="path prefix"),
        pytest.param("photos.caption", "tags,title", ("tags", "title"), id="list of words"),
        pytest.param("photos.max_side", "0", 0, id="zero"),
        pytest.param("photos.spoiler", "Yes", True, id="yes"),
        pytest.param("photos.protect", "1", True, id="one"),
        pytest.param("votes.auto_next", "true", True, id="true"),
        pytest.param("photos.spoiler", "no", False, id="no"),
        pytest.param("timezone", "Europe/Berlin", ZoneInfo("Europe/Berlin"), id="time zone"),
        pytest.param("log.level", "debug", "debug", id="word"),
    ],
)
def test_variable(name, text, expected):
    assert at(load(None, variable(name, text)), name) == expected


ZONE = 'the IANA name of a time zone, such as "Europe/Berlin"'
USERS = "must be a list of user ids, such as [123456789]"
CHATS = "a list of group ids, which are negative, such as [-1001234567890]"
FIELDS = "a list with some of title, performers, studio, gallery, date, rating, tags"
SOURCE = 'a text of at most 100 characters: a name in Stash, or a word such as "new"'
SIDE = "0 or a whole number from 320 to 10000"
LEVEL = "one of debug, info, warning, error"
WRONG = [
    *(("timezone", value, ZONE) for value in ("2", '"Mars/Crater"', '"Europe"', '"../passwd"')),
    ("telegram.allowed_chats", "[5]", CHATS),
    ("telegram.language", "[]", "one of auto, en, ru"),
    ("history.avoid_days", "true", "a whole number from 0 to 36500"),
    *(("photos.max_side", value, SIDE) for value in ("319", "640.0")),
    ("photos.spoiler", "1", "true or false"),
    ("photos.caption", '["title", "path"]', FIELDS),
    ("photos.filter", "7", SOURCE),
    ("votes.like", "101", "a whole number from 1 to 100"),
    ("votes.write_ratings", '"perhaps"', "one of unrated, always, never"),
    *(("database.path", value, "the name of a file") for value in ('" "', '"a\\u0000b"')),
    *(("log.level", value, LEVEL) for value in ('"INFO"', "7", '"loud"')),
]


@pytest.mark.parametrize(("name", "value", "right"), WRONG)
def test_wrong_in_file(tmp_path, name, value, right):
    path = write(tmp_path, f"{name} = {value}")

    assert faults(path, LEAST) == [f"{name}, from the file {path}: must be {right}; it is {value}"]


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        (
            "history.keep_days = 29",
            "history.keep_days, FILE: must not be less than 30,"  # noqa: ISC004
            " the days of history.avoid_days, not set; it is 29",
        ),
        ("log = 3", "log, FILE: must be a section, that is, a line [log] with keys below it"),
        ("log.level.info = 1", f'log.level, FILE: must be {LEVEL}; it is {{"info": 1}}'),
        ("log.level = 2026-05-04", f'log.level, FILE: must be {LEVEL}; it is "2026-05-04"'),
        ("colour = 1", "colour, FILE: is unknown; leave it out"),
        ('token = "x"', "token, FILE: is unknown; did you mean telegram.token?"),
        ("[telegarm]\ntoken = 1", "telegarm, FILE: is unknown; did you mean telegram?"),
        ("photos.max_size = 1", "photos.max_size, FILE: is unknown; did you mean photos.max_side?"),
        ("history.like = 1", "history.like, FILE: is unknown; did you mean votes.like?"),
        ("schedule.chat = 1", "schedule, FILE: must be written as [[schedule]], once for each"),
    ],
)
def test_other_faults_of_the_file(tmp_path, toml, expected):
    path = write(tmp_path, toml)

    assert faults(path, LEAST) == [expected.replace("FILE", f"from the file {path}")]


def test_unknown_variable():
    environ = LEAST | {"STASHBOT_STASH_URI": "x", "STASHBOT_SETTINGS": "y", "STASH_URL": "z"}

    assert faults(None, environ) == [
        "STASHBOT_STASH_URI, from the environment: is unknown; did you mean STASHBOT_STASH_URL?"
    ]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        pytest.param("telegram.token", "hunter2", "@BotFather", id="token without a number"),
        pytest.param("telegram.token", "1:hunter2 x", "@BotFather", id="blank in the token"),
        pytest.param("stash.api_key", "hunter2 x", "without spaces", id="blank in the key"),
        pytest.param("stash.api_key", "hunter2ж", "without spaces", id="no header"),
        pytest.param("telegram.proxy", "ftp://u:hunter2@h", "socks5://", id="scheme"),
        pytest.param("telegram.proxy", "http://u:hunter2@", "socks5://", id="no host"),
        pytest.param("telegram.proxy", "http://u:hunter2", "socks5://", id="port of letters"),
        pytest.param("telegram.api_url", "http://u:hunter2@h", "no password", id="password"),
        pytest.param("telegram.api_url", "http://[hunter2/", "https:// address", id="bad IPv6"),
        pytest.param("stash.url", "hunter2:9999", "https:// address", id="no scheme"),
        pytest.param("stash.url", "http://h:0/hunter2", "https:// address", id="port 0"),
        pytest.param("stash.url", "http://h/hunter2 x", "https:// address", id="blank in the path"),
        pytest.param("stash.url", "http://h/?apikey=hunter2", "no ?", id="query"),
        pytest.param("stash.url", "http://h/#hunter2", "no ?", id="fragment"),
    ],
)
def test_wrong_secret(name, text, expected):
    (fault,) = faults(None, variable(name, text))

    assert fault.startswith(f"{name}, from the variable {BY_NAME[name].variable}: must ")
    assert expected in fault
    assert "hunter2" not in fault


@given(st.text(min_size=8), st.sampled_from(["telegram.token", "stash.api_key", "telegram.proxy"]))
def test_no_fault_quotes_a_secret(text, name):
    secret = f"‡{text}‡"  # or else it might be a word of the fault's own

    assert secret not in "".join(faults(None, variable(name, secret)))


def test_all_faults_at_once(tmp_path):
    path = write(tmp_path, "[stash]\nurl = 5\nurls = 6\n[photos]\nspoiler = 7")
    found = faults(path, {"STASHBOT_LOG_LEVEL": "loud", "STASHBOT_X": ""})

    assert [fault.partition(": ")[0] for fault in found] == [
        f"stash.urls, from the file {path}",
        "telegram.token, not set",
        f"stash.url, from the file {path}",
        f"photos.spoiler, from the file {path}",
        "log.level, from the variable STASHBOT_LOG_LEVEL",
        "STASHBOT_X, from the environment",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"a = 1\nb = ?", r"is no TOML: .*line 2", id="no TOML"),
        pytest.param(b"\xff", r"is no text; save it as UTF-8", id="no text"),
        pytest.param(None, r"there is no such file", id="no file"),
        pytest.param("folder", r"cannot be read: Is a directory", id="folder"),
    ],
)
def test_unreadable_file(tmp_path, content, expected):
    path = tmp_path / "settings.toml"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)

    found = faults(path, {"STASHBOT_LOG_LEVEL": "loud"})

    assert len(found) == 2
    assert re.match(rf"{re.escape(str(path))}: {expected}", found[0])
    assert found[1].startswith("log.level, from the variable STASHBOT_LOG_LEVEL: ")


def test_byte_order_mark(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_bytes(b'\xef\xbb\xbf[log]\r\nlevel = "error"\r\n')

    assert load(path, LEAST).log.level == "error"


def test_schedules(tmp_path):
    first = '[[schedule]]\nchat = -5\nwhen = " daily  09:00 "\ntimezone = "Asia/Tokyo"\n'
    first += "count = 2\nsilent = true\ntopic = 7\n"
    second = '[[schedule]]\nchat = 7\nwhen = "*/5 * * * mon"\n'
    settings = load(write(tmp_path, 'timezone = "Europe/Riga"\n' + first + second), LEAST)

    assert settings.schedules == (
        ScheduleSettings(-5, "daily 09:00", ZoneInfo("Asia/Tokyo"), 2, "", silent=True, topic=7),
        ScheduleSettings(7, "*/5 * * * mon", ZoneInfo("Europe/Riga"), 1, "", silent=False, topic=0),
    )


@pytest.mark.parametrize(
    ("when", "right"),
    [
        ("sometimes", "words, such as"),
        ("0 0 31 2 *", "a day that is in the calendar"),
        ("* * * * *", "at least 5 minutes"),
    ],
)
def test_schedule_without_times(tmp_path, when, right):
    path = write(tmp_path, f'[[schedule]]\nchat = 7\nwhen = "{when}"\n')

    [fault] = faults(path, LEAST)

    assert right in fault
    assert fault.endswith(f'it is "{when}"')


def test_too_many_schedules_of_one_chat(tmp_path):
    schedule = '[[schedule]]\nchat = 7\nwhen = "daily {:02}:00"\n'
    path = write(tmp_path, "".join(map(schedule.format, range(21))))

    assert faults(path, LEAST) == [
        f"schedule.chat, from the file {path}: 7 has 21 schedules; a chat can have 20"
    ]


def test_wrong_schedule(tmp_path):
    first = '[[schedule]]\nchat = 0\nwhen = ""\nhow = 1\ntopic = 1\n'
    second = '[[schedule]]\nchat = 1\nwhen = "daily 9:00"\ncount = 11\nfilter = 3\ntimezone = "x"\n'
    found = faults(write(tmp_path, first + second), LEAST)

    assert [fault.partition(",")[0] for fault in found] == [
        "schedule.how (number 1)",
        "schedule.chat (number 1)",
        "schedule.when (number 1)",
        "schedule.topic (number 1)",
        "schedule.timezone (number 2)",
        "schedule.count (number 2)",
        "schedule.filter (number 2)",
    ]


@pytest.mark.parametrize(
    ("path", "state", "expected"),
    [
        pytest.param("stashbot.db", "", "{file}/stashbot.db", id="beside the file"),
        pytest.param("data/a.db", "/state", "/state/data/a.db", id="systemd"),
        pytest.param("a.db", "/one:/two", "/one/a.db", id="systemd, two directories"),
        pytest.param("/abs/a.db", "/state", "/abs/a.db", id="absolute"),
    ],
)
def test_database(tmp_path, path, state, expected):
    """A relative path starts where systemd keeps the state, else beside the settings file."""
    file = write(tmp_path, f'[database]\npath = "{path}"')

    settings = load(file, LEAST | {"STATE_DIRECTORY": state})

    assert settings.database == Path(expected.format(file=tmp_path))


@pytest.mark.parametrize(
    ("machine", "expected", "is_chosen"),
    [
        pytest.param("Asia/Tokyo", "Asia/Tokyo", True, id="named"),
        pytest.param("Etc/UTC", "Etc/UTC", False, id="UTC"),
        pytest.param("Nowhere/Land", "UTC", False, id="unknown"),
    ],
)
def test_machine_zone(monkeypatch, machine, expected, is_chosen):
    monkeypatch.setattr(tzlocal.unix, "_cache_tz", None)
    monkeypatch.setenv("TZ", machine)

    settings = load(None, LEAST)
    assert (settings.timezone, settings.is_zone_chosen) == (ZoneInfo(expected), is_chosen)
    assert load(None, LEAST | {"STASHBOT_TIMEZONE": "UTC"}).is_zone_chosen


def test_secrets():
    """`secrets` has each secret in every form; `repr()` has none."""
    environ = LEAST | {
        "STASHBOT_STASH_API_KEY": "eyJhbGciOi",
        "STASHBOT_TELEGRAM_PROXY": "http://user:pass%2Fword@host:1",
    }
    settings = load(None, environ)

    assert settings.secrets == (TOKEN, "eyJhbGciOi", "pass%2Fword", "pass/word")
    assert not any(secret in repr(settings) for secret in settings.secrets)
    assert load(None, LEAST).secrets == (TOKEN,)


@pytest.mark.parametrize("path", [None, SHIPPED], ids=["no file", "shipped file"])
def test_token_is_missing(path):
    [token] = faults(path, {})

    place = f"from the file {path}" if path else "not set"
    assert token.startswith(f"telegram.token, {place}: must be the bot's token")
    assert token.endswith("copy it from @BotFather")


def test_shipped_file_has_every_key():
    document = tomllib.loads(SHIPPED.read_text("utf-8"))
    names = {
        f"{name}.{option}" if isinstance(content, dict) else name: value
        for name, content in document.items()
        for option, value in (content if isinstance(content, dict) else {"": content}).items()
    }

    assert list(names.items()) == [(key.name, key.default) for key in KEYS]


def test_shipped_file_has_a_schedule_to_uncomment():
    example = SHIPPED.read_text("utf-8").partition("# [[schedule]]")[2]
    schedule = tomllib.loads(example.replace("\n# ", "\n"))
    checked = {key.option: key.check(schedule[key.option]) for key in SCHEDULE_KEYS}

    assert list(schedule) == list(checked)
    assert checked["when"] == "daily 09:00"
