import ast
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from string import Formatter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stashbot
from stashbot.demo.telegram.markup import parse_html
from stashbot.errors import StashProblem
from stashbot.messages.caption import CAPTION_FIELDS, caption
from stashbot.messages.catalogue import (
    LANGUAGES,
    TEXTS,
    choose,
    clock_time,
    coming,
    duration,
    recurring,
    size,
)
from stashbot.models import Image, Named, Recurrence

BERLIN = ZoneInfo("Europe/Berlin")
EN, RU = TEXTS["en"], TEXTS["ru"]
FIELDS = tuple(CAPTION_FIELDS)
FORMS = {"en": {"one", "other"}, "ru": {"one", "few", "many"}}


@pytest.mark.parametrize(
    ("setting", "code", "expected"),
    [
        pytest.param("auto", "ru-RU", "ru", id="known, with a region"),
        pytest.param("auto", "RU", "ru", id="known, in capitals"),
        pytest.param("auto", "uk", "en", id="a language that we do not speak"),
        pytest.param("auto", "run", "en", id="a language that begins like one we speak"),
        pytest.param("auto", None, "en", id="none told"),
        pytest.param("ru", "en", "ru", id="Russian set"),
        pytest.param("en", "ru", "en", id="English set"),
    ],
)
def test_language(setting, code, expected):
    assert choose(setting, code) == expected


@pytest.mark.parametrize(
    ("language", "n", "expected"),
    [
        ("en", 0, "0 pictures"),
        ("en", 1, "1 picture"),
        ("en", 48213, "48,213 pictures"),
        ("ru", 0, "0 картинок"),
        ("ru", 1, "1 картинка"),
        ("ru", 2, "2 картинки"),
        ("ru", 5, "5 картинок"),
        ("ru", 11, "11 картинок"),
        ("ru", 21, "21 картинка"),
        ("ru", 111, "111 картинок"),
        ("ru", 112, "112 картинок"),
        ("ru", 48213, "48\u00a0213 картинок"),
    ],
)
def test_plural(language, n, expected):
    assert TEXTS[language]("stats.images", n=n) == expected


def unbroken(words):
    """No line ends between a number and its unit."""
    return re.sub(r"(?<=\d) (?=[^\W\d])", "\u00a0", words)


@pytest.mark.parametrize(
    ("seconds", "english", "russian"),
    [
        (-1, "0 seconds", "0 секунд"),
        (1, "1 second", "1 секунда"),
        (59.9, "59 seconds", "59 секунд"),
        (3599, "59 minutes 59 seconds", "59 минут 59 секунд"),
        (3605, "1 hour", "1 час"),
        (3 * 86400 + 4 * 3600 + 300, "3 days 4 hours", "3 дня 4 часа"),
        (400 * 86400, "400 days", "400 дней"),
    ],
)
def test_duration(seconds, english, russian):
    assert duration(seconds, EN) == unbroken(english)
    assert duration(seconds, RU) == unbroken(russian)


@pytest.mark.parametrize(
    ("count", "english", "russian"),
    [
        (0, "0 B", "0 Б"),
        (1049, "1 kB", "1 КБ"),
        (1050, "1.1 kB", "1,1 КБ"),
        (999_949, "999.9 kB", "999,9 КБ"),
        (999_950, "1 MB", "1 МБ"),
        (1_400_000, "1.4 MB", "1,4 МБ"),
        (2_500_000_000, "2.5 GB", "2,5 ГБ"),
        (1_200_000_000_000, "1200 GB", "1200 ГБ"),
    ],
)
def test_size(count, english, russian):
    assert size(count, EN) == unbroken(english)
    assert size(count, RU) == unbroken(russian)


FULL = Image(
    id=1,
    title="Low tide",
    date="2024-05",
    rating100=85,
    studio=Named(1, "North"),
    performers=(Named(1, "Ada"), Named(2, "Grace")),
    galleries=(Named(1, "Coast"), Named(2, "Best")),
    tags=(Named(1, "sea"), Named(2, "sand")),
)


