"""The picture of the statistics, through the whole bot."""

import io

import pytest
from PIL import Image as Pixels

from stashbot.demo.telegram.standin import respond
from stashbot.messages.catalogue import TEXTS
from tests.conftest import NO_NEXT, OWNER, library
from tests.pictures.test_converter import NO_FONTS
from tests.standins.http import Fault, Trouble

REFUSED = respond({"ok": False, "error_code": 400, "description": "PHOTO_INVALID_DIMENSIONS"}, 400)


def press_chart(home, language="en"):
    home.wait_for_event("photo_sent")
    home.say("/stats", language=language)
    home.wait_for_text(f"<b>{TEXTS[language]('stats.library')}</b>")
    message = home.received()[-1]
    home.telegram.press(message, message.button("📊").data, user_id=OWNER)
    return message


def chart_of(home, language="en"):
    """The call that sends the picture of the statistics."""
    caption = TEXTS[language]("chart.caption")
    return home.telegram.wait_for(lambda call: call.params.get("caption") == caption)[-1]


def test_statistics_are_sent_as_a_picture(house):
    home = house(library(9), **NO_NEXT)
    [image] = home.ask()
    home.telegram.press(home.received()[-1], f"vote:like:{image}", user_id=OWNER)
    home.wait_for_event("voted")
    message = press_chart(home)
    call = chart_of(home)

    [(name, data)] = call.files.values()
    picture = Pixels.open(io.BytesIO(data)).convert("L")
    assert (call.method, name, picture.width) == ("sendPhoto", "statistics.png", 1080)
    assert picture.getextrema()[0] < 60
    assert call.json("reply_parameters")["message_id"] == message.id


def test_statistics_in_russian_while_stash_is_away(house):
    home = house(library(9), **NO_NEXT)
    home.ask()
    home.stash.server.fail(Fault("/graphql", Trouble.UNAUTHORIZED, times=99))
    press_chart(home, "ru")

    assert chart_of(home, "ru").status == 200


def test_a_chat_without_pictures_has_no_chart(house):
    home = house()
    home.say("/stats")
    home.wait_for_text("haven't sent anything")

    assert home.received()[-1].buttons == ()


def test_without_fonts_the_reason_is_said_instead(house, tmp_path, monkeypatch):
    (tmp_path / "fonts.conf").write_text(NO_FONTS, "ascii")
    monkeypatch.setenv("FONTCONFIG_FILE", str(tmp_path / "fonts.conf"))
    home = house(**NO_NEXT)
    home.ask()
    press_chart(home)

    assert "apt install fonts-dejavu-core" in home.wait_for_text("has no fonts")


@pytest.mark.parametrize("trouble", [REFUSED, Trouble.RESET], ids=["refused", "broken"])
def test_a_picture_that_cannot_be_sent_is_said(house, trouble):
    home = house(**NO_NEXT)
    home.ask()
    home.telegram.server.fail(Fault("sendPhoto", trouble))
    press_chart(home)

    assert home.wait_for_text("couldn't send the statistics")
    assert home.events("upload_failed")


def test_the_picture_is_sent_again_after_a_429(house):
    home = house(**NO_NEXT)
    home.ask()
    home.telegram.server.fail(Fault("sendPhoto", Trouble.FLOOD, seconds=1))
    press_chart(home)

    assert chart_of(home).status == 200


def test_a_picture_that_cannot_be_drawn_is_said(house):
    home = house(**NO_NEXT)
    home.ask()
    home.app.files.remove()
    home.app.files.folder.touch()
    press_chart(home)

    assert home.wait_for_text("couldn't send the statistics")
    assert home.events("chart_failed")
