"""Wrong settings, servers and machines for `check`, by name; situations.txt has its words.

Each function makes a house wrong, and returns changes of its environment; None removes a variable.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from stashbot.demo.http import Response
from stashbot.demo.telegram.standin import respond
from stashbot.store.store import Store
from tests.standins.certificates import secure, self_signed
from tests.standins.http import Fault, Trouble

EVER = 10_000
LONG = f"/{300 * 'x'}/a"
WEBHOOK = {"url": "https://x.org", "has_custom_certificate": False, "pending_update_count": 0}
MOVED = Response(301, headers={"Location": "https://127.0.0.1:8443/graphql"})
NO_TOKEN = {"STASHBOT_TELEGRAM_TOKEN": None}
NO_USERS = {"STASHBOT_TELEGRAM_ALLOWED_USERS": None}
NO_URL = {"STASHBOT_STASH_URL": None}
NO_KEY = {"STASHBOT_STASH_API_KEY": None}
DAILY = "[[schedule]]\nchat = 7\nwhen = 'daily 09:00'"


def variable(name, text):
    return lambda home: {f"STASHBOT_{name}": text}


def file(text, absent=()):
    def change(home):
        path = home.settings.database.with_name("settings.toml")
        path.write_text(text, "utf-8")
        return {**dict(absent), "STASHBOT_SETTINGS": str(path)}

    return change


def credential(name, text, absent):
    def change(home):
        home.settings.database.with_name(name).write_text(text, "utf-8")
        return {**absent, "CREDENTIALS_DIRECTORY": str(home.settings.database.parent)}

    return change


def telegram(method, trouble):
    return lambda home: home.telegram.server.fail(Fault(method, trouble))


def stash(trouble):
    return lambda home: home.stash.server.fail(Fault("graphql", trouble, times=EVER))


def state(**values):
    return lambda home: vars(home.stash).update(values)


def database(make):
    return lambda home: make(home.settings.database)


def damage(path):
    Store(path).close()
    with path.open("r+b") as file:
        file.seek(2 * 4096)
        file.write(b"\xff" * 4096)


def signed(home, *names, **options):
    return self_signed(home.settings.database.with_name("mine.pem"), *names, **options)


def certificate(*names, is_named=True, **options):
    def change(home):
        pem = signed(home, *names, **options)
        named = {"STASHBOT_STASH_CA": str(pem)} if is_named else {}
        return named | {"STASHBOT_STASH_URL": secure(home.stash.server, pem)}

    return change


def execute(statement, *, is_ours):
    def make(path):
        if is_ours:
            Store(path).close()
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(statement)

    return database(make)


SITUATIONS = {
    "no token": variable("TELEGRAM_TOKEN", None),
    "an empty credential": credential("telegram_token", "\n", NO_TOKEN),
    "half a token": variable("TELEGRAM_TOKEN", "42"),
    "half a token in the credential": credential("telegram_token", "42", NO_TOKEN),
    "half a token in the file": file("[telegram]\ntoken = '42'", NO_TOKEN),
    "name of a user": variable("TELEGRAM_ALLOWED_USERS", "@me"),
    "name of a user in the file": file("[telegram]\nallowed_users = ['me']", NO_USERS),
    "user as a group": variable("TELEGRAM_ALLOWED_CHATS", "7"),
    "proxy without a scheme": variable("TELEGRAM_PROXY", "nas:1080"),
    "Stash without a scheme": variable("STASH_URL", "nas:9999"),
    "key of two words": credential("stash_api_key", "a b", NO_KEY),
    "time zone of no place": variable("TIMEZONE", "Berlin"),
    "short history": variable("HISTORY_KEEP_DAYS", "7"),
    "misspelt key": file("[stash]\nkey = 'x'"),
    "misspelt variable": variable("STASH_URI", "x"),
    "schedule of no time": file(DAILY.replace("daily 09:00", "soon")),
    "no TOML": file("token = 42:AA"),
    "no file": variable("SETTINGS", "/no/such.toml"),
    "token of no bot": telegram("getMe", Trouble.UNAUTHORIZED),
    "token of no bot in the credential": credential("telegram_token", "42:AA", NO_TOKEN),
    "token of no bot in the file": file("[telegram]\ntoken = '42:AA'", NO_TOKEN),
    "Telegram is away": lambda home: home.telegram.server.pause(),
    "certificate of another server": lambda home: {
        "STASHBOT_TELEGRAM_API_URL": secure(home.telegram.server, signed(home, "127.0.0.1"))
    },
    "Telegram talks nonsense": telegram("getMe", Trouble.HTML),
    "proxy is away": variable("TELEGRAM_PROXY", "http://127.0.0.1:1"),
    "webhook": telegram("getWebhookInfo", respond({"ok": True, "result": WEBHOOK})),
    "flood": telegram("getChat", Trouble.FLOOD),
    "user who has not written": variable("TELEGRAM_ALLOWED_USERS", "7"),
    "group without the bot": variable("TELEGRAM_ALLOWED_CHATS", "-600"),
    "schedule of an unknown chat": file(DAILY),
    "Stash is away": lambda home: home.stash.server.pause(),
    "wrong port in the file": file("[stash]\nurl = 'http://127.0.0.1:1'", NO_URL),
    "name of no machine": variable("STASH_URL", "http://nas.invalid:9999"),
    "path of a page": lambda home: {"STASHBOT_STASH_URL": f"{home.stash.url}/images"},
    "web page in place of Stash": stash(Trouble.HTML),
    "another port": stash(MOVED),
    "no key": state(api_key="x"),
    "another key in the credential": credential("stash_api_key", "another", NO_KEY),
    "another key in the file": file("[stash]\napi_key = 'another'", NO_KEY),
    "unknown certificate": certificate("127.0.0.1", is_named=False),
    "expired certificate": certificate("127.0.0.1", valid=(-30, -1)),
    "certificate of another name": certificate("nas.local"),
    "no certificate": variable("STASH_CA", "/no/such.pem"),
    "certificate that is none": variable("STASH_CA", "/dev/null"),
    "password of a proxy": stash(Response(401, headers={"WWW-Authenticate": "Basic"})),
    "page of a proxy": stash(Response(403, "text/html", b"<html>")),
    "portal of a proxy": stash(Response(302, headers={"Location": "http://auth.example/"})),
    "login of a proxy": stash(Response(401, "text/html", b"<html>")),
    "407 of a proxy": stash(Response(407)),
    "plain words of a proxy": stash(Response(403, "text/plain", b"Forbidden")),
    "page of a proxy's own": stash(Response(302, headers={"Location": "/oauth2/start?rd=x"})),
    "http for https": stash(Response(400, "text/html", b"<html>")),
    "https for http": lambda home: {"STASHBOT_STASH_URL": home.stash.url.replace("p:", "ps:")},
    "no set-up": state(status="SETUP"),
    "no migration": state(status="NEEDS_MIGRATION"),
    "old Stash": state(app_schema=52, version="v0.23.1"),
    "tripwire": state(tripwire=True),
    "empty library": lambda home: home.stash.remove(1),
    "damaged database": database(damage),
    "newer database": execute("PRAGMA user_version = 99", is_ours=True),
    "database of another program": execute("CREATE TABLE photos (id)", is_ours=False),
    "no database": database(lambda path: path.write_text("Dear diary, " * 999) and None),
    "folder as a database": database(lambda path: path.mkdir()),
    "database in no folder": variable("DATABASE_PATH", "/no/such.db"),
    "database in a closed folder": variable("DATABASE_PATH", "/proc/self/stashbot.db"),
    "database with a name that is too long": variable("DATABASE_PATH", LONG),
    "temporary files with a name that is too long": lambda home: {"CACHE_DIRECTORY": LONG},
    "temporary files in a closed folder": lambda home: {"CACHE_DIRECTORY": "/proc/self"},
}
#: What `check` says of each: a fault of the settings, or its line with the remedy behind the arrow.
TOLD = dict(
    line.split(": ", 1)
    for line in Path(__file__).with_suffix(".txt").read_text("utf-8").splitlines()
)