def test_full_caption():
    assert caption(FULL, FIELDS, EN).split("\n") == [
        "<b>Low tide</b>",
        "👤 Ada, Grace",
        "🎬 North",
        "📁 Coast, Best",
        "📅 2024-05",
        "⭐ 4.3/5",
        "🏷 sea, sand",
    ]


def test_chosen_fields():
    assert caption(FULL, ["tags", "title"], EN) == "🏷 sea, sand\n<b>Low tide</b>"


def test_image_without_values():
    assert caption(Image(id=1), FIELDS, EN) == ""


@pytest.mark.parametrize(
    ("rating100", "english", "russian"),
    [
        (None, "", ""),
        (0, "", ""),
        (1, "⭐ 0.1/5", "⭐ 0,1/5"),
        (20, "⭐ 1/5", "⭐ 1/5"),
        (85, "⭐ 4.3/5", "⭐ 4,3/5"),
        (100, "⭐ 5/5", "⭐ 5/5"),
    ],
)
def test_rating(rating100, english, russian):
    image = Image(id=1, rating100=rating100)

    assert caption(image, ["rating"], EN) == english
    assert caption(image, ["rating"], RU) == russian


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        pytest.param("<b>&amp;</b>", "&lt;b&gt;&amp;amp;&lt;/b&gt;", id="HTML"),
        pytest.param("\"a\" 'b'", "\"a\" 'b'", id="quotes"),
        pytest.param(" a\n\tb\u2028\xa0c ", "a b c", id="white space"),
        pytest.param("a \x00 b\x07", "a b", id="control characters"),
        pytest.param("a\ud83db", "ab", id="lone surrogate"),
        pytest.param("a\u202egpj.b", "agpj.b", id="right-to-left override"),
        pytest.param("👩\u200d🚀", "👩\u200d🚀", id="joined emoji"),
        pytest.param("🏴\U000e0067\U000e007f", "🏴\U000e0067\U000e007f", id="tagged emoji"),
        pytest.param("\U0001faea", "\U0001faea", id="emoji newer than Python"),
        pytest.param("é́", "é́", id="combining mark on a letter"),
    ],
)
def test_title_is_cleaned(title, expected):
    assert caption(Image(id=1, title=title), ["title"], EN) == f"<b>{expected}</b>"


@pytest.mark.parametrize(
    "title",
    [
        pytest.param(" \n\u3000", id="white space"),
        pytest.param("\u200b \u200d\ufeff", id="zero width"),
        pytest.param("\x00\x1b", id="control characters"),
        pytest.param("\u0301\ufe0f\u0903\u20dd", id="combining marks"),
        pytest.param("\udc00\ud800", id="lone surrogates"),
        pytest.param("\u3164\u2800", id="letters without ink"),
    ],
)
def test_invisible_value(title):
    image = Image(id=1, title=title, tags=(Named(1, title), Named(2, "sea")))

    assert caption(image, ["title", "tags"], EN) == "🏷 sea"


def test_many_long_names():
    tags = tuple(Named(number, f"{number:03} {'x' * 26}") for number in range(60))
    image = Image(id=1, title="Low tide", tags=tags)

    title, names = caption(image, FIELDS, EN).split("\n")

    shown = names.removeprefix("🏷 ").split(", ")
    assert title == "<b>Low tide</b>"
    assert shown == [*(tag.name for tag in tags[: len(shown) - 1]), "…"]
    assert 1024 - 32 < len(f"Low tide\n{names}") + 1 <= 1024


def test_no_line_follows_a_shortened_list():
    performers = tuple(Named(number, "x" * 100) for number in range(20))
    image = Image(id=1, performers=performers, rating100=100)

    assert caption(image, ["performers", "rating"], EN).endswith(", …")


