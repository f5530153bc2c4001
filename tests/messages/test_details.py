"""All that Stash knows of an image, in words."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from stashbot.messages.catalogue import TEXTS
from stashbot.messages.details import details
from stashbot.messages.plain_text import MESSAGE_LIMIT, units
from stashbot.models import Image, ImageDetails, Named
from tests.messages.test_menu import IDS, NAMES

BERLIN = ZoneInfo("Europe/Berlin")
NAMED = st.lists(st.builds(Named, IDS, NAMES), max_size=40).map(tuple)
IMAGES = st.builds(
    Image,
    IDS,
    NAMES,
    NAMES,
    studio=NAMED.map(lambda names: names[0] if names else None),
    tags=NAMED,
)
DETAILS = NAMES.map(lambda name: f"{name}\n" * 500)


def test_all_values():
    image = Image(
        7,
        "Sea",
        "2020-05",
        90,
        Named(1, "Blue"),
        (Named(1, "Ann"), Named(2, "Ben")),
        (Named(3, "Trip"),),
        (Named(4, "water"),),
        size=1_500_000,
        width=60,
        height=40,
        duration=5,
    )
    came_at = datetime(2026, 5, 1, 22, 30, tzinfo=UTC)
    about = ImageDetails(image, "/trips/7.gif", "C-7", "Eve", "One\n\nTwo", 3, came_at)

    assert details(about, BERLIN, TEXTS["en"]).split("\n") == [
        "🖼 Sea",
        "Code: C-7",
        "📷 Eve",
        "📅 2020-05",
        "👤 Ann, Ben",
        "🎬 Blue",
        "📁 Trip",
        "🏷 water",
        "⭐ 4.5/5",
        "O-counter: 3",
        "📐 60 × 40, 1.5 MB, 5 seconds",
        "In the library since 2026-05-02",
        "",
        "One",
        "Two",
    ]


@given(IMAGES, NAMES, NAMES, DETAILS, st.sampled_from(["en", "ru"]))
def test_any_values(image, code, photographer, words, language):
    """Telegram takes the text, and no line of it is left out."""
    about = ImageDetails(image, "7.jpg", code, photographer, words, 10**9)
    text = details(about, BERLIN, TEXTS[language])

    assert units(text) < MESSAGE_LIMIT
    assert text.startswith("🖼 ")
    assert not text.endswith("\n…")
