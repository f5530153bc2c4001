"""Names: the texts to search Stash for, and the best of the names that were found. Pure.

Stash searches with SQLite's LIKE, which ignores the case of ASCII alone: a Cyrillic name is
found by a text in the case of its own letters. So the bot searches for several spellings, and
compares the names itself. Two texts are alike if they differ only in case, compatible
characters, white space, or ё and е. The caller cuts words to 100 characters, and gives a few
hundred names at most.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import IntEnum

#: The most letters е that are tried as ё.
MOST_YO = 4
#: The most pieces of a misspelt name.
MOST_PIECES = 12
#: The letters of a word whose pieces are pairs: three letters may all be wrong in it.
MOST_SHORT = 5
#: The least likeness of a near name, 0 to 1: one wrong letter of four, two of seven.
NEAR = 0.7
#: The characters of a name that are compared for nearness.
COMPARED = 100

_INITIAL = re.compile(r"(?<![\w'’])\w")
_INITIAL_OF_LONG = re.compile(r"^\w|(?<![\w'’])\w(?=\w{3})")
_SEPARATORS = re.compile(r"""[\s\-–—_%.,:;!?"'’«»()\[\]{}/&+#]+""")


@dataclass(frozen=True, slots=True)
class Known:
    """A tag, performer, gallery, studio or saved filter in Stash, and its names."""

    kind: str
    id: int
    name: str
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The name and the aliases."""
        return (self.name, *self.aliases)


class _Match(IntEnum):
    """How well words match a name, the best first."""

    EXACT = 0  # letter by letter
    WHOLE = 1
    BEGINNING = 2
    BEGINNING_OF_WORD = 3
    PART = 4
    NONE = 5


def spellings(words: str) -> list[str]:
    """The texts to search for, the likeliest first; one for ASCII, else at most 30.

    A name in mixed case such as `вид на ГУМ` is found as it is typed alone.
    """
    typed = _plain(words)
    if typed.isascii():
        return [typed] if typed else []
    found = [spelling for text in (typed, *_with_other_yo(typed)) for spelling in _cases(text)]
    return list(dict.fromkeys(found))


def matches(words: str, known: Iterable[Known]) -> list[Known]:
    """Those that match best, in the order given, each once.

    A name or alias that is equal letter by letter is better than one that is alike, then come
    those that begin with the words, have a word that begins with them, or contain them.
    """
    sought = _folded(words)
    if not sought:
        return []
    word = re.compile(rf"(?<![^\W_]){re.escape(sought)}")
    found: dict[_Match, list[Known]] = {}
    for each in known:
        best = min(_match(words.strip(), sought, word, name) for name in each.names)
        found.setdefault(best, []).append(each)
    found.pop(_Match.NONE, None)
    return _each_once(found[min(found)]) if found else []


def whole(words: str, known: Iterable[Known]) -> list[Known]:
    """Those of the best matches that have the words for a whole name or alias."""
    sought = _folded(words)
    return [each for each in matches(words, known) if sought in map(_folded, each.names)]


def pieces(words: str) -> list[str]:
    """Short texts of a misspelt name, spread over it; a wrong letter leaves some of them right.

    They overlap, and have three letters, or two in a word of up to five.
    """
    found: list[str] = []
    for word in _SEPARATORS.split(_plain(words).lower()):
        size = 3 if len(word) > MOST_SHORT else 2
        parts = [word[start : start + size] for start in range(len(word) - size + 1)]
        if parts and not word.isascii():
            parts.insert(0, _capitalised(parts[0]))
        found += parts
    found = list(dict.fromkeys(found))
    most = min(len(found), MOST_PIECES)
    return [found[number * len(found) // most] for number in range(most)]


def nearest(words: str, known: Iterable[Known], most: int = 8) -> list[Known]:
    """Those with a name, or a word of a name, that differs little from the words.

    The nearest come first; of equally near ones, those with the shortest names.
    """
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(_folded(words)[:COMPARED])
    scored = [(_likeness(matcher, each), each) for each in known]
    near = [(likeness, each) for likeness, each in scored if likeness]
    near.sort(key=lambda scored: (-scored[0], len(scored[1].name)))
    return _each_once(each for _, each in near)[:most]


def _match(letters: str, sought: str, word: re.Pattern[str], name: str) -> _Match:
    if name == letters:
        return _Match.EXACT
    folded = _folded(name)
    if folded == sought:
        return _Match.WHOLE
    if folded.startswith(sought):
        return _Match.BEGINNING
    if word.search(folded):
        return _Match.BEGINNING_OF_WORD
    return _Match.PART if sought in folded else _Match.NONE


def _likeness(matcher: SequenceMatcher[str], known: Known) -> float:
    """The largest ratio of a name, or of a word of it; 0 if none is at least `NEAR`."""
    best = 0.0
    for name in known.names:
        folded = _folded(name)[:COMPARED]
        for text in {folded, *_SEPARATORS.split(folded)} - {""}:
            matcher.set_seq1(text)
            # The quick ratios are upper bounds.
            if matcher.real_quick_ratio() >= NEAR and matcher.quick_ratio() >= NEAR:
                best = max(best, matcher.ratio())
    return best if best >= NEAR else 0.0


def _each_once(known: Iterable[Known]) -> list[Known]:
    once: dict[tuple[str, int], Known] = {}
    for each in known:
        once.setdefault((each.kind, each.id), each)
    return list(once.values())


# Texts


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _folded(text: str) -> str:
    """The text as it is compared: texts that are alike become equal."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.replace("ё", "е").split())


def _with_other_yo(text: str) -> list[str]:
    """The text with е for each ё; without one, with ё for one е at a time."""
    if set(text) & set("ёЁ"):
        return [text.replace("ё", "е").replace("Ё", "Е")]
    places = [place for place, letter in enumerate(text) if letter in "еЕ"][:MOST_YO]
    yo = {"е": "ё", "Е": "Ё"}
    return [f"{text[:place]}{yo[text[place]]}{text[place + 1 :]}" for place in places]


def _cases(text: str) -> tuple[str, ...]:
    title = _INITIAL.sub(lambda match: match[0].upper(), text.lower())
    # As in `Дача в Крыму`: words of up to three letters stay in lower case.
    mixed = _INITIAL_OF_LONG.sub(lambda match: match[0].upper(), text.lower())
    return (text, text.lower(), _capitalised(text), title, mixed, text.upper())


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:].lower()