@pytest.mark.parametrize(
    ("length", "kept"),
    [
        # The label is a surrogate pair: two units, one character.
        pytest.param(1024 - len("\n🏷 sea") - 1, True, id="fills the caption"),
        pytest.param(1024 - len("\n🏷 sea"), False, id="one too long"),
    ],
)
def test_whole_lines_are_dropped(length, kept):
    image = Image(id=1, title="x" * length, rating100=100, tags=(Named(1, "sea"),))

    lines = caption(image, ["title", "tags", "rating"], EN).split("\n")

    assert lines == [f"<b>{'x' * length}</b>", *(["🏷 sea"] if kept else [])]


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        pytest.param("x" * 1024, "x" * 1024, id="fits"),
        pytest.param("x" * 1025, "x" * 1023 + "…", id="one too long"),
        pytest.param("&" * 1024, "&amp;" * 1024, id="entities count as one"),
        pytest.param("&" * 1025, "&amp;" * 1023 + "…", id="an entity is not torn"),
        pytest.param("😀" * 512, "😀" * 512, id="a pair counts as two"),
        pytest.param("😀" * 513, "😀" * 511 + "…", id="a pair is not torn"),
        pytest.param("x" * 1022 + " " + "y" * 9, "x" * 1022 + "…", id="no space before it"),
    ],
)
def test_long_first_line_is_cut(title, expected):
    image = Image(id=1, title=title, rating100=100)

    assert caption(image, ["title", "rating"], EN) == f"<b>{expected}</b>"


pieces = (
    st.text(st.characters(exclude_categories=()))
    | st.text("ab <>&;\n\r\x00\x85\u2028\u200d\u0301\ufe0f\u202e\ud83d\ude00😀👩🏽ю")
    | st.sampled_from(["<b>", "</b>", "&lt;", "&amp", "👩\u200d🚀", "e\u0301"])
)
values = st.builds(lambda piece, times: piece * times, pieces, st.integers(1, 700))
named = st.builds(Named, st.just(1), values)
several = st.lists(named, max_size=4).map(tuple)
images = st.builds(
    Image,
    id=st.just(1),
    title=values,
    date=values,
    rating100=st.none() | st.integers(1, 100),
    studio=st.none() | named,
    performers=several,
    galleries=several,
    tags=several,
)
orders = st.lists(st.sampled_from(FIELDS), unique=True)


