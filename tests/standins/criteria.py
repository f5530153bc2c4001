"""The criteria of Stash's ImageFilterType that only filters of real libraries have.

The results are those of Stash 0.30.1's SQL. An empty text of a picture is NULL in Stash.
`performer_age` is refused.
"""

import re
from collections.abc import Mapping
from typing import Any

from graphql import GraphQLError

from stashbot.demo.pictures.picture import Details, Picture
from stashbot.demo.stash.criteria import CRITERIA, Criterion, Test, comparing, relating
from stashbot.demo.stash.names import Catalogue, id_of
from stashbot.demo.stash.search import like

#: SQLite's parser takes no more levels of `OR`.
MOST_LEVELS = 30
#: With `OR` Stash joins these wrongly, and answers wrong images without an error.
CLASHING = {"tags", "performers", "performer_tags", "galleries", "checksum"}


def check(wanted: dict[str, Any]) -> None:
    """Raise GraphQLError for a combination of criteria at which Stash fails."""
    levels = [wanted]
    while under := levels[-1].get("OR"):
        levels.append(under)
    if len(levels) > MOST_LEVELS:
        raise GraphQLError("parser stack overflow")
    if len(levels) > 1 and CLASHING.intersection(name for level in levels for name in level):
        raise GraphQLError("the stand-in refuses OR with relations")


def _of_text(attribute: str) -> Criterion:
    """The criterion of a text. For a url, EXCLUDES takes the value as it is."""

    def criterion(wanted: dict[str, Any], _: Catalogue) -> Test:
        lacks = (attribute, wanted["modifier"]) == ("url", "EXCLUDES")
        is_met = _lacks if lacks else _contains
        return lambda picture: is_met(getattr(picture, attribute), **wanted)

    return criterion


def _contains(text: str, value: str, modifier: str) -> bool:
    """EQUALS is LIKE. INCLUDES takes any of the words, or the whole text in quotes."""
    if modifier in ("IS_NULL", "NOT_NULL"):
        return bool(text.strip()) == (modifier == "NOT_NULL")
    if not text:  # NULL
        return modifier == "NOT_MATCHES_REGEX"
    phrase = value.strip().strip('"')
    words = value.split() if phrase == value.strip() else [phrase]
    match modifier.removeprefix("NOT_"):
        case "EQUALS":
            found = like(value).fullmatch(text)
        case "MATCHES_REGEX":
            found = re.search(value, text)
        case "INCLUDES" | "EXCLUDES":
            found = like(*words).search(text)
        case _:
            raise GraphQLError(f"Internal system error. Error <{modifier}>")
    return (found is None) == (modifier == "EXCLUDES" or modifier.startswith("NOT_"))


def _lacks(text: str, value: str, modifier: str) -> bool:
    """Pictures without a text meet it."""
    return modifier == "EXCLUDES" and not (text and like(value).search(text))


def _performers(catalogue: Catalogue, picture: Picture) -> list[Details]:
    """The performers of a picture that have details."""
    ids = [id_of("performer", name) for name in picture.performers]
    return [catalogue.details[id] for id in ids if id in catalogue.details]


def _favorite(wanted: Any, catalogue: Catalogue) -> Test:
    return lambda picture: (
        any(each.is_favorite for each in _performers(catalogue, picture)) is wanted
    )


def _performer_tags(wanted: dict[str, Any], catalogue: Catalogue) -> Test:
    """IS_NULL is met if one of the performers has no tags, or if there are no performers."""
    if wanted["modifier"] != "IS_NULL":
        return relating(_tags_of_performers)(wanted, catalogue)

    def has_untagged(picture: Picture) -> bool:
        tagged = [each for each in _performers(catalogue, picture) if each.tags]
        return not picture.performers or len(tagged) < len(picture.performers)

    return has_untagged


def _tags_of_performers(catalogue: Catalogue, picture: Picture) -> set[int]:
    return {id_of("tag", tag) for each in _performers(catalogue, picture) for tag in each.tags}


def _galleries(wanted: dict[str, Any], catalogue: Catalogue) -> Test:
    """Stash ignores their `excludes`."""
    return CRITERIA["galleries"](wanted | {"excludes": ()}, catalogue)


MORE_CRITERIA: Mapping[str, Criterion] = {
    **CRITERIA,
    **{name: _of_text(name) for name in ("title", "code", "details", "photographer", "url")},
    "checksum": _of_text("fingerprint"),
    "path": _of_text("full_path"),
    "o_counter": comparing(lambda picture: picture.o_counter),
    "tag_count": comparing(lambda picture: len(picture.tags)),
    "performer_count": comparing(lambda picture: len(picture.performers)),
    "file_count": comparing(lambda _: 1),
    "updated_at": comparing(lambda picture: picture.modified.isoformat()),
    "organized": lambda wanted, _: lambda picture: picture.organized is wanted,
    "performer_favorite": _favorite,
    "performer_tags": _performer_tags,
    "galleries": _galleries,
}
