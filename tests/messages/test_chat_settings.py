"""The buttons of `/settings` and `/purge`."""

import re

import pytest

from stashbot.messages.catalogue import LANGUAGES, TEXTS
from stashbot.messages.chat_settings import (
    CHOICES,
    FIELDS,
    PURGE,
    SET,
    SHOW,
    choices,
    overview,
    purge,
    zones,
)
from stashbot.models import ChatValues
from stashbot.rules.chat_settings import merged, parsed


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_button_has_its_data(language):
    texts, values = TEXTS[language], ChatValues()
    replies = [overview(values, texts), *(choices(name, values, texts) for name in CHOICES)]
    replies += [zones(["America/Argentina/ComodRivadavia"], "x", texts)]
    replies += [purge(step, texts) for step in ("ask", "sure", "no")]
    for button in [button for reply in replies for row in reply.rows for button in row]:
        match = next(filter(None, (each.fullmatch(button.data) for each in (SHOW, SET, PURGE))))
        if match.re is SET:
            parsed(match["name"], match["text"])
        assert len(button.data.encode()) <= 64
        assert len(button.text) <= 40


def test_presses_go_through_all_values():
    """A button names the next value, so that a double tap changes nothing more."""
    own, texts = {}, TEXTS["en"]
    seen = {name: [] for name in FIELDS if name not in CHOICES}
    for _ in range(3):
        for [button] in overview(merged(own, ChatValues()), texts).rows:
            if match := re.fullmatch(SET, button.data):
                own[match["name"]] = match["text"]
                seen[match["name"]].append(match["text"])

    assert seen["language"] == ["en", "ru", "auto"]
    assert seen["auto_next"] == ["0", "1", "0"]
    assert seen["spoiler"] == seen["protect"] == seen["silent"] == ["1", "0", "1"]


@pytest.mark.parametrize(
    ("name", "text", "marked"),
    [
        ("quiet", "22:00-07:00", "22:00–07:00 ✓"),
        ("delete_after", "3", "after 3 hours ✓"),
        ("delete_after", "0", "never ✓"),
        ("timezone", "Europe/Berlin", "Berlin ✓"),
    ],
)
def test_the_present_choice_is_marked(name, text, marked):
    rows = choices(name, merged({name: text}, ChatValues()), TEXTS["en"]).rows

    assert [button.text for row in rows for button in row if "✓" in button.text] == [marked]
