"""The argument of `/schedule`, in any sensible order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashbot.rules.when.arguments import Argument, read_argument


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ("",)),
        ("daily 9:00", ("daily 9:00",)),
        ("daily   9:00\nx03", ("daily 9:00", 3)),
        ("daily 9:00 x3 from beach", ("daily 9:00", 3, False, "beach")),
        ("daily 9:00 from beach x3", ("daily 9:00", 3, False, "beach")),
        ("x3 daily 9:00 FROM beach", ("daily 9:00", 3, False, "beach")),
        ("daily 9:00 silent x 3 from beach", ("daily 9:00", 3, True, "beach")),
        ("daily 9:00 ×10 from sea x beach silent", ("daily 9:00", 10, True, "sea x beach")),
        ("silent daily 9:00 from beach X3", ("daily 9:00", 3, True, "beach")),
        ("ежедневно 9:00 из «море» тихо х2", ("ежедневно 9:00", 2, True, "«море»")),
        ("daily 9:00 без звука", ("daily 9:00", 1, True)),
        ('daily 9:00 from "beach x3"', ("daily 9:00", 1, False, '"beach x3"')),
        ("daily 9:00 from silent", ("daily 9:00", 1, False, "silent")),
        ("daily 9:00 x2 from x3", ("daily 9:00", 2, False, "x3")),
        ("daily 9:00 x2 from beach x3", ("daily 9:00 x2 from beach x3",)),
        ("daily 9:00 x11", ("daily 9:00 x11",)),
        ("daily 9:00 x0", ("daily 9:00 x0",)),
        ("x3", ("x3",)),
        ("9:00 from mon to fri x3", ("9:00 from mon to fri", 3)),
        ("9:00 from mon to fri from beach", ("9:00 from mon to fri", 1, False, "beach")),
        ("every hour from 9 to 18 x2 from Rome", ("every hour from 9 to 18", 2, False, "Rome")),
        ("every minute from beach", ("every minute", 1, False, "beach")),
        ("daily 9:00 from Cards from Rome", ("daily 9:00", 1, False, "Cards from Rome")),
        ("nonsense from Cards from Rome", ("nonsense", 1, False, "Cards from Rome")),
        ("from beach", ("from beach",)),
        ("off", ("off",)),
        ("daily\x1f9:00 x2", ("daily\x1f9:00", 2)),
    ],
)
def test_parts(text, parts):
    assert read_argument(text) == Argument(*parts)


@given(
    st.sampled_from(["daily 9:00", "9:00 from mon to fri", "0 9 * * 1", "evry day", "каждый час"]),
    st.integers(1, 10),
    st.booleans(),
    st.sampled_from(["", "beach", "«x3»", "Cards from Rome", "new"]),
)
def test_an_argument_as_text_is_read_back(when, count, is_silent, what):
    asked = Argument(when, count, is_silent, what if when != "evry day" else "")

    assert read_argument(str(asked)) == asked
