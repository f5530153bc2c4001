"""The fault matrix: each call of the bot fails in each way, at real pacing.

The time limits of the bot are a tenth of the usual ones.
"""

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import cycle, repeat
from threading import Timer

import pytest

from stashbot.demo.http import Response
from tests.conftest import IS_THOROUGH, animation, crowd, images_of, library
from tests.standins.http import HTML_ERROR, Fault, Trouble
from tests.whole.program import wait_until

PEOPLE = range(2001, 2031)
REFUSED_S, EVER = 1.0, 10**6
#: The bot gives up the longest exchange, an upload, after 6 s.
SERVED_S = 25
SHAPES = cycle(
    [
        b'{"ok": true, "result": 5, "data": [1]}',
        b'{"ok": true, "result": null, "data": {"findImages": null, "imageUpdate": null}}',
        b'{"ok": false, "error_code": null, "parameters": 5, "errors": 7}',
        b'"text"',
        b"[" * 100_000,
    ]
)
BUGS = {"turn_failed", "update_skipped", "crashed", "thread_died", "stuck"}


# The ways to fail: each function carries the request out or not.


def unharmed(server, carry_out):
    return carry_out()


def refused(server, carry_out):
    """Answer, and accept no connection for a while from the end of this answer on."""
    answer = carry_out()

    def body():
        yield answer.body
        refuse(server)

    return replace(answer, body=body())


def refuse(server):
    server.pause()
    Timer(REFUSED_S, server.resume).start()


def reset_after(server, carry_out):
    carry_out()
    raise ConnectionResetError


def silent(server, carry_out):
    server.stopping.wait(60)
    raise ConnectionResetError


def a_byte_a_second(server, carry_out):
    answer = carry_out()

    def body():
        for byte in answer.body:
            yield bytes([byte])
            if server.stopping.wait(1):
                return

    length = {"Content-Length": str(len(answer.body))}
    return replace(answer, headers=answer.headers | length, body=body())


def wrong_shape(server, carry_out):
    carry_out()
    return Response(body=next(SHAPES))


def endless(server, carry_out):
    carry_out()
    return Response(body=repeat(b" " * (1 << 16)))


def gzip_bomb(server, carry_out):
    carry_out()
    return Response(body=bomb(), headers={"Content-Encoding": "gzip"})


@cache
def bomb():
    return gzip.compress(bytes(100 << 20))


WAYS = [
    refused,
    Trouble.RESET,
    silent,
    wrong_shape,
    endless,
    reset_after,
    Trouble.HALF,
    a_byte_a_second,
    Response(502, "text/html", HTML_ERROR),
    gzip_bomb,
]
#: These end with a time limit, and so once is enough.
SLOW = (silent, a_byte_a_second)


# The requests, and how the test knows that they are answered


def pictures(home, user):
    shown = (message.text for message in home.received(user) if message.file)
    found = (re.search(r"Picture (\d+)", text) for text in shown)
    return [int(match[1]) for match in found if match]


def helped(home, user):
    return sum("/schedule" in message.text for message in home.received(user))


def says(text, times=1):
    return lambda home, user: [home.say(text, user=user) for _ in range(times)]


def asks(home, user):
    before = len(pictures(home, user))
    home.say("/random", user=user)
    wait_until(lambda: len(pictures(home, user)) > before, "a picture", SERVED_S)


def has_a_picture(home, user):
    asks(home, user)
    wait_until(lambda: home.app.store.pictures.shown(user, None), "its row", SERVED_S)


def has_a_picture_without_a_list(home, user):
    """The images like one are remembered, and people may have got the same one."""
    has_a_picture(home, user)
    home.app.sources._lists._memory._known.clear()


def asks_for_an_unrated(home, user):
    """Rated pictures leave the library: the vote of another user needs no write."""
    home.stash.remove(*(each.id for each in home.stash.pictures if each.rating100))
    asks(home, user)