def parsed(markup):
    """The text that Telegram would show; fails on anything but <b> and three entities."""
    tokens = re.findall(r"</?b>|&(?:lt|gt|amp);|[^<>&]", markup)
    assert "".join(tokens) == markup
    tags = [token for token in tokens if token in ("<b>", "</b>")]
    assert tags == ["<b>", "</b>"] * (len(tags) // 2)
    entities = {"&lt;": "<", "&gt;": ">", "&amp;": "&", "<b>": "", "</b>": ""}
    return "".join(entities.get(token, token) for token in tokens)


@given(images, orders, st.sampled_from([EN, RU]))
def test_any_caption(image, fields, texts):
    """For any values in Stash Telegram takes the caption, and no line of it is empty."""
    text = parsed(caption(image, fields, texts))

    assert len(text.encode("utf-16-le")) // 2 <= 1024
    lines = text.split("\n") if text else []
    assert len(lines) <= len(fields)
    assert lines == text.splitlines()
    assert all(line == " ".join(line.split()) != "" for line in lines)


#: The most characters of messages that need more than others: they teach, or give a remedy.
LONGER = {
    "welcome": 240,
    "filters.heading": 130,
    "source.usage": 140,
    "chart.no_fonts": 130,
    "settings.zones": 240,
    "settings.delete_after_usage": 130,
    "purge.too_old": 130,
    "people.owner": 160,
    "schedule.usage": 310,
    "stash.remedy.locked": 160,
}


def forms_of(phrase):
    return {"": phrase} if isinstance(phrase, str) else phrase


def placeholders(phrase):
    """The names in each form of the phrase, which must be the same in all of them."""
    sets = {
        frozenset(name for _, name, _, _ in Formatter().parse(form) if name is not None)
        for form in forms_of(phrase).values()
    }
    assert len(sets) == 1
    return sets.pop()


def test_same_keys():
    assert EN.phrases.keys() == RU.phrases.keys()


@pytest.mark.parametrize("key", EN.phrases)
def test_same_shape(key):
    for language in LANGUAGES:
        phrase = TEXTS[language].phrases[key]
        is_plural = not isinstance(EN.phrases[key], str)

        assert placeholders(phrase) == placeholders(EN.phrases[key])
        assert forms_of(phrase).keys() == (FORMS[language] if is_plural else {""})


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_are_plain(language):
    for key, phrase in TEXTS[language].phrases.items():
        for form in forms_of(phrase).values():
            assert form, key
            assert "!" not in form, key
            assert form == form.strip() or key == "number.group", key


@pytest.mark.parametrize("language", LANGUAGES)
def test_lengths(language):
    texts = TEXTS[language]
    descriptions = [texts(key) for key in texts.phrases if key.startswith("command.")]

    assert all(1 <= len(description) <= 256 for description in descriptions)
    assert len(texts("refused_button")) <= 200
    assert len(texts("button.random")) > len("🎲")


@pytest.mark.parametrize("key", EN.phrases)
def test_no_message_is_longer_than_it_must_be(key):
    phrases = [TEXTS[language].phrases[key] for language in LANGUAGES]
    longest = max(len(form) for phrase in phrases for form in forms_of(phrase).values())

    assert longest <= LONGER.get(key, 120)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("problem", StashProblem)
def test_every_problem_has_its_sentence(language, problem):
    sentence = TEXTS[language](f"stash.{problem}", version="v0.25.1")

    assert re.fullmatch(r"[A-Z][^\n]*\w\.", sentence)


@cache
def nodes():
    """All nodes of the bot's sources."""
    files = sorted(Path(stashbot.__file__).parent.rglob("*.py"))
    return [node for path in files for node in ast.walk(ast.parse(path.read_text("utf-8")))]


def test_every_phrase_is_used():
    """No sentence is translated for nothing: its key, or an f-string for it, is in the sources."""
    constants = {node.value for node in nodes() if isinstance(node, ast.Constant)}
    families = tuple(
        node.values[0].value
        for node in nodes()
        if isinstance(node, ast.JoinedStr)
        and isinstance(node.values[0], ast.Constant)
        and re.fullmatch(r"[a-z_]+\.", node.values[0].value)
    )
    unused = {key for key in EN.phrases if not key.startswith(families)} - constants

    assert sorted(unused) == []


def test_every_sentence_in_the_sources_exists():
    """A call of the texts names a key that exists, and gives it every value that it needs."""
    calls = [
        (node.args[0].value, {keyword.arg for keyword in node.keywords})
        for node in nodes()
        if isinstance(node, ast.Call)
        and re.search(r"(?i)texts(\w*[\[(].*[\])])?$", ast.unparse(node.func))
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ]

    assert calls
    for key, given_values in calls:
        phrase = EN.phrases[key]
        needed = placeholders(phrase) | (set() if isinstance(phrase, str) else {"n"})
        assert None in given_values or needed <= given_values, key


@pytest.mark.parametrize(
    ("now", "moment", "words"),
    [
        ("2026-05-04 08:59:54", "2026-05-04 09:00", "today at 09:00 (in 1~min)"),
        ("2026-05-04 08:00:30", "2026-05-04 09:00", "today at 09:00 (in 1~h)"),
        ("2026-05-04 23:58", "2026-05-05 00:05", "tomorrow at 00:05 (in 7~min)"),
        ("2026-05-04 15:09", "2026-05-05 09:00", "tomorrow at 09:00 (in 17~h~51~min)"),
        ("2026-05-04 15:09", "2026-05-05 09:00", "завтра в 09:00 (через 17~ч~51~мин)"),
        ("2026-05-04 09:00", "2026-05-05 09:00", "tomorrow at 09:00"),
        ("2026-05-02 09:00", "2026-05-04 09:00", "Mon 4~May at 09:00"),
        ("2026-05-02 09:00", "2026-05-04 09:00", "пн, 4~мая в 09:00"),
        # The clock goes forward on 29 March, and back on 25 October.
        ("2026-03-28 10:00", "2026-03-29 09:00", "tomorrow at 09:00 (in 22~h)"),
        ("2026-10-24 10:00", "2026-10-25 09:00", "tomorrow at 09:00"),
        ("2026-12-31 21:30", "2027-01-01 09:00", "tomorrow at 09:00 (in 11~h~30~min)"),
        ("2026-12-30 09:00", "2027-01-02 09:00", "Sat 2~January at 09:00"),
        ("2025-05-04 09:00", "2026-05-04 09:00", "Mon 4~May 2026 at 09:00"),
        ("2025-05-04 09:00", "2026-05-04 09:00", "пн, 4~мая 2026 года в 09:00"),
    ],
)
def test_moment_to_come(now, moment, words):
    """All by the clock of Berlin; ~ is a space at which no line ends."""
    texts, words = EN if words.isascii() else RU, words.replace("~", "\u00a0")
    times = [datetime.fromisoformat(each).replace(tzinfo=BERLIN) for each in (moment, now)]
    due, present = (each.astimezone(UTC) for each in times)

    text, [moment] = parse_html(coming(due, present, BERLIN, texts))
    assert (text, moment.unix_time) == (words, due.timestamp())
    assert text[: moment.length] == clock_time(due, present, BERLIN, texts)


@pytest.mark.parametrize(
    ("now", "english", "russian"),
    [
        ("2026-05-04 23:59", "today at 09:00", "сегодня в 09:00"),
        ("2026-05-05 00:00", "yesterday at 09:00", "вчера в 09:00"),
        ("2026-05-06 00:00", "Mon 4~May at 09:00", "пн, 4~мая в 09:00"),
        ("2027-05-04 09:00", "Mon 4~May 2026 at 09:00", "пн, 4~мая 2026 года в 09:00"),
    ],
)
def test_moment_that_is_past(now, english, russian):
    moment = datetime(2026, 5, 4, 7, 0, tzinfo=UTC)
    then = datetime.fromisoformat(now).replace(tzinfo=BERLIN)

    shown = [clock_time(moment, then, BERLIN, each).replace("\u00a0", "~") for each in (EN, RU)]
    assert shown == [english, russian]


@pytest.mark.parametrize(
    ("times", "english", "russian"),
    [
        ({}, "every day at 9:00", "каждый день в 9:00"),
        ({"days": (1, 2, 3, 4, 5)}, "weekdays at 9:00", "по будням в 9:00"),
        ({"days": (6, 7)}, "weekends at 9:00", "по выходным в 9:00"),
        ({"days": (3,)}, "Wednesdays at 9:00", "по средам в 9:00"),
        ({"days": (1, 5)}, "Mondays and Fridays at 9:00", "по понедельникам и пятницам в 9:00"),
        ({"days": (1, 2, 3)}, "Mon–Wed at 9:00", "пн–ср в 9:00"),
        ({"days": (1, 3, 5)}, "Mon, Wed, Fri at 9:00", "пн, ср, пт в 9:00"),
        ({"minutes": (0, 540)}, "every day at 0:00 and 9:00", "каждый день в 0:00 и 9:00"),
        (
            {"minutes": (1, 2, 4)},
            "every day at 0:01, 0:02 and 0:04",
            "каждый день в 0:01, 0:02 и 0:04",
        ),
        ({"apart": 2}, "every 2 days at 9:00", "каждые 2 дня в 9:00"),
        ({"every": 60}, "every hour", "каждый час"),
        ({"every": 180}, "every 3 hours", "каждые 3 часа"),
        ({"every": 21}, "every 21 minutes", "раз в 21 минуту"),
        ({"every": 90}, "every 90 minutes", "каждые 90 минут"),
        (
            {"minutes": (0, 20, 40, 60)},
            "every 20 minutes from 0:00 to 1:00",
            "каждые 20 минут с 0:00 до 1:00",
        ),
    ],
)
def test_recurring_times(times, english, russian):
    recurrence = Recurrence(**({"minutes": (540,)} | times))

    assert [recurring(recurrence, texts) for texts in TEXTS.values()] == [english, russian]
