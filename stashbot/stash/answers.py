"""The answers of Stash as values. An answer of another shape raises one of `WRONG_SHAPE`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from ..errors import StashError, StashProblem
from ..models import Image, ImageDetails, Named
from ..rules.names import Known
from .http import Refused

#: The database schema of 0.28: older releases answer a file's name for a missing title.
SCHEMA_WITH_TRUE_TITLES = 72
#: The database schema of the oldest release that is served, 0.26.
OLDEST_SCHEMA = 58
#: The states in which Stash has no database to answer from.
UNREADY = ("SETUP", "NEEDS_MIGRATION")
#: The largest integer of SQLite; ids in Stash and in our database fit.
LARGEST_INT64 = 2**63 - 1
#: A clip of a year is none; the value may be anything that JSON has, such as Infinity.
LONGEST_DURATION_S = 365 * 86_400.0
#: Characters of a checksum, or of a size and a time, or of a version.
SHORT_TEXT = 100


class UnknownImage(StashError):
    """Stash has no image with the id `id`."""

    def __init__(self, id: str) -> None:
        super().__init__(StashProblem.BROKEN, "an image is not there")
        self.id = id


def _integer(value: Any, least: int = 0) -> int:
    number = int(value)
    if not least <= number <= LARGEST_INT64:
        raise ValueError("a number out of every reason")
    return number


def _id(value: Any) -> int:
    return _integer(value, least=1)


def read_server(answer: Any) -> tuple[str, int, str]:
    """Return the version, the database's schema and the status."""
    status = answer.system_status
    version = (answer.version.version or "")[:SHORT_TEXT]
    return version, _integer(status.app_schema), status.status


def read_ids(answer: Any) -> list[int]:
    return [_id(image.id) for image in answer.find_images.images]


def read_raw_rating(answer: Any) -> int | None:
    """Return the rating as Stash has it, also outside 1 to 100: it may be written back."""
    if not answer.find_image:  # sgqlc: empty, not None
        raise UnknownImage("")
    rating100: int | None = answer.find_image.rating100
    return rating100 and _integer(rating100, least=-LARGEST_INT64)


def read_rated(answer: Any) -> None:
    if not answer.image_update:
        raise Refused("it did not take the rating")


@dataclass(frozen=True)
class SavedFilter:
    """A saved filter for images: its search and its criteria, as Stash's pages wrote them."""

    id: int
    name: str
    words: str = ""
    criteria: Mapping[str, Any] | None = None


def read_details(answer: Any) -> ImageDetails | None:
    found = answer.find_image
    if not found:
        return None
    return ImageDetails(
        _image(found, answer.system_status),
        filename=_text(found.visual_files[0].basename) if found.visual_files else "",
        code=_text(found.code),
        photographer=_text(found.photographer),
        details=_text(found.details),
        o_counter=_integer(found.o_counter or 0),
        came_at=_moment(found.created_at),
    )


def _moment(text: Any) -> datetime:
    """Read a time of Stash, which may have no zone; the result is in UTC."""
    moment = datetime.fromisoformat(str(text))
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_saved_filters(answer: Any) -> list[SavedFilter]:
    return [SavedFilter(_id(one.id), _text(one.name)) for one in answer.find_saved_filters]


def read_saved_filter(answer: Any) -> SavedFilter | None:
    found = answer.find_saved_filter
    if not found:
        return None
    words = found.find_filter.q if found.find_filter else ""
    criteria = found.object_filter
    if not isinstance(criteria, Mapping | None):
        raise TypeError("criteria that are no map")
    return SavedFilter(_id(found.id), _text(found.name), _text(words), criteria)


def read_is_decimal(answer: Any) -> bool:
    """Whether ratings are shown as decimals, and not as stars."""
    options = answer.configuration.ui.get("ratingSystemOptions")
    return isinstance(options, Mapping) and options.get("type") == "decimal"