def asks_for_help(home, user):
    before = helped(home, user)
    home.say("/help", user=user)
    wait_until(lambda: helped(home, user) > before, "the help", SERVED_S)


def sees_all_but_one(home, user):
    for _ in home.stash.pictures[1:]:
        asks(home, user)


def waits(home, user):
    """Let the choice take so long that the chat shows that a picture is on its way."""
    home.stash.per_query_seconds = lambda name, _: 0.8 * (name == "Page")


def presses(data):
    def press(home, user):
        message = home.received(user)[-1]
        image = re.search(r"Picture (\d+)|$", message.text)[1]
        home.telegram.press(message, data.format(image), user_id=user)

    return press


votes = presses("vote:like:{}")


def is_written(home, user, _):
    """Whether the first picture of the user, which is the one with the vote, is rated."""
    first = pictures(home, user)[0]
    return any(each.id == first and each.rating100 for each in home.stash.pictures)


def called(method):
    """Whether the bot has called a method since the user's action, in the user's chat if any."""

    def is_called(home, user, before):
        calls = home.telegram.calls[before:]
        return any(call.method == method and call.chat_id in (0, user) for call in calls)

    return is_called


def calls_since(home, user, before):
    return [call for call in home.telegram.calls[before:] if call.chat_id == user]


def has_text(home, user, before):
    return any(call.method == "sendMessage" for call in calls_since(home, user, before))


def has_pictures(count):
    def is_served(home, user, before):
        return sum(len(images_of(call)) for call in calls_since(home, user, before)) >= count

    return is_served


def has_document_or_word(home, user, before):
    methods = {call.method for call in calls_since(home, user, before)}
    return bool(methods & {"sendDocument", "sendMessage"})


def has_text_or_doubt(home, user, before):
    """A text that may have arrived is not sent again."""
    return has_text(home, user, before) or home.events("message_lost")


ASKS, HAS_PICTURE = says("/random"), has_pictures(1)
#: Libraries in which a chat sees all, or not.
FEW, MANY = partial(library, 2), partial(library, 200)
#: The first of two requests gets the last unseen picture; the second one needs Stash.
TWICE = (says("/random", 2), has_pictures(2))


@dataclass(frozen=True)
class Case:
    """A request that fails, the action of a user that leads to it, and its right end.

    `times` counts the failures. Connections are refused from the answer to the request with the
    words `after` on; without any, from the user's action on.
    """

    words: str
    act: Callable = ASKS
    is_served: Callable = HAS_PICTURE
    prepare: Callable = lambda home, user: None
    after: str = ""
    times: int = 2
    is_at_start: bool = False
    pictures: Callable = MANY


def stash(operation, *arguments, **options):
    return Case(f'"operationName": "{operation}"', *arguments, **options)


