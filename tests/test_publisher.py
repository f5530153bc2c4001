"""
What a request meets on its way: refusals, a database in trouble, a chat that moves.
"""

import json
import sqlite3
import time
from contextlib import closing

from awkward import awkward
from conftest import GROUP, OWNER, images_of, library, picture

from stashbot.demo.server import Fault, Response, Trouble

SUPERGROUP = -100_500


def not_decodable():
    """A JPEG that is whole by its looks, and that Telegram cannot process."""
    data = bytearray(awkward("jpeg"))
    start = data.index(b"\xff\xc4")  # the tables, without which nothing can be decoded
    data[start + 4 : start + 40] = bytes(36)
    return bytes(data)


def locked(home):
    """A connection that keeps everybody else from writing until it is closed."""
    connection = sqlite3.connect(home.settings.database, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return closing(connection)


def test_album_with_a_picture_that_telegram_refuses(house):
    """
    The others of a refused album come one by one, and the refused one as a document.
    """
    home = house([picture(1), picture(2), picture(3, data=not_decodable())])

    images = home.ask("/random 3", count=3)

    sent = [call for call in home.telegram.calls if images_of(call)]
    assert sorted(images) == [1, 2, 3]
    assert {call.method for call in sent if images_of(call) != [3]} == {"sendPhoto"}
    assert [call.method for call in sent if images_of(call) == [3]] == ["sendDocument"]


def test_database_that_cannot_be_written_before_the_upload(house):
    """
    Without a claim nothing is sent; the user hears of it, and the next request is served.
    """
    home = house(library(3))
    home.stash.server.delay = 0.5
    home.say("/random")
    while home.telegram.pending():  # until the request is accepted
        time.sleep(0.01)
    with locked(home):
        text = home.wait_for_text("I cannot answer right now")

    home.stash.server.delay = 0

    assert "database" in text
    assert not home.sent_images()
    assert len(home.ask()) == 1
    assert "is locked" in home.events("store_failed")[0]["error"]


def test_group_that_moves_while_its_picture_is_fetched(house):
    """
    A picture asked for in a group arrives in the supergroup that it has become.
    """
    home = house(library(3), start=False)
    home.telegram.add_group(GROUP, "Friends", [OWNER])
    home.start()
    home.stash.server.delay = 0.3

    home.say("/random", chat=GROUP)
    home.telegram.upgrade_group(GROUP, SUPERGROUP)
    home.wait_for_images(1)
    home.ask(chat=SUPERGROUP)

    chats = [call.chat_id for call in home.telegram.calls if images_of(call)]
    assert chats == [SUPERGROUP, SUPERGROUP]


def test_group_in_which_the_bot_may_not_send(house):
    """
    A chat that is closed to the bot costs one try there, and no image of the library.
    """
    home = house(library(3))
    home.telegram.server.flood = lambda _: refused("not enough rights to send photos to the chat")
    home.telegram.server.fail(Fault("sendPhoto", Trouble.FLOOD))

    home.say("/random")
    home.wait_for_event("chat_gone")

    assert len(home.ask()) == 1
    assert not home.events("image_skipped")


def refused(description):
    answer = {"ok": False, "error_code": 400, "description": f"Bad Request: {description}"}
    return Response(400, body=json.dumps(answer).encode())
