"""Stash's FindFilterType: the search text `q` and the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

T = TypeVar("T")

_WORD = r'(?:"[^"]+"|\S+)'
#: A word after a minus, or words with `OR` or `|` between them.
_TERM = re.compile(rf"-{_WORD}|{_WORD}(?:\s+(?:OR|\|)\s+(?!-){_WORD})*", re.IGNORECASE)
_WILDCARDS = {"%": ".*", "_": "."}


@lru_cache(maxsize=1000)
def like(*patterns: str) -> re.Pattern[str]:
    """Return patterns of SQLite's LIKE, of which one is enough; only ASCII ignores its case.

    `fullmatch` is LIKE itself, `search` is LIKE with `%` at both ends.
    """
    texts = ("".join(_WILDCARDS.get(c, re.escape(c)) for c in pattern) for pattern in patterns)
    return re.compile("|".join(texts), re.ASCII | re.IGNORECASE | re.DOTALL)


def searching(q: str) -> Callable[[Sequence[str]], bool]:
    """Return a function that tells whether the columns of a row match `q`.

    Each term must be in one of the columns, and a word after a minus in none.
    """
    wanted, unwanted = [], []
    for term in _TERM.findall(q):
        if term.startswith("-") and len(term) > 1:
            unwanted.append(like(term[1:].strip('"')))
        else:
            words = re.findall(_WORD, term)[::2]
            wanted.append(like(*(word.strip('"') for word in words)))
    return lambda row: (
        all(any(map(each.search, row)) for each in wanted)
        and not any(any(map(each.search, row)) for each in unwanted)
    )


def page(found: Sequence[T], wanted: dict[str, Any]) -> Sequence[T]:
    """Return one page: 25 by default, none for a size of 0, all for a negative size."""
    size = wanted.get("per_page")
    size = 25 if size is None else size
    if size < 0:
        return found
    start = (max(wanted.get("page") or 1, 1) - 1) * size
    return found[start : start + size]
