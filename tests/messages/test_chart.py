"""The drawing of the statistics, judged as XML and, drawn, by Pillow."""

import io
from datetime import date
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pixels

from stashbot.messages.catalogue import TEXTS
from stashbot.messages.chart import MARGIN, NUMBER, WIDTH, chart, fitted
from stashbot.models import ChatStatistics, Facet, Feature, VoteCounts
from tests.standins.draw import draw

NASTY = [
    "<b>&amp;\"'",
    "日本語" * 30,
    "👍🏽❤️🏳️‍🌈" * 9,
    "a\0b\x1b\u202ec\ufffe\uffff",
    "Щ" * 90,
    "z̸̧" * 50,
    "﷽" * 30,
]
NUMBERS = st.integers(0, 10**9)
NAMES = st.sampled_from(NASTY) | st.text(max_size=80)
LIKED = st.tuples(
    st.builds(Feature, st.sampled_from(Facet), st.integers(1, 10**9), NAMES),
    st.builds(VoteCounts, st.integers(1, 10**9), NUMBERS),
)
STATISTICS = st.builds(
    ChatStatistics,
    st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    st.lists(NUMBERS, min_size=30, max_size=30),
    st.builds(VoteCounts, NUMBERS, NUMBERS),
    st.lists(LIKED, max_size=5),
    NUMBERS,
    NUMBERS,
)
NOTHING = ChatStatistics(date(2026, 5, 1), [0] * 30, VoteCounts(), [], 0, 0)


def about(**changes):
    days = [*[0] * 28, 5, 20]
    liked = [(Feature(Facet.TAG, 1, "Sea"), VoteCounts(9)), (Feature(Facet.TAG, 2), VoteCounts(3))]
    values = {"per_day": days, "votes": VoteCounts(30, 10), "liked": liked}
    return ChatStatistics(date(2026, 5, 1), **values | {"seen": 250, "images": 1000} | changes)


def parsed(drawing):
    return ET.fromstring(drawing)  # noqa: S314 - our own


def texts_of(drawing):
    return [each.text for each in parsed(drawing).iter() if each.tag.endswith("text")]


def drawn(statistics, language="en"):
    data = draw([chart(statistics, TEXTS[language])], "png")
    return Pixels.open(io.BytesIO(data)).convert("RGB")


@given(STATISTICS, st.sampled_from(["en", "ru"]))
def test_any_numbers_and_names_are_drawn_within_the_picture(statistics, language):
    drawing = parsed(chart(statistics, TEXTS[language]))

    assert (drawing.get("width"), float(drawing.get("height")) <= 1350) == (str(WIDTH), True)
    for each in drawing.iter():
        if each.tag.endswith("rect"):
            assert 0 <= float(each.get("x")) <= WIDTH
            assert 0 <= float(each.get("width")) <= WIDTH


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["25 pictures in 30 days", "20", "May 1", "May 30", "30 liked", "25%"]),
        ("ru", ["25 картинок за 30 дней", "1 мая", "понравилось: 30", "25 %"]),
    ],
)
def test_words(language, words):
    shown = texts_of(chart(about(), TEXTS[language]))

    assert set(words) <= set(shown)
    assert {"Sea", "9", TEXTS[language]("unnamed.tag", id=2), "3"} <= set(shown)


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"per_day": [0] * 30}, "pictures in 30 days"),
        ({"votes": VoteCounts()}, "Votes"),
        ({"votes": VoteCounts(3)}, "disliked"),
        ({"liked": []}, "Liked most"),
        ({"images": 0}, "Library"),
        ({"seen": 0}, "%"),
    ],
)
def test_zeros_are_left_out(changes, missing):
    whole, part = (texts_of(chart(each, TEXTS["en"])) for each in (about(), about(**changes)))

    assert any(missing in text for text in whole)
    assert not any(missing in text for text in part)


def test_bars_are_as_high_as_their_numbers():
    picture = drawn(about())
    pitch = (WIDTH - 2 * MARGIN) / 30

    def ink(day):
        x = int(MARGIN + (day + 0.3) * pitch)
        return sum(
            picture.getpixel((x, y))[2] > 180 > picture.getpixel((x, y))[0] for y in range(430)
        )

    assert picture.size == (WIDTH, 1132)
    assert abs(ink(28) * 4 - ink(29)) < 8
    assert ink(29) > 200
    assert ink(3) == 0


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_name_leaves_its_number_alone(name):
    plain, nasty = (
        drawn(about(liked=[(Feature(Facet.TAG, 1, each), VoteCounts(9))])) for each in ("x", name)
    )
    number = (WIDTH - MARGIN - NUMBER, 0, WIDTH, plain.height)

    assert plain.crop(number).tobytes() == nasty.crop(number).tobytes()
    assert plain.tobytes() != nasty.tobytes()


def test_names_are_cut_with_an_ellipsis():
    assert fitted("short", 40, 400) == "short"
    assert fitted("W" * 40, 40, 400) == "WWWWWWWW…"
    assert fitted("W", 40, 1) == "…"
    assert len(texts_of(chart(NOTHING, TEXTS["en"]))) == 0
