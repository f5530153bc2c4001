"""The buttons under a picture and in lists, whatever the names on them."""

from hypothesis import given
from hypothesis import strategies as st

from stashbot.bot.callbacks import Callbacks
from stashbot.bot.chats import ChatParts
from stashbot.bot.pictures import PictureParts
from stashbot.demo.telegram.limits import read_reply_markup
from stashbot.messages.catalogue import TEXTS
from stashbot.messages.keyboards import (
    PAGE,
    UnderPicture,
    listing,
    under_album,
    under_picture,
)
from stashbot.messages.labels import label
from stashbot.messages.menu import hiding
from stashbot.messages.plain_text import cleaned, units
from stashbot.messages.why import buttons
from stashbot.models import Exclusion, Facet, Feature, SentPicture, VoteCounts
from stashbot.telegram.markup import inline

#: Ids of up to 18 digits, as the callback data takes them.
IDS = st.integers(1, 10**18 - 1)
NASTY = st.sampled_from(
    ["", " ", "\u200b" * 30, "\u202e", "\n", "\u3164", "<b>&", "\U0001f469\u200d\U0001f467" * 20]
)
NAMES = NASTY | st.text(max_size=80)
SHARED = [Facet.PERFORMER, Facet.GALLERY, Facet.STUDIO, Facet.TAG]
FEATURES = st.lists(st.builds(Feature, st.sampled_from(SHARED), IDS, NAMES), max_size=40)
SOURCES = st.sampled_from(["", "all", "today:229"]) | st.builds(
    "{}:{}".format, st.sampled_from(["performer", "gallery", "like"]), IDS
)
CALLBACKS = Callbacks(
    outbox=None,
    requests=None,
    chats=ChatParts(None, None, None),
    filters=None,
    pictures=PictureParts(None, None, None, None, None),
    charts=None,
    people=None,
)


@st.composite
def keyboards(draw):
    """A keyboard of each kind, with all that it may depend on."""
    texts = TEXTS[draw(st.sampled_from(["en", "ru"]))]
    image = Feature(Facet.IMAGE, draw(IDS), draw(NAMES))
    names = draw(FEATURES)
    excluded = draw(st.sets(st.sampled_from([image, *names])))
    about = UnderPicture(
        image=image,
        features=names,
        votes=VoteCounts(draw(st.integers(0, 99)), draw(st.integers(0, 99))),
        excluded=excluded,
        sent=SentPicture(draw(SOURCES), draw(st.booleans())),
        is_private=draw(st.booleans()),
        url=draw(st.sampled_from(["", "https://stash.example.org/images/1"])),
        has_stars=draw(st.booleans()),
        stars=draw(st.none() | st.integers(1, 5)),
    )
    page = [Exclusion(each.id, each) for each in (image, *names)[:PAGE]]
    votes = dict.fromkeys(names, about.votes)
    kinds = [
        lambda: buttons(image.id, names, votes, texts, is_private=about.is_private),
        lambda: under_picture(about, texts),
        lambda: hiding(image, names, excluded, texts),
        lambda: under_album(
            [(draw(IDS), about.votes) for _ in range(draw(st.integers(2, 10)))],
            draw(st.integers(2, 10)),
            draw(SOURCES.filter(bool)),
            texts,
            is_private=about.is_private,
        ),
        lambda: listing(draw(st.integers(0, 10**5)), page, draw(st.integers(1, 10**5)), texts),
    ]
    return draw(st.sampled_from(kinds))()


@given(keyboards())
def test_any_keyboard(rows):
    """Telegram takes it, and each of its presses is understood."""
    buttons = [button for row in rows for button in row]

    if rows:
        read_reply_markup(inline(rows).to_json())  # raises a Refusal
    assert all(1 <= len(row) <= 8 for row in rows)
    assert all(cleaned(button.text) and len(button.text) <= 64 for button in buttons)
    for data in filter(None, (button.data for button in buttons)):
        [_] = [pattern for pattern in CALLBACKS._handlers if pattern.fullmatch(data)]


@given(NAMES, st.sampled_from(SHARED))
def test_any_name_is_seen(name, facet):
    """A name without ink is replaced by the word for its kind and its id."""
    image, feature = Feature(Facet.IMAGE, 1), Feature(facet, 77, name)
    rows = hiding(image, [feature], (), TEXTS["en"])

    assert cleaned(name)[:20] in rows[1][0].text
    assert cleaned(name) or "77" in rows[1][0].text


NOTES = ["excluded.note", "excluded.restored", "why.note_like", "why.note_dislike"]


@given(IDS, NAMES, st.sampled_from(SHARED), st.sampled_from(NOTES), st.sampled_from(["en", "ru"]))
def test_any_name_in_the_answer_to_a_press(id, name, facet, note, language):
    texts = TEXTS[language]

    assert units(texts(note, name=label(Feature(facet, id, name), texts))) <= 200