def read_known(answer: Any) -> list[Known]:
    return [
        *(_known_as("filter", one, one.name) for one in answer.find_saved_filters),
        *(_known_as("tag", one, one.name, one.aliases) for one in answer.find_tags.tags),
        *(
            _known_as("performer", one, _performer_name(one), [one.name, *one.alias_list])
            for one in answer.find_performers.performers
        ),
        *(_known_as("gallery", one, _gallery_name(one)) for one in answer.find_galleries.galleries),
        *(_known_as("studio", one, one.name, one.aliases) for one in answer.find_studios.studios),
    ]


def _known_as(kind: str, found: Any, name: str, aliases: Iterable[str] = ()) -> Known:
    return Known(kind, _id(found.id), _text(name), tuple(map(_text, aliases)))


def read_arrival(answer: Any) -> datetime | None:
    """The moment at which the newest image came, in UTC; None if there is no image."""
    for image in answer.find_images.images:
        return _moment(image.created_at)
    return None


def read_dates(answer: Any) -> list[tuple[int, date]]:
    """The images that have a whole date."""
    found = list[tuple[int, date]]()
    for image in answer.find_images.images:
        with suppress(ValueError):
            found.append((_id(image.id), date.fromisoformat(image.date or "")))
    return found


def read_count(answer: Any) -> int:
    return _integer(answer.find_images.count)


def read_ids_and_count(found: Any) -> tuple[list[int], int]:
    """Return the ids of a part of the images that were found, and the number of all."""
    return [_id(image["id"]) for image in found["images"]], _integer(found["count"])


def read_images(answer: Any) -> list[Image]:
    status = answer.system_status
    if status.app_schema < OLDEST_SCHEMA or status.status in UNREADY:
        raise Refused("it is in no state to serve")
    return [_image(each, status) for each in answer.find_images.images]


def _image(found: Any, status: Any) -> Image:
    title = _text(found.title)
    is_old = status.app_schema < SCHEMA_WITH_TRUE_TITLES
    if is_old and title in {each.basename for each in found.visual_files}:
        title = ""
    return Image(
        id=_id(found.id),
        title=title,
        date=_text(found.date),
        # Stash takes any number, and shows none for 0.
        rating100=min(max(found.rating100 or 0, 0), 100) or None,
        studio=_named(found.studio, found.studio.name) if found.studio else None,
        performers=tuple(_named(one, _performer_name(one)) for one in found.performers),
        galleries=tuple(_named(one, _gallery_name(one)) for one in found.galleries),
        tags=tuple(_named(one, one.name) for one in found.tags),
        **_of_file(found.visual_files[0]) if found.visual_files else {},  # the primary file
    )


def _of_file(file: Any) -> dict[str, Any]:
    """Return the fields of an image that come from its file."""
    seconds = getattr(file, "duration", None) or 0.0
    fingerprint = _text(file.fingerprint or f"{file.size}-{file.mod_time}")
    return {
        "fingerprint": fingerprint[:SHORT_TEXT],
        "size": _integer(file.size),
        "width": _integer(max(file.width, 0)),  # -1 for a broken file
        "height": _integer(max(file.height, 0)),
        "duration": seconds if 0 < seconds < LONGEST_DURATION_S else 0.0,
    }


def _text(value: str | None) -> str:
    """Return the text without lone surrogates: SQLite does not take them."""
    return (value or "").encode(errors="replace").decode()


def _named(found: Any, name: str) -> Named:
    return Named(_id(found.id), _text(name))


def _performer_name(found: Any) -> str:
    """Return the name with the disambiguation, as in Stash: names alone are not unique."""
    detail = found.disambiguation
    return f"{found.name} ({detail})" if detail else found.name


def _gallery_name(gallery: Any) -> str:
    """Return the title, else the name of the gallery's archive or folder."""
    if gallery.title:
        return str(gallery.title)
    place = gallery.folder.path if gallery.folder else ""
    if gallery.files:
        place = gallery.files[0].basename
    name = re.split(r"[/\\]", place.rstrip("/\\"))[-1]  # the server may be a Windows
    return re.sub(r"\.(zip|cbz)$", "", name, flags=re.IGNORECASE)
