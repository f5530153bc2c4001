"""The client of Stash: questions as methods, answers as values, failures as our errors.

All methods but `rate` only read, so that they may be repeated. `rate` writes a rating and
nothing else.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
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
    wait_exponential_jitter,
)

from ..errors import Interrupted, StashError, StashProblem
from ..models import Facet, Feature, Image
from ..runtime.backoff import JITTER
from ..runtime.outage import Outage
from . import queries
from .http import TIMEOUTS, Refused, StashHttp, Timeouts, too_old
from .queries import Query, QueryFailed, UnknownImage

#: Tries of one question.
TRIES = 4
#: No further try starts later than this after the first: users hear within 5 s about trouble.
PATIENCE_S = 2.5
#: Between tries of a Stash that has long been away.
LONGEST_PAUSE_S = 20.0
#: The database schema of the oldest release that is served, 0.26.
OLDEST_SCHEMA = 58
#: The first release with each schema; several releases share one.
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

    Asks the Stash at `url` (a path prefix included), with `api_key` if there is one. A passing
    failure is tried again, `TRIES` times within `PATIENCE_S`. Once `stop` is set, each call
    ends with Interrupted between two pieces of an answer.

    Every method raises StashError when Stash is away, refuses us or cannot serve, and reports
    that to `outage`, as it reports each answer of a Stash that serves.
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
        self._connection = StashHttp(url, api_key, stop, pace)
        self._clock = clock
        self._is_checked = False
        self._backoff = wait_exponential_jitter(
            multiplier=pace.pause, max=PATIENCE_S, jitter=JITTER * pace.pause
        )
        self._retrying = Retrying(
            retry=retry_if_exception(_is_passing),
            stop=stop_after_attempt(TRIES)
            | stop_before_delay(PATIENCE_S)
            | stop_when_event_set(stop),
            wait=self._pause,
            sleep=sleep_using_event(stop),
            reraise=True,
        )

    def page(self, seed: int, offset: int, size: int) -> list[Image]:
        """Return `size` images from `offset` on, a multiple of `size`, in the order of `seed`.

        The order depends on seed and ids alone. A shorter page is the last one.
        """
        return self._ask(queries.PAGE, queries.shuffled(seed, offset, size))

    def ids(self, seed: int, offset: int, size: int) -> list[int]:
        """Return the ids of the images of the same `page`."""
        return self._ask(queries.IDS, queries.shuffled(seed, offset, size))

    def newer_ids(self, after: int, limit: int) -> list[int]:
        """Return the first `limit` ids above `after`, ascending.

        Ids up to `after` are dropped: a Stash that ignores the filter answers them, and a
        loop that goes on from the last id would never end.
        """
        found = self._ask(queries.IDS, queries.newer(after, limit))
        return sorted(id for id in found if id > after)[:limit]

    def ids_with(self, features: Iterable[Feature], patience: float | None = None) -> set[int]:
        """Return the ids of these images, and of all images of these galleries and performers.

        `patience` as for `server`.
        """
        by_facet = _by_facet(features)
        alone = by_facet.pop(Facet.IMAGE, [])
        asked = (queries.sharing(facet, ids) for facet, ids in by_facet.items())
        shared = (id for each in asked for id in self._ask(queries.IDS, each, patience))
        return {*alone, *shared}

    def images(self, ids: Sequence[int]) -> list[Image]:
        """Return the images with these ids, in this order, each once, without unknown ones."""
        wanted = [str(id) for id in dict.fromkeys(ids)]
        if not wanted:  # Stash would answer the first 25
            return []
        try:
            return self._ask(queries.IMAGES_BY_ID, {"ids": wanted})
        except UnknownImage:
            found = (self._ask(queries.IMAGE_BY_ID, {"id": id}) for id in wanted)
            return [image for image in found if image]

    def count(self, patience: float | None = None) -> int:
        """Return the number of images; `patience` as for `server`."""
        return self._ask(queries.COUNT, {}, patience)

    def server(self, patience: float | None = None) -> ServerState:
        """Return the state of Stash; StashError if it is too old or in no state to serve.

        `patience` is the time limit of an exchange in seconds, in place of the usual one. A
        time-out after it is not reported to `outage`.
        """
        with self._reported(patience):
            return self._check(patience)

    def rating(self, image_id: int) -> int | None:
        """Return the image's `rating100` as it stands in Stash, None for none.

        UnknownImage if there is no such image.
        """
        return self._ask(queries.RATING, {"id": str(image_id)})

    def rate(self, image_id: int, rating100: int | None) -> None:
        """Give an image this rating (1 to 100), or none. UnknownImage as for `rating`.

        It is tried once: after a failure Stash may have the rating or not. Its failures are no
        outage.
        """
        change = {"id": str(image_id), "rating100": rating100}
        self._ask(queries.RATE, {"input": change}, is_repeatable=False)

    def download(self, image: Image, limit: int) -> bytes:
        """Return the image's file as it is in the library, of at most `limit` bytes.

        ImageUnusable if it is larger, gone or empty, or if Stash has only a placeholder.
        """
        with self._reported():
            data: bytes = self._retrying(self._connection.fetch, image.source, limit)
        return data

    def silent_for(self) -> float:
        """Return the seconds since the oldest exchange without a byte of an answer began.

        0 while no thread waits for an answer.
        """
        return self._connection.silent_for()

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
        """Put a question.

        The state of Stash is asked before the first one, and after a refusal to explain it.
        """
        put = partial(self._put, question, variables, patience)
        with self._reported(patience, is_read=is_repeatable):
            if not self._is_checked:
                self._check(patience)
            try:
                return self._retrying(put) if is_repeatable else put()
            except Refused as refusal:
                self._check(patience)
                raise QueryFailed(refusal.problem, str(refusal)) from None

    def _check(self, patience: float | None) -> ServerState:
        """Ask for the state of Stash, and raise the error that it means."""
        began = self._clock()
        try:
            version, app_schema, status = self._retrying(self._put, queries.SERVER, {}, patience)
        except Refused as refusal:
            raise StashError(refusal.problem, str(refusal)) from None
        if app_schema < OLDEST_SCHEMA:
            raise too_old(_release(app_schema))
        if status in _STATES:
            raise StashError(*_STATES[status])
        self._is_checked = True
        # A build from the source has no version.
        release = version.removeprefix("v") or _release(app_schema)
        return ServerState(release, app_schema, self._clock() - began)

    def _put(self, question: Query[T], variables: dict[str, Any], patience: float | None) -> T:
        return question.answer(self._connection.ask(question.body(variables), patience))

    @contextmanager
    def _reported(self, patience: float | None = None, *, is_read: bool = True) -> Iterator[None]:
        """Report the end of the block to the outage.

        Two failures are no outage: a time-out of a hasty caller, and that of a write, as Stash
        may still serve reads.
        """
        try:
            yield
        except (UnknownImage, QueryFailed):  # Stash serves
            self.outage.up()
            raise
        except Interrupted:
            raise
        except StashError as error:
            is_hasty = patience is not None and error.problem is StashProblem.SLOW
            if is_read and not is_hasty:
                self.outage.down(error, error.retry_after)
            raise
        self.outage.up()

    def _pause(self, state: RetryCallState) -> float:
        """Return the seconds before the next try: as a proxy asked, else growing."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, StashError) else None
        return asked or self._backoff(state)


def _by_facet(features: Iterable[Feature]) -> dict[Facet, list[int]]:
    ids = defaultdict(list)
    for feature in features:
        ids[feature.facet].append(feature.id)
    return ids


def _is_passing(error: BaseException) -> bool:
    """Tell whether to try again. After a time-out an answer would come too late."""
    passing = (StashProblem.UNREACHABLE, StashProblem.BROKEN)
    return type(error) is StashError and error.problem in passing


def _release(app_schema: int) -> str:
    """Return the first release with a database schema."""
    begun = [first for first in RELEASES if first <= app_schema]
    return RELEASES[max(begun)] if begun else "0.19 or older"
