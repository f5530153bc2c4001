"""The values that the parts of the program give to each other. All are frozen."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any


class Kind(StrEnum):
    """The form in which a file is sent: the name of the Bot API's method and field for it."""

    PHOTO = "photo"
    ANIMATION = "animation"
    VIDEO = "video"
    DOCUMENT = "document"


class Priority(IntEnum):
    """The order of jobs. READY jobs need only Telegram; a user waits for USER jobs."""

    READY = 0
    USER = 1
    SCHEDULE = 2
    BACKGROUND = 3


class Trigger(StrEnum):
    """The source of a request for pictures."""

    COMMAND = "command"
    SCHEDULE = "schedule"
    VOTE = "vote"


class Vote(StrEnum):
    """A user's opinion of an image."""

    LIKE = "like"
    DISLIKE = "dislike"


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
class Press:
    """A user presses a vote button under an image; `vote` is the state that it asks for."""

    update_id: int
    chat_id: int
    user_id: int
    image_id: int
    vote: Vote | None


@dataclass(frozen=True, slots=True)
class VoteCounts:
    """The votes on one image; or on all images with one feature, and the pictures of it shown."""

    likes: int = 0
    dislikes: int = 0
    shown: int = 0


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A feature whose images are not sent to a chat; `id` is the id of this exclusion."""

    id: int
    feature: Feature


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
        """The source as short text, without the name of what Stash knows by its id."""
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
class Upload:
    """A file in a form that Telegram takes; the receiver of a document sees `filename`.

    It lies on the disk, with `size` in bytes. `width`, `height` (pixels) and `duration` (seconds)
    are 0 if they are unknown.
    """

    kind: Kind
    filename: str
    path: Path
    size: int
    width: int = 0
    height: int = 0
    duration: float = 0.0


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file that Telegram has from the bot already."""

    kind: Kind
    file_id: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that Telegram has sent: its id, and the file in it."""

    message_id: int
    file: KnownFile


@dataclass(frozen=True, slots=True)
class Request:
    """A request for `count` pictures, made at `requested_at` (UTC).

    `source` is the key of its source, empty for the chat's standing one. A scheduled request
    has the times `when` of its schedule, and the moment `due` (UTC).
    """

    id: int
    chat_id: int
    user_id: int
    count: int
    trigger: Trigger
    requested_at: datetime
    language: str
    source: str = ""
    when: str = ""
    due: datetime | None = None

    @property
    def priority(self) -> Priority:
        return Priority.SCHEDULE if self.trigger is Trigger.SCHEDULE else Priority.USER


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of the bot, and the image in it."""

    message_id: int
    image_id: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule: `count` pictures for a chat, at the times `when`, in the user's words.

    `zone` is an IANA name, empty for the bot's time zone. `is_fixed` schedules stand in the
    settings. The moments up to `handled_until` (UTC) are served or given up. `source` is the key
    of its source with the name to show, empty for the chat's standing one. `language` is that
    of the chat, empty if it has not written yet.
    """

    id: int
    chat_id: int
    when: str
    zone: str
    count: int
    source: str
    source_name: str
    is_fixed: bool
    handled_until: datetime
    language: str


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


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message; `data` (1 to 64 bytes) comes back when it is pressed."""

    text: str
    data: str


#: Buttons under a message, at most eight in a row.
Rows = Sequence[Sequence[Button]]


@dataclass(frozen=True)
class Reply:
    """A message with a list in it, and the buttons under it."""

    text: str
    rows: Rows = ()
