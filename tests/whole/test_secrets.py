"""Secrets and messages stay out of the log: the token, the key, a proxy's password, any words."""

import base64
import json
from urllib.parse import quote

import pytest

from tests.conftest import API_KEY, GROUP, OWNER, STRANGER, TOKEN, at_length, crowd, library
from tests.standins.http import Fault, Trouble
from tests.whole.program import Program, wait_until, went

PASSWORD = "p@ss of/the:proxy"
PROXY_USER = "proxy-user"
#: A word of the messages that users and strangers write.
WORDS = "xylophone"
METHODS = ["sendMessage", "sendPhoto", "sendMediaGroup"]
METHODS += ["setMyCommands", "answerCallbackQuery", "getMe"]
#: Each asks one thing, so that no chat is slowed down by the rate limit.
PEOPLE = range(2001, 2011)


def everything_hidden(*written):
    """Assert that these lines of the bot have no form of a secret, and no word of a message."""
    written = "\n".join(written)
    pair = f"{PROXY_USER}:{PASSWORD}"
    hidden = {
        TOKEN,
        TOKEN.partition(":")[2],
        quote(TOKEN, safe=""),
        API_KEY,
        PASSWORD,
        quote(PASSWORD, safe=""),
        base64.b64encode(pair.encode()).decode(),
        WORDS,
    }
    found = [line for line in written.splitlines() if any(secret in line for secret in hidden)]
    assert found == []
    assert written


def build(house, **environ):
    """A house with all secrets; Telegram is its own proxy."""
    home = house(library(30), start=False, api_key=API_KEY, **crowd(PEOPLE), **environ)
    home.telegram.add_group(GROUP, f"Group of {WORDS}", [OWNER, STRANGER])
    host = home.telegram.api_url.removeprefix("http://")
    proxy = f"http://{PROXY_USER}:{quote(PASSWORD, safe='')}@{host}"
    home.environ |= {"STASHBOT_TELEGRAM_PROXY": proxy}
    return home


def speak(home):
    """The owner, friends and a stranger write and press; some updates make no sense."""
    home.say(f"{WORDS} of a stranger", user=STRANGER)
    home.say(f"/random {WORDS}", user=STRANGER)
    home.say(f"{WORDS} in a group", user=STRANGER, chat=GROUP)
    home.say(f"{WORDS} of the owner")
    home.say(f"/random {WORDS}")
    home.telegram.press(1, f"next {WORDS}", user_id=STRANGER)
    home.telegram.press(1, "next", user_id=OWNER)
    home.telegram.put_update({"message": {"text": WORDS, "chat": WORDS}})
    home.telegram.put_update({"callback_query": {"id": "1", "data": WORDS, "from": WORDS}})
    home.say("/status")
    commands = ("/random", "/random 3", "/schedule daily 09:00", "/stats", "/help")
    for user, command in zip(PEOPLE, 2 * commands, strict=True):
        home.say(command, user=user)


@pytest.mark.parametrize("trouble", at_length([*Trouble, None], [*Trouble][::3]), ids=str)
def test_trouble_everywhere_at_level_debug(house, trouble):
    home = build(house, STASHBOT_LOG_LEVEL="debug")
    faults = [("telegram", method) for method in METHODS]
    faults += [("stash", "/graphql"), ("stash", "/image/")]
    if trouble is not Trouble.UNAUTHORIZED:  # which would end it
        faults.append(("telegram", "getUpdates"))
    for side, pattern in faults if trouble else []:
        getattr(home, side).server.fail(Fault(pattern, trouble, seconds=0.3))

    with Program(environ=home.environ) as bot:
        speak(home)
        wait_until(lambda: not home.telegram.pending(), "all is read", timeout=20)
        wait_until(lambda: all(went(home, each) for _, each in faults), "all faults", timeout=20)
        home.wait_for_images(3)
        assert bot.stop()[0] == 0

    everything_hidden(*bot.stdout, *bot.stderr)
    assert bot.events("update_skipped")
    assert bot.events("access_denied")
    assert bot.stderr == []


@pytest.mark.parametrize("side", ["telegram", "stash"])
def test_connection_refused_at_level_debug(house, side):
    """The errors of the libraries would name the whole address."""
    home = build(house, STASHBOT_LOG_LEVEL="debug")
    with Program(environ=home.environ) as bot:
        home.telegram.wait_for_poll()
        home.stash.server.delay = 0.1
        home.say("/random")
        home.say("/status")
        wait_until(lambda: not home.telegram.pending(), "all is read")
        getattr(home, side).server.pause()
        if side == "stash":
            home.say("/random")
        bot.wait_for_event(f"{side}_down")
        assert bot.stop()[0] == 0

    everything_hidden(*bot.stdout, *bot.stderr)


def test_refused_token_and_key(house):
    home = build(house, STASHBOT_LOG_LEVEL="debug")
    home.stash.api_key = "another"
    with Program(environ=home.environ) as bot:
        home.say("/random")
        bot.wait_for_event("stash_down")
        home.telegram.server.fail(Fault("getUpdates", Trouble.UNAUTHORIZED, times=100))
        home.telegram.server.cut()
        assert bot.exit_code() == 78

    everything_hidden(*bot.stdout, *bot.stderr)
    assert bot.events("token_refused")


@pytest.mark.parametrize(
    "slip",
    [
        {"STASHBOT_TELEGRAM_TOKEN": f"{TOKEN} "[:-1] + "!"},
        {"STASHBOT_TELEGRAM_PROXY": f"htp://{PROXY_USER}:{PASSWORD}@host"},
        {"STASHBOT_STASH_API_KEY": f"{API_KEY} ä"},
        {"STASHBOT_TELEGRAM_API_URL": f"http://{PROXY_USER}:{PASSWORD}@host"},
    ],
    ids=lambda slip: next(iter(slip)),
)
def test_slips_in_the_settings(house, called, slip):
    code, out, err = called(environ=build(house).environ | slip)

    assert code == 78
    assert [name in err for name in slip] == [True]
    everything_hidden(out, err)


def test_crash_at_the_start(house):
    home = build(house, STASHBOT_DATABASE_PATH="/proc/stashbot.db")
    with Program(environ=home.environ) as bot:
        assert bot.exit_code() == 1

    everything_hidden(*bot.stdout, *bot.stderr)


def test_titles_at_level_info(house):
    """The log names images and chats by their ids alone."""
    home = build(house)
    with Program(environ=home.environ) as bot:
        home.ask("/random 3", count=3)
        home.ask("/random", user=PEOPLE[0])
        home.say("/stats")
        home.wait_for_text("The last one")
        assert bot.stop()[0] == 0

    everything_hidden(*bot.stdout, *bot.stderr)
    assert len(bot.events("photo_sent")) == 4
    fields = json.dumps(bot.log)
    for private in ("Picture ", "Artist ", "Gallery ", ".jpg", "Person "):
        assert private not in fields
