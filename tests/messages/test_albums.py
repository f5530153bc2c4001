"""The text of the message after an album, whatever the titles are."""

from hypothesis import given
from hypothesis import strategies as st

from stashbot.messages.albums import listing
from stashbot.messages.catalogue import TEXTS
from stashbot.messages.plain_text import cleaned, units
from stashbot.models import Image
from tests.messages.test_menu import IDS, NAMES

IMAGES = st.lists(st.builds(Image, id=IDS, title=NAMES), min_size=2, max_size=10)


@given(IMAGES, st.sampled_from(["", "🏷 sea"]), st.sampled_from(["en", "ru"]))
def test_any_titles(images, above, language):
    """Telegram takes the text, and each picture has one line with its number and a name."""
    text = listing(images, above, TEXTS[language])
    lines = text.removeprefix(f"{above}\n").split("\n")

    assert units(text) <= 4096
    assert [line.partition(". ")[0] for line in lines] == [
        f"{n}" for n in range(1, len(images) + 1)
    ]
    assert all(cleaned(line.partition(". ")[2]) for line in lines)
