"""Sources of pictures, and the position of a chat in one. All values are frozen."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from .images import Facet


class SourceKind(StrEnum):
    """The kinds of sources; a NAME has not been looked up in Stash yet."""

    ALL = "all"
    FILTER = "filter"
    TAG = "tag"
    PERFORMER = "performer"
    GALLERY = "gallery"
    STUDIO = "studio"
    TODAY = "today"
    NEW = "new"
    LIKED = "liked"
    BEST = "best"
    UNRATED = "unrated"
    LIKE = "like"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Source:
    """Where pictures come from.

    `id` is Stash's id of the filter, tag, performer, gallery, studio or, for LIKE, image. For
    TODAY it is a day of the year as month × 100 + day, 0 for the present day. `name` is shown,
    or has the user's words for NAME.
    """

    kind: SourceKind
    id: int = 0
    name: str = field(default="", compare=False)

    @property
    def facet(self) -> Facet | None:
        """The facet of the feature that its images share, None if they share none."""
        return Facet(self.kind) if self.kind in _SHARED else None

    @property
    def key(self) -> str:
        """The source as short text: its kind and id, or the words of a NAME."""
        if self.kind is SourceKind.NAME:
            return f"{self.kind}:{self.name}"
        return f"{self.kind}:{self.id}" if self.id else str(self.kind)


_SHARED = frozenset({SourceKind.TAG, SourceKind.PERFORMER, SourceKind.GALLERY, SourceKind.STUDIO})


@dataclass(frozen=True)
class Place:
    """A source as Stash is asked for it.

    `among` is JSON of Stash's ImageFilterType, and `words` a text to search for. A source that
    is a list of images has their `ids` instead, in ascending order, and `scores` if those with
    high ones come first.
    """

    source: Source
    among: Mapping[str, Any] | None = None
    words: str = ""
    ids: Sequence[int] | None = None
    scores: Mapping[int, float] = field(default_factory=dict)

    @property
    def is_library(self) -> bool:
        """Whether each image of the library belongs to it."""
        return self.source.kind is SourceKind.ALL

    def is_same(self, other: Place) -> bool:
        """Whether both ask Stash the same; lists are the same whatever they hold."""
        mine, its = ((each.source, each.among, each.words) for each in (self, other))
        return mine == its

    def may_have(self, image_id: int) -> bool:
        """Whether the image is in the list, if it is one."""
        if self.ids is None:
            return True
        at = bisect_left(self.ids, image_id)
        return at < len(self.ids) and self.ids[at] == image_id


#: The whole library.
LIBRARY = Place(Source(SourceKind.ALL))


@dataclass(frozen=True, slots=True)
class Shuffle:
    """A chat's position in the library, in Stash's order `random_<seed>`.

    `offset` counts the images before the page in use. At `exhausted_at` a whole pass had found
    nothing unseen, up to the image id `newest_id`; both are unset while there may be more.
    """

    seed: int
    offset: int = 0
    exhausted_at: datetime | None = None
    newest_id: int = 0
