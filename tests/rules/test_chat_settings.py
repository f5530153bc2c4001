"""The settings of a chat, read from texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashbot.models import ChatValues, as_text
from stashbot.rules.chat_settings import merged, parsed


@pytest.mark.parametrize(
    ("name", "text", "stored"),
    [
        ("quiet", "22-7", "22:00-07:00"),
        ("quiet", "22:30 – 7.05", "22:30-07:05"),
        ("quiet", "22 до 7", "22:00-07:00"),
        ("quiet", "22 to 24", "22:00-00:00"),
        ("quiet", "0", "0"),
        ("delete_after", "5", "5"),
        ("delete_after", "47 hours", "47"),
        ("delete_after", "3 часа", "3"),
        ("delete_after", "0", "0"),
        ("timezone", "Asia/Tokyo", "Asia/Tokyo"),
        ("language", "auto", "auto"),
        ("spoiler", "1", "1"),
    ],
)
def test_text_of_a_setting(name, text, stored):
    value = parsed(name, text)

    assert as_text(value) == stored
    assert parsed(name, stored) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("quiet", text) for text in ("", "22", "25-7", "22:60-7", "7-7", "night", "٢٢-٧")),
        *(("delete_after", text) for text in ("48", "-1", "a day", "", "1.5")),
        *(("timezone", text) for text in ("Berlin", "", "../../etc/passwd", "/etc/passwd")),
        *(("language", "de"), ("spoiler", "2"), ("owner", "1"), ("media", "1")),
    ],
)
def test_text_that_is_no_value(name, text):
    with pytest.raises((ValueError, LookupError, OSError)):
        parsed(name, text)

    assert merged({name: text, "silent": "1"}, ChatValues()) == ChatValues(silent=True)


@given(st.sampled_from(["quiet", "delete_after", "language", "timezone", "silent"]), st.text())
def test_any_text_is_read_or_refused(name, text):
    assert isinstance(merged({name: text}, ChatValues()), ChatValues)
