"""Names that somebody types, in Latin and in Cyrillic letters."""

import sqlite3
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashbot.rules.names import MOST_PIECES, Known, matches, nearest, pieces, spellings

WORDS = st.text(alphabet="aAbZ _-'.%\"(\\ßİяЯёЁеЕйüé中\u0301\n", max_size=100) | st.text(
    max_size=100
)


def tag(id, name, *aliases):
    return Known("tag", id, name, aliases)


def tags(*names):
    return [tag(id, name) for id, name in enumerate(names)]


def names(known):
    return [each.name for each in known]


def finds(text, name):
    """Whether Stash's search, which is SQLite's LIKE, finds the text in a name."""
    database = sqlite3.connect(":memory:")
    (found,) = database.execute("SELECT ? LIKE '%' || ? || '%'", (name, text)).fetchone()
    database.close()
    return bool(found)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("Sea", ["Sea"], id="ASCII as it is typed"),
        pytest.param("  night \n sky ", ["night sky"], id="ASCII with white space"),
        pytest.param("", [], id="nothing"),
        pytest.param(" \n", [], id="white space"),
        pytest.param("中文", ["中文"], id="letters without case"),
        pytest.param("лыжи", ["лыжи", "Лыжи", "ЛЫЖИ"], id="one word"),
        pytest.param("лЫжи", ["лЫжи", "лыжи", "Лыжи", "ЛЫЖИ"], id="as it is typed comes first"),
        pytest.param(
            "дача в крыму",
            ["дача в крыму", "Дача в крыму", "Дача В Крыму", "Дача в Крыму", "ДАЧА В КРЫМУ"],
            id="several words",
        ),
        pytest.param("м'ята", ["м'ята", "М'ята", "М'ЯТА"], id="apostrophe"),
        pytest.param("Ёж", ["Ёж", "ёж", "ЁЖ", "Еж", "еж", "ЕЖ"], id="ё"),
        pytest.param(
            "елец",
            ["елец", "Елец", "ЕЛЕЦ", "ёлец", "Ёлец", "ЁЛЕЦ", "елёц", "Елёц", "ЕЛЁЦ"],
            id="each е",
        ),
        pytest.param("и\u0306од", ["йод", "Йод", "ЙОД"], id="a letter in two characters"),
    ],
)
def test_spellings(words, expected):
    assert spellings(words) == expected


@pytest.mark.parametrize(
    ("words", "name"),
    [
        pytest.param("SEA", "The sea", id="ASCII"),
        pytest.param("чёрное", "Чёрное море", id="capital"),
        pytest.param("ЧЕРНОЕ", "чёрное море", id="typed in capitals, without ё"),
        pytest.param("черное море", "ЧЁРНОЕ МОРЕ", id="name in capitals"),
        pytest.param("ёлка", "Елка", id="typed with ё"),
        pytest.param("анна иванова", "Анна Иванова", id="title case"),
        pytest.param("нью-йорк", "Нью-Йорк", id="title case with a hyphen"),
        pytest.param("м'ята свіжа", "М'ята Свіжа", id="title case with an apostrophe"),
        pytest.param("дача в крыму", "Дача в Крыму", id="title case with a particle"),
        pytest.param("мы в крыму", "Мы в Крыму", id="title case, short first word"),
        pytest.param("море", "Чёрное море", id="part of a name"),
        pytest.param("ÉTÉ", "Été", id="French"),
        pytest.param("straßen", "STRASSEN", id="German"),
    ],
)
def test_one_of_the_spellings_finds_the_name(words, name):
    assert any(finds(text, name) for text in spellings(words))


def test_without_other_spellings_stash_does_not_find_a_cyrillic_name():
    assert not finds("море", "Море")