UPDATES = "/getUpdates"
CASES = {
    "getUpdates": Case(UPDATES, after=UPDATES),
    "getMe": Case("/getMe", is_served=called("getMe"), is_at_start=True),
    "setMyCommands": Case("/setMy", is_served=called("setMyCommands"), is_at_start=True),
    "sendPhoto": Case("/sendPhoto", after=UPDATES),
    "ready sendPhoto": Case("/sendPhoto", prepare=asks, after=UPDATES),
    "sendMediaGroup": Case("/sendMedia", says("/random 3"), has_pictures(3), after=UPDATES),
    "sendAnimation": Case(
        "/sendAnim", after=UPDATES, pictures=lambda: [animation(id) for id in range(1, 40)]
    ),
    "sendMessage": Case("/sendMess", says("/help"), has_text_or_doubt, after=UPDATES),
    "editMessageText": Case(
        "/editMessageT",
        presses("forget:ask"),
        called("editMessageText"),
        prepare=asks_for_help,
        after=UPDATES,
    ),
    "editMessageCaption": Case("/editMessageC", votes, called("editMessageCaption"), asks, UPDATES),
    "sendDocument": Case(
        "/sendDoc", says("/original"), has_document_or_word, has_a_picture, UPDATES
    ),
    "answerCallbackQuery": Case("/answer", votes, called("answerCallbackQuery"), asks, UPDATES),
    "sendChatAction": Case("/sendChat", prepare=waits, after=UPDATES),
    "Server": stash("Server", says("/stats"), has_text, times=5, is_at_start=True),
    "Count": stash("Count", says("/stats"), has_text, times=5),
    "Page": stash("Page", times=5),
    "Ids": stash("Ids", *TWICE, sees_all_but_one, '"Page"', 5, pictures=FEW),
    "ImagesById": stash("ImagesById", *TWICE, sees_all_but_one, '"Ids"', 5, pictures=FEW),
    "Names": stash("Names", says("/random artist 1"), times=5),
    "Dates": stash("Dates", says("/today"), has_text, times=5),
    "SavedFilters": stash("SavedFilters", says("/filters"), has_text, times=5),
    "Details": stash("Details", says("/info"), has_text, prepare=has_a_picture, times=5),
    "Sharing": stash("Sharing", says("/more"), prepare=has_a_picture_without_a_list, times=5),
    "NewestArrival": stash("NewestArrival", says("/new"), has_text, times=5),
    "Rating": stash("Rating", votes, is_written, asks_for_an_unrated, times=5),
    "Rate": stash("Rate", votes, is_written, asks_for_an_unrated, after='"Rating"'),
    "file": Case("/image/", after='"Page"', times=5),
}


def ways_of(number):
    """All ways at full length, else one that differs from case to case."""
    return WAYS if IS_THOROUGH else [WAYS[number % len(WAYS)]]


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("case", "ways"), [(case, ways_of(n)) for n, case in enumerate(CASES.values())], ids=CASES
)
def test_a_person_is_served_when_a_call_fails(house, case, ways):
    home = house(case.pictures(), is_paced=True, patience=0.1, **crowd(PEOPLE))
    home.telegram.wait_for_poll()
    for user, way in zip(PEOPLE, ways, strict=False):
        fails_once(home, user, case, way)
    home.stop()

    assert not [each for each in home.log if each["event"] in BUGS or "exception" in each]


def arm(home, case, way):
    """Let the next requests of a case fail in a way, from now or from the start of the bot on."""
    server = (home.telegram if re.match("/[^i]", case.words) else home.stash).server
    words, ways = case.words, [way] * (1 if way in SLOW else case.times)
    if case.is_at_start:
        home.stop()
    if way is refused and case.after:
        words, ways = case.after, [refused]
    elif way is refused:
        ways = []
        refuse(server)
    elif words == UPDATES:
        ways = [Trouble.RESET, *ways]  # the polls after a failure are short
    pattern, words = (words, "") if words.startswith("/") else ("/graphql", words)
    faults = [Fault(pattern, each, words=words) for each in ways]
    faults.append(Fault(pattern, unharmed, EVER, words))
    for fault in faults:
        server.fail(fault)
    if case.is_at_start:
        home.start()
    elif pattern == UPDATES:
        home.telegram.put_update({})  # ends the poll that waits
        wait_until(lambda: faults[0].met, "the next poll")
    return server, faults


def fails_once(home, user, case, way):
    """Let a call fail for a user; then all is as usual again."""
    case.prepare(home, user)
    before = len(home.telegram.calls)
    server, faults = arm(home, case, way)
    case.act(home, user)
    wait_until(lambda: any(each.met for each in faults), f"{way} is met", SERVED_S)
    wait_until(lambda: case.is_served(home, user, before), f"served after {way}", SERVED_S)
    server.heal()
    asks(home, user)
    asks_for_help(home, user)

    seen = pictures(home, user)[: len(home.stash.pictures)]
    assert len(seen) == len(set(seen)), way
