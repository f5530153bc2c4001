"""Stash, as the rest of the program asks it: values out, failures as our errors.

Everything here only reads, so that every request may be repeated; all but `rate`, which is
not, and which tells Stash a rating and nothing else.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_after_attempt,
    stop_before_delay,
    stop_when_event_set,
)

from ..errors import StashError, StashProblem
from ..models import Facet, Feature, Image
from ..runtime.outage import Outage
from . import queries
from .http import TIMEOUTS, Refused, StashHttp, Timeouts, too_old
from .queries import Query, QueryFailed, UnknownImage

#: How often a question is put, and the seconds after which it is not put once more: who
#: asked for a picture hears within 5 s that Stash is away.
TRIES, PATIENCE = 4, 2.5
#: Between tries of a Stash that has long been away.
LONGEST_PAUSE_S = 20.0
#: The database schema of the oldest release that we speak to, 0.26, and the releases by
#: the schema that they began with (several share one).
OLDEST_SCHEMA = 58
RELEASES = {
    45: "0.20", 46: "0.21", 48: "0.22", 52: "0.23", 54: "0.24", 55: "0.25",
    58: "0.26", 67: "0.27", 72: "0.28", 75: "0.30",
}  # fmt: skip

T = TypeVar("T")

_STATES = {
    "SETUP": (StashProblem.NEEDS_SETUP, "it has not been set up yet"),
    "NEEDS_MIGRATION": (StashProblem.NEEDS_MIGRATION, "its database needs a migration"),
}


@dataclass(frozen=True, slots=True)
class ServerState:
    """A Stash that can serve us: its release, its database's schema, its response time.

    `seconds` counts from the question to the answer, retries included.
    """

    version: str
    app_schema: int
    seconds: float


class StashClient:
    """Thread-safe; each thread has a session of its own.

    Asks the Stash at `url` (a path prefix included), with `api_key` if there is one. What
    fails in passing is tried again, `TRIES` times within `PATIENCE` seconds. Once `stop`
    is set, whatever goes on ends with a StashError between two pieces of an answer. It
    does not remember what it was told, but for the fact that the server is able to serve.

    Every method raises StashError when Stash is away, refuses us or cannot serve.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        stop: threading.Event,
        *,
        pace: Timeouts = TIMEOUTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.outage = Outage("stash", LONGEST_PAUSE_S)
        #: Grows whenever Stash has answered.
        self.answers = 0
        self._connection = StashHttp(url, api_key, stop, pace)
        self._pace = pace
        self._clock = clock
        self._is_known_good = False
        self._retrying = Retrying(
            retry=retry_if_exception(_is_passing),
            stop=stop_after_attempt(TRIES)
            | stop_before_delay(PATIENCE)
            | stop_when_event_set(stop),
            wait=self._pause,
            sleep=sleep_using_event(stop),
            reraise=True,
        )

    def page(self, seed: int, offset: int, size: int) -> list[Image]:
        """The `size` images from `offset` on, a multiple of `size`, in the order of `seed`.

        The order depends on seed and ids alone. A shorter page is the last one.
        """
        return self._ask(queries.PAGE, queries.shuffled(seed, offset, size))

    def ids(self, seed: int, offset: int, size: int) -> list[int]:
        """The ids of the images that `page` would give."""
        return self._ask(queries.IDS, queries.shuffled(seed, offset, size))

    def newer_ids(self, after: int, limit: int) -> list[int]:
        """The first `limit` ids above `after`, ascending."""
        return self._ask(queries.IDS, queries.newer(after, limit))

    def ids_with(self, features: Iterable[Feature], patience: float | None = None) -> set[int]:
        """The ids of these images, and of all those of these galleries and performers.

        `patience` as for `server`.
        """
        by_facet = _by_facet(features)
        alone = by_facet.pop(Facet.IMAGE, [])
        asked = (queries.sharing(facet, ids) for facet, ids in by_facet.items())
        shared = (id for each in asked for id in self._ask(queries.IDS, each, patience))
        return {*alone, *shared}

    def images(self, ids: Sequence[int]) -> list[Image]:
        """The images with these ids, in this order and each once, without the unknown ones."""
        wanted = [str(id) for id in dict.fromkeys(ids)]
        if not wanted:  # which Stash would take for: the first 25
            return []
        try:
            return self._ask(queries.IMAGES_BY_ID, {"ids": wanted})
        except UnknownImage:
            found = (self._ask(queries.IMAGE_BY_ID, {"id": id}) for id in wanted)
            return [image for image in found if image]

    def count(self, patience: float | None = None) -> int:
        """How many images there are; `patience` as for `server`."""
        return self._ask(queries.COUNT, {}, patience)

    def server(self, patience: float | None = None) -> ServerState:
        """Which Stash it is; StashError if it is too old or in no state to serve.

        `patience` is the number of seconds to wait for an answer where somebody waits for
        ours, in place of the usual ones.
        """
        began = self._clock()
        try:
            version, app_schema, status = self._retrying(self._put, queries.SERVER, {}, patience)
        except Refused as refusal:
            raise StashError(refusal.problem, str(refusal)) from None
        if app_schema < OLDEST_SCHEMA:
            raise too_old(_release(app_schema))
        if status in _STATES:
            raise StashError(*_STATES[status])
        self._is_known_good = True
        # Stash leaves the version empty where somebody built it himself.
        release = version.removeprefix("v") or _release(app_schema)
        return ServerState(release, app_schema, self._clock() - began)

    def rating(self, image_id: int) -> int | None:
        """The image's `rating100` as it stands in Stash, None for none.

        UnknownImage if there is no such image.
        """
        return self._ask(queries.RATING, {"id": str(image_id)})

    def rate(self, image_id: int, rating100: int | None) -> None:
        """Give an image this rating (1 to 100), or none. UnknownImage as for `rating`.

        It is tried once: a failure leaves open whether Stash has heard it.
        """
        told = {"id": str(image_id), "rating100": rating100}
        self._ask(queries.RATE, {"input": told}, is_repeatable=False)

    def download(self, image: Image, limit: int) -> bytes:
        """The image's file as it is in the library; ImageUnusable if it has over `limit` bytes.

        ImageUnusable too if the file is gone or empty, or Stash has only a placeholder.
        """
        data: bytes = self._retrying(self._connection.fetch, image.source, limit)
        self.answers += 1
        return data

    def close_thread(self) -> None:
        """Close the session of the calling thread; a later call opens another."""
        self._connection.close_thread()

    def _ask(
        self,
        question: Query[T],
        variables: dict[str, Any],
        patience: float | None = None,
        *,
        is_repeatable: bool = True,
    ) -> T:
        """What Stash answers; whether it is able to is looked at first, if need be."""
        put = partial(self._put, question, variables, patience)
        try:
            if not self._is_known_good:
                self.server(patience)
            return self._retrying(put) if is_repeatable else put()
        except UnknownImage:
            raise
        except Refused as refusal:
            self._is_known_good = False
            self.server(patience)  # which knows better what is wrong, if anything is
            raise QueryFailed(refusal.problem, str(refusal)) from None
        except StashError:
            self._is_known_good = False
            raise

    def _put(self, question: Query[T], variables: dict[str, Any], patience: float | None) -> T:
        answer = question.answer(self._connection.ask(question.body(variables), patience))
        self.answers += 1
        return answer

    def _pause(self, tries: RetryCallState) -> float:
        """Seconds before the next try: what a proxy asked for, else more each time."""
        error = tries.outcome.exception() if tries.outcome else None
        asked = error.retry_after if isinstance(error, StashError) else None
        return asked or self._pace.pause * 3.0 ** (tries.attempt_number - 1)


def _by_facet(features: Iterable[Feature]) -> dict[Facet, list[int]]:
    ids = defaultdict(list)
    for feature in features:
        ids[feature.facet].append(feature.id)
    return ids


def _is_passing(error: BaseException) -> bool:
    """Whether the next try may do; what came after a time-out would come too late."""
    passing = (StashProblem.UNREACHABLE, StashProblem.BROKEN)
    return type(error) is StashError and error.problem in passing


def _release(app_schema: int) -> str:
    """The release that a database schema began with."""
    begun = [first for first in RELEASES if first <= app_schema]
    return RELEASES[max(begun)] if begun else "0.19 or older"
