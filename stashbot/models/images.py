"""Images in Stash, and the names that they share. All values are frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Facet(StrEnum):
    """A property that images share, or, for IMAGE, an image itself."""

    IMAGE = "image"
    PERFORMER = "performer"
    TAG = "tag"
    GALLERY = "gallery"
    STUDIO = "studio"


@dataclass(frozen=True, slots=True)
class Feature:
    """A performer, tag, gallery or studio that images share, or an image; `id` is Stash's."""

    facet: Facet
    id: int
    name: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Named:
    """A performer, tag, gallery or studio: its id in Stash and its name."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image in Stash, with the fields that a caption and the choice need.

    `date` is YYYY, YYYY-MM, YYYY-MM-DD or empty; `rating100` 1 to 100, or None. `fingerprint`
    changes with the file's content. `size` (bytes), `width`, `height` (pixels) and `duration`
    (seconds) are 0 if Stash does not know them.
    """

    id: int
    title: str = ""
    date: str = ""
    rating100: int | None = None
    studio: Named | None = None
    performers: tuple[Named, ...] = ()
    galleries: tuple[Named, ...] = ()
    tags: tuple[Named, ...] = ()
    fingerprint: str = ""
    size: int = 0
    width: int = 0
    height: int = 0
    duration: float = 0.0

    @property
    def itself(self) -> Feature:
        """The image as a feature."""
        return Feature(Facet.IMAGE, self.id, self.title)

    @property
    def features(self) -> tuple[Feature, ...]:
        """The features that it shares with others, the most telling facets first."""
        studios = (self.studio,) if self.studio else ()
        shared = (
            (Facet.PERFORMER, self.performers),
            (Facet.GALLERY, self.galleries),
            (Facet.STUDIO, studios),
            (Facet.TAG, self.tags),
        )
        return tuple(Feature(facet, each.id, each.name) for facet, all in shared for each in all)


@dataclass(frozen=True, slots=True)
class ImageDetails:
    """All that Stash knows of an image but its place; `came_at` is in UTC, if it is known."""

    image: Image
    filename: str = ""
    code: str = ""
    photographer: str = ""
    details: str = ""
    o_counter: int = 0
    came_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A feature whose images are not sent to a chat; `id` is the id of this exclusion."""

    id: int
    feature: Feature