@pytest.mark.parametrize(
    ("words", "known", "expected"),
    [
        pytest.param("sea", ["The sea", "Sea"], ["Sea"], id="whole before part"),
        pytest.param("SEA", ["sea", "Seaside"], ["sea"], id="case"),
        pytest.param("море", ["Морена", "МОРЕ"], ["МОРЕ"], id="case in Cyrillic"),
        pytest.param("елка", ["Ёлка", "Белка"], ["Ёлка"], id="е for ё"),
        pytest.param("ЁЛКА", ["елка"], ["елка"], id="ё for е"),
        pytest.param("straße", ["STRASSE"], ["STRASSE"], id="ß"),
        pytest.param("йод", ["и\u0306од"], ["и\u0306од"], id="letter in two characters"),
        pytest.param("ｓｅａ ①", ["Sea 1"], ["Sea 1"], id="compatible characters"),
        pytest.param("sea", ["𝐒𝐞𝐚"], ["𝐒𝐞𝐚"], id="fancy letters"),
        pytest.param(" night \n sky", ["Night  Sky", "night"], ["Night  Sky"], id="white space"),
        pytest.param("dup", ["Dup", "DUP", "dup"], ["dup"], id="letter by letter before case"),
        pytest.param(" dup ", ["Dup", "dup"], ["dup"], id="letter by letter but white space"),
        pytest.param("dUP", ["Dup", "dup"], ["Dup", "dup"], id="several in another case"),
        pytest.param("dup", ["dup", "Dup", "dup"], ["dup", "dup"], id="several letter by letter"),
        pytest.param(
            "мор", ["Синее море", "Морена", "Море"], ["Морена", "Море"], id="beginning of the name"
        ),
        pytest.param("мор", ["Умора", "Синее море"], ["Синее море"], id="beginning of a word"),
        pytest.param("йорк", ["Майорка", "Нью-Йорк"], ["Нью-Йорк"], id="word after a hyphen"),
        pytest.param("sea", ["overseas", "by_sea"], ["by_sea"], id="word after an underscore"),
        pytest.param("в крыму", ["Рельеф в крыму", "Остров крыму"], ["Рельеф в крыму"], id="words"),
        pytest.param("ора", ["Умора", "Гора", "Море"], ["Умора", "Гора"], id="part of a word"),
        pytest.param("a.c", ["abc", "xa.cx"], ["xa.cx"], id="no pattern"),
        pytest.param("(", ["sea (blue)"], ["sea (blue)"], id="bracket"),
        pytest.param("город", ["Море"], [], id="none"),
        pytest.param("", ["Море", ""], [], id="no words"),
        pytest.param(" ", ["Море", " "], [], id="white space alone"),
        pytest.param("море", [], [], id="nothing known"),
    ],
)
def test_matches_are_of_the_best_class(words, known, expected):
    assert names(matches(words, tags(*known))) == expected


def test_alias_counts_as_much_as_the_name():
    anna = tag(1, "Anna Smith", "Аня", "Annie")
    other = tag(2, "Аня и море")

    assert matches("аня", [other, anna]) == [anna]
    assert matches("Annie", [other, anna]) == [anna]
    assert matches("ан", [other, anna]) == [other, anna]


def test_each_is_found_once_whatever_its_number_of_names():
    anna = Known("performer", 7, "Anna", ("anna", "ANNA"))
    renamed = Known("performer", 7, "anna")
    same_number = Known("tag", 7, "anna")

    assert matches("anna", [anna, same_number, renamed]) == [anna, same_number]
    assert nearest("anma", [anna, same_number, renamed]) == [anna, same_number]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("sunset", ["sun", "uns", "nse", "set"], id="trigrams"),
        pytest.param("SUNSET", ["sun", "uns", "nse", "set"], id="lower case is enough for ASCII"),
        pytest.param("rose", ["ro", "os", "se"], id="short word"),
        pytest.param("закат", ["За", "за", "ак", "ка", "ат"], id="Cyrillic"),
        pytest.param("МОРЕ", ["Мо", "мо", "ор", "ре"], id="short Cyrillic word"),
        pytest.param("я и ты", ["Ты", "ты"], id="single letters"),
        pytest.param('нью-"йо', ["Нь", "нь", "ью", "Йо", "йо"], id="punctuation"),
        pytest.param("100%_a", ["10", "00"], id="wildcards"),
        pytest.param("баобаб", ["Бао", "бао", "аоб", "оба", "баб"], id="no doubles"),
        pytest.param("", [], id="nothing"),
        pytest.param("?!", [], id="punctuation alone"),
    ],
)
def test_pieces(words, expected):
    assert pieces(words) == expected


