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
    """How soon a job runs; the lowest number comes first.

    READY jobs need only Telegram; USER jobs have a user who waits; SCHEDULE jobs were asked for
    by a schedule; no user waits for BACKGROUND jobs.
    """

    READY = 0
    USER = 1
    SCHEDULE = 2
    BACKGROUND = 3


class Trigger(StrEnum):
    """What asked for a picture."""

    COMMAND = "command"
    SCHEDULE = "schedule"
    VOTE = "vote"


class Vote(StrEnum):
    """A user's opinion of an image."""

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
class Press:
    """A user presses a vote button under an image; `vote` is the state that it asks for."""

    update_id: int
    chat_id: int
    user_id: int
    image_id: int
    vote: Vote | None


@dataclass(frozen=True, slots=True)
class StoredVote:
    """A user's last vote on an image: the vote, or None after it was taken back.

    `id` grows with each change by any user. The vote counts in the chat `chat_id`, and in the
    user's private chat. `taken_back` is the vote that the last change took back, if it did;
    `voted_at` (UTC) is the time of that change. `update_id` is the last update that was read.
    """

    id: int
    chat_id: int
    vote: Vote | None
    taken_back: Vote | None
    voted_at: datetime
    update_id: int


@dataclass(frozen=True, slots=True)
class VoteCounts:
    """The votes on one image, or on all images with one feature.

    `shown` is how many pictures with that feature the chat was sent; 0 for one image.
    """

    likes: int = 0
    dislikes: int = 0
    shown: int = 0


@dataclass(frozen=True, slots=True)
class Rating:
    """A rating that waits to be written to Stash, and the bot's knowledge of Stash.

    `queued` is the id of the change of a vote that asks for it. `target` is the `rating100`
    to write, None to restore the rating `before`. `is_new` is true until the write for a
    vote that was given is announced. `written` is the value that the bot has written, and
    `before` the value that it replaced. `announced` is set from the announcement of a write
    to its confirmation: Stash has this value, or still the one from before the write.
    """

    image_id: int
    queued: int
    target: int | None
    is_new: bool = True
    written: int | None = None
    announced: int | None = None
    before: int | None = None


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
class Shuffle:
    """A chat's position in the library: in Stash's order `random_<seed>`.

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
