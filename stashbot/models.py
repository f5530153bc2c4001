"""The values that the parts of the program hand to each other. All are frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum


class Kind(StrEnum):
    """How a file goes out: the name of the Bot API's method and field for it."""

    PHOTO = "photo"
    ANIMATION = "animation"
    VIDEO = "video"
    DOCUMENT = "document"


class Priority(IntEnum):
    """Who waits for something: a person, the clock, or nobody. The first is served first."""

    USER = 0
    SCHEDULE = 1
    BACKGROUND = 2


class Trigger(StrEnum):
    """What asked for a picture."""

    COMMAND = "command"
    SCHEDULE = "schedule"
    VOTE = "vote"


class Vote(StrEnum):
    """What a person thinks of an image."""

    LIKE = "like"
    DISLIKE = "dislike"


class Facet(StrEnum):
    """In which respect images can be alike, or, for IMAGE, be one and the same."""

    IMAGE = "image"
    PERFORMER = "performer"
    TAG = "tag"
    GALLERY = "gallery"
    STUDIO = "studio"


@dataclass(frozen=True, slots=True)
class Feature:
    """A performer, tag, gallery or studio that images share, or an image itself.

    `id` is its id in Stash; two features are one if they have facet and id in common.
    """

    facet: Facet
    id: int
    name: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Ballot:
    """What a person has said of an image: the vote, or None after it was taken back.

    `id` grows with each change, whoever makes it. `pressed` and `shown` tell of the press
    that it came from: which button, on a keyboard that showed all up to which ballot.
    `chat_id` is where that was.
    """

    id: int
    chat_id: int
    vote: Vote | None
    pressed: Vote
    shown: int


@dataclass(frozen=True, slots=True)
class Press:
    """Somebody presses a thumb under an image, on a keyboard that showed ballots up to `shown`.

    One that `is_ticked` showed a vote of the presser's own.
    """

    update_id: int
    chat_id: int
    user_id: int
    image_id: int
    thumb: Vote
    shown: int
    is_ticked: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """The votes on an image that a chat sees, and the newest ballot they come from."""

    likes: int = 0
    dislikes: int = 0
    newest: int = 0


@dataclass(frozen=True, slots=True)
class Rating:
    """What is to be done about the rating of an image in Stash, and what was done.

    `target` is the `rating100` to be written, for the vote with the id `ballot`; None for the
    one from `before`, which counts from the ballot `since` on. `told` is the last that Stash
    was told, None if nothing yet, and `announced` the ballot that was for. Whether it has
    heard that may not be sure; then `seen` is what it had until then. `queued` is the ballot
    that asks for this; a later one replaces it.
    """

    image_id: int
    queued: int
    ballot: int | None
    target: int | None
    told: int | None = None
    before: int | None = None
    is_sure: bool = True
    seen: int | None = None
    announced: int = 0
    since: int = 0


@dataclass(frozen=True, slots=True)
class Exclusion:
    """What a chat does not want to be sent, by its number there."""

    id: int
    feature: Feature


@dataclass(frozen=True, slots=True)
class Named:
    """A performer, tag, gallery or studio: its id in Stash and what it is called."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image in Stash, with the few fields that a caption and the choice need.

    `date` is as Stash has it: YYYY, YYYY-MM or YYYY-MM-DD, or empty. `rating100` is
    1 to 100, None for none. `fingerprint` changes when the file's content does;
    `width`, `height` (pixels) and `duration` (seconds) are 0 where Stash does not
    know them; so is the file's `size` (bytes). `source` is the path of the file on the
    server, with the query.
    """

    id: int
    source: str = ""
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
        """The image as something to be named or excluded."""
        return Feature(Facet.IMAGE, self.id, self.title)

    @property
    def features(self) -> tuple[Feature, ...]:
        """What it shares with others, the most telling facets first."""
        shared = (
            (Facet.PERFORMER, self.performers),
            (Facet.GALLERY, self.galleries),
            (Facet.STUDIO, (self.studio,) if self.studio else ()),
            (Facet.TAG, self.tags),
        )
        return tuple(Feature(facet, each.id, each.name) for facet, all in shared for each in all)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in a form that Telegram takes.

    `kind` says by which method; `filename` is what the receiver sees of a document.
    `width`, `height` (pixels) and `duration` (seconds) are 0 where unknown.
    """

    kind: Kind
    filename: str
    data: bytes
    width: int = 0
    height: int = 0
    duration: float = 0.0


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file that Telegram has from us already, and how it went out."""

    kind: Kind
    file_id: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What Telegram made of a message: its id, and the file in it."""

    message_id: int
    file: KnownFile


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody, or the clock, wants `count` pictures in a chat.

    `requested_at` is in UTC; `language` is that of the messages about it. What the clock
    wants has the standing order `when` it came from, and the moment `due`, in UTC.
    """

    id: int
    chat_id: int
    user_id: int
    count: int
    trigger: Trigger
    requested_at: datetime
    language: str
    when: str = ""
    due: datetime | None = None

    @property
    def priority(self) -> Priority:
        """Who waits for it."""
        return Priority.SCHEDULE if self.trigger is Trigger.SCHEDULE else Priority.USER


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of ours, and the image in it."""

    message_id: int
    image_id: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """A standing order: `count` pictures for a chat, `when` in the words it was given in.

    `zone` is the IANA name of its time zone, empty for the bot's own. One that `is_fixed`
    stands in the settings. `handled_until`, in UTC, is the moment up to which it has been
    served, or given up; `language` is that of its chat, empty where it has not written yet.
    """

    id: int
    chat_id: int
    when: str
    zone: str
    count: int
    is_fixed: bool
    handled_until: datetime
    language: str


@dataclass(frozen=True, slots=True)
class Walk:
    """A chat's way through the library: where it is in the order `random_<seed>`.

    `offset` counts the images before the page in use. `exhausted_at` is when a whole
    pass found nothing unseen, `newest_id` the highest image id of that pass; both are
    unset while there may be more to see.
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