MISSPELT = [
    pytest.param("sunsat", "Sunset", id="wrong letter"),
    pytest.param("Smiht", "Anna Smith", id="swapped letters in a surname"),
    pytest.param("portait", "portrait", id="missing letter"),
    pytest.param("lanndscape", "Landscape", id="letter too many"),
    pytest.param("roze", "Rose", id="short word"),
    pytest.param("зокат", "закат", id="Cyrillic"),
    pytest.param("воба", "Вода", id="short Cyrillic word"),
    pytest.param("патрет", "Портрет", id="two wrong letters"),
    pytest.param("зиленый", "Зелёный", id="ё"),
    pytest.param("фотагрофия на плёнку", "Фотография на плёнку", id="long name"),
    pytest.param("Анне Ивановой", "Анна Иванова", id="another grammatical case"),
    pytest.param("кошки", "Кошка", id="plural"),
]


@pytest.mark.parametrize(("words", "name"), MISSPELT)
def test_misspelt_name_is_found_by_a_piece_and_is_near(words, name):
    assert any(finds(text, name) for text in pieces(words))
    assert names(nearest(words, tags("Berlin", name, "Музей"))) == [name]


@pytest.mark.parametrize(
    "words",
    ["xqzvk", "asdfgh", "йцукен", "qwertyuiop", "ъъъъ", "zz", "a", "!?", "", "1234567", "中"],
)
def test_nonsense_is_near_nothing(words):
    known = tags("Sunset", "Anna Smith", "Rose", "Портрет", "Закат над морем", "Jazz", "2024", "")

    assert nearest(words, known) == []


@pytest.mark.parametrize(
    ("words", "known", "expected"),
    [
        pytest.param(
            "marina", ["Maria", "Marine", "Martin"], ["Maria", "Marine", "Martin"], id="by likeness"
        ),
        pytest.param(
            "закта", ["Закат над морем", "Закат"], ["Закат", "Закат над морем"], id="shorter first"
        ),
        pytest.param(
            "marinka", ["Maria", "Marinika"], ["Marinika", "Maria"], id="longer but nearer"
        ),
        pytest.param("sun set", ["Set", "Sunset"], ["Sunset"], id="a blank too many"),
    ],
)
def test_nearest_come_first(words, known, expected):
    assert names(nearest(words, tags(*known))) == expected


def test_near_alias_counts():
    anna = tag(1, "Anna Smith", "Анна Смит")

    assert nearest("Смитт", [anna]) == [anna]


def test_only_so_many_are_near():
    known = tags(*(f"sunset {number}" for number in range(20)))

    assert len(nearest("sunest", known)) == 8
    assert nearest("sunest", known, most=3) == known[:3]


def test_only_so_many_letters_are_tried_as_yo():
    assert len(spellings("не" * 50)) == 15


@given(WORDS)
def test_any_text_has_bounded_spellings_and_pieces(words):
    found = [spellings(words), pieces(words)]

    assert all(len(set(texts)) == len(texts) and all(texts) for texts in found)
    assert len(found[0]) <= 30
    assert len(found[1]) <= MOST_PIECES


@given(
    WORDS, st.lists(st.builds(Known, st.sampled_from(["tag", "studio"]), st.integers(0, 3), WORDS))
)
def test_any_names_are_matched_in_their_order(words, known):
    found = matches(words, known)
    places = [known.index(each) for each in found]

    assert all(before < after for before, after in pairwise(places))
    assert len({(each.kind, each.id) for each in found}) == len(found)
    assert {*nearest(words, known)} <= {*known}
