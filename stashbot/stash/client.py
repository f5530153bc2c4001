"""The client of Stash: questions as methods, answers as values, failures as our errors.

All methods but `rate` only read, so that they may be repeated. `rate` writes a rating and
nothing else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import tenacity

from ..errors import Interrupted, StashError, StashProblem
from ..models import LIBRARY, Facet, Feature, Image, ImageDetails, Place
from ..rules.names import Known
from ..runtime.outage import Outage
from . import queries, sharing
from .answers import OLDEST_SCHEMA, SavedFilter, UnknownImage
from .http import TIMEOUTS, Refused, StashHttp, Timeouts
from .queries import Query, QueryFailed
from .sharing import Sharing

#: Tries of one question.
TRIES = 4
#: No further try starts later than this after the first: users hear within 5 s about trouble.
PATIENCE_S = 2.5
#: Between tries of a Stash that has long been away.
LONGEST_PAUSE_S = 20.0
#: The most saved filters, and names of a kind, that one answer may have.
MOST_NAMES = 1000
T = TypeVar("T")

_STATES = {
    "SETUP": (StashProblem.NEEDS_SETUP, "it has not been set up yet"),
    "NEEDS_MIGRATION": (StashProblem.NEEDS_MIGRATION, "its database needs a migration"),
}


@dataclass(frozen=True, slots=True)
class ServerState:
    """A Stash that can serve us. `seconds` is its response time, retries included."""

    version: str
    app_schema: int
    seconds: float


class StashClient:
    """Thread-safe; each thread has a session of its own.

    Asks the Stash at `url` (a path prefix included), with `api_key` if there is one. `ca` is a
    file with certificates to trust besides the machine's own, if there is one. A passing failure
    is tried again, `TRIES` times within `PATIENCE_S`. Once `stop` is set, each call ends with
    Interrupted between two pieces of an answer.

    Every method raises StashError when Stash is away, refuses us or cannot serve, and reports
    that to `outage`, as it reports each answer of a Stash that serves. `patience` is the time
    limit of an exchange in seconds, in place of the usual one; a time-out after it is no outage.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        stop: threading.Event,
        *,
        ca: str = "",
        pace: Timeouts = TIMEOUTS,
    ) -> None:
        self.outage = Outage("stash", LONGEST_PAUSE_S)
        self._connection = StashHttp(url, api_key, stop, ca=ca, pace=pace)
        #: The seconds since the oldest exchange without a byte of an answer began, 0 for none.
        self.silent_for = self._connection.silent_for
        #: Closes the session of the calling thread; a later call opens another.
        self.close_thread = self._connection.close_thread
        self._is_checked = False
        self._backoff = tenacity.wait_exponential(multiplier=pace.pause, max=PATIENCE_S)
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_passing),
            stop=tenacity.stop_after_attempt(TRIES)
            | tenacity.stop_before_delay(PATIENCE_S)
            | tenacity.stop_when_event_set(stop),
            wait=self._pause,
            sleep=tenacity.sleep_using_event(stop),
            reraise=True,
        )

    def page(self, seed: int, offset: int, size: int, place: Place = LIBRARY) -> list[Image]:
        """Return `size` images from `offset` on, a multiple of `size`, in the order of `seed`.

        The order depends on seed and ids alone; new images have that of their arrival. A
        shorter page is the last one.
        """
        return self._ask(queries.PAGE, queries.shuffled(seed, offset, size, place))

    def ids(self, seed: int, offset: int, size: int, place: Place = LIBRARY) -> list[int]:
        """Return the ids of the images of the same `page`."""
        return self._ask(queries.IDS, queries.shuffled(seed, offset, size, place))

    def newer_ids(self, after: int, limit: int, place: Place = LIBRARY) -> list[int]:
        """Return the first `limit` ids above `after`, ascending.

        Ids up to `after` are dropped: a Stash that ignores the filter answers them, and a
        loop that goes on from the last id would never end.
        """
        found = self._ask(queries.IDS, queries.newer(after, limit, place))
        return sorted(id for id in found if id > after)[:limit]

    def sharing(self, among: Sequence[Mapping[str, Any]], limit: int, sort: str = "id") -> Sharing:
        """Return the first `limit` ids of the images that meet each condition, and the numbers."""
        return self._ask(sharing.question(len(among)), sharing.conditions(among, limit, sort))

    def dates(
        self, among: Mapping[str, Any], limit: int, sort: str = "id"
    ) -> list[tuple[int, date]]:
        """Return ids and dates of the first `limit` images that meet a condition."""
        return self._ask(queries.DATES, queries.matching(among, limit, sort))

    def newest_arrival(self) -> datetime | None:
        """Return the moment (UTC) at which the newest image came into the library, if any."""
        return self._ask(queries.NEWEST_ARRIVAL, {})

    def details(self, image_id: int) -> ImageDetails | None:
        """Return all that Stash knows of an image, None if it is not there any more."""
        return self._ask(queries.DETAILS, {"id": str(image_id)})

    def saved_filters(self) -> list[SavedFilter]:
        """Return the saved filters for images, without their criteria."""
        return self._ask(queries.SAVED_FILTERS, {})[:MOST_NAMES]

    def saved_filter(self, id: int, patience: float | None = None) -> SavedFilter | None:
        """Return a saved filter, None if it is not there any more."""
        return self._ask(queries.SAVED_FILTER, {"id": str(id)}, patience)

    def has_decimal_ratings(self) -> bool:
        """Tell whether the server's pages show ratings as decimals, and not as stars."""
        return self._ask(queries.RATING_SYSTEM, {})

    def names(self, spellings: Collection[str]) -> list[Known]:
        """Return all saved filters, and what has one of these texts in its name or an alias."""
        return self._ask(queries.NAMES, queries.named(spellings, MOST_NAMES))

    def ids_with(self, features: Collection[Feature], patience: float | None = None) -> set[int]:
        """Return the ids of these images, and of all images with one of these names."""
        found = {feature.id for feature in features if feature.facet is Facet.IMAGE}
        for facet in (Facet.GALLERY, Facet.PERFORMER, Facet.STUDIO, Facet.TAG):
            ids = [feature.id for feature in features if feature.facet is facet]
            if ids:  # without ids Stash would answer all images
                shared: list[int] = self._ask(queries.IDS, queries.sharing(facet, ids), patience)
                found.update(shared)
        return found

    def images(self, ids: Sequence[int]) -> list[Image]:
        """Return the images with these ids, in this order, each once, without unknown ones."""
        wanted = [str(id) for id in dict.fromkeys(ids)]
        while wanted:  # without ids Stash would answer the first 25
            try:
                images = self._ask(queries.IMAGES_BY_ID, {"ids": wanted})
                return [image for image in images if str(image.id) in wanted]
            except UnknownImage as unknown:
                if unknown.id not in wanted:
                    raise
                wanted.remove(unknown.id)
        return []

    def count(self, patience: float | None = None) -> int:
        return self._ask(queries.COUNT, {}, patience)

    def server(self, patience: float | None = None) -> ServerState:
        """Return the state of Stash; StashError if it is too old or in no state to serve."""
        with self._reported(patience):
            return self._check(patience)

    def rating(self, image_id: int) -> int | None:
        """Return the image's `rating100` as Stash has it, None for none. Raises UnknownImage."""
        return self._ask(queries.RATING, {"id": str(image_id)})

    def rate(self, image_id: int, rating100: int | None) -> None:
        """Give an image this rating (1 to 100), or none. Raises UnknownImage.

        It is tried once: after a failure Stash may have the rating or not.
        """
        change = {"id": str(image_id), "rating100": rating100}
        self._ask(queries.RATE, {"input": change}, is_repeatable=False)

    def download(self, image: Image, target: Path, limit: int) -> None:
        """Write an image's file to `target`; limit and errors are those of `StashHttp.fetch`."""
        with self._reported():
            self._retrying(self._connection.fetch, image.id, target, limit)

    def _ask(
        self,
        question: Query[T],
        variables: dict[str, Any],
        patience: float | None = None,
        *,
        is_repeatable: bool = True,
    ) -> T:
        """Put a question, after one for the state of Stash if that is not known yet.

        A question that has the state needs no other before it. After a refusal, the state is asked
        for again, to explain the refusal.
        """
        put = partial(self._put, question, variables, patience)
        with self._reported(patience, is_read=is_repeatable):
            # A Stash that cannot serve writes an error into its log at each other question.
            if not self._is_checked and (self.outage.error or not question.has_state):
                self._check(patience)
            try:
                answer = self._retrying(put) if is_repeatable else put()
            except Refused as refusal:
                self._check(patience)
                raise QueryFailed(refusal.problem, str(refusal)) from None
            self._is_checked = True
            return answer

    def _check(self, patience: float | None) -> ServerState:
        """Ask for the state of Stash, and raise the error that it means."""
        began = time.monotonic()
        name, app_schema, status = self._retrying(self._put, queries.SERVER, {}, patience)
        # A build from the source has no name.
        version = name.removeprefix("v") or f"with schema {app_schema}"
        if app_schema < OLDEST_SCHEMA:
            reason = f"Stash {version} is too old"
            raise StashError(StashProblem.TOO_OLD, reason, version=version)
        if status in _STATES:
            raise StashError(*_STATES[status])
        self._is_checked = True
        return ServerState(version, app_schema, time.monotonic() - began)

    def _put(self, question: Query[T], variables: dict[str, Any], patience: float | None) -> T:
        return question.answer(self._connection.ask(question.body(variables), patience))

    @contextmanager
    def _reported(self, patience: float | None = None, *, is_read: bool = True) -> Iterator[None]:
        """Report the end of the block, but no failed write: Stash may still serve reads."""
        try:
            yield
        except (UnknownImage, QueryFailed):  # Stash serves
            self.outage.up()
            raise
        except StashError as error:
            is_hasty = patience is not None and error.problem is StashProblem.SLOW
            if is_read and not is_hasty and not isinstance(error, Interrupted):
                self.outage.down(error, error.retry_after)
            raise
        self.outage.up()

    def _pause(self, state: tenacity.RetryCallState) -> float:
        """Return the seconds before the next try: as a proxy asked, else growing."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, StashError) else None
        return asked or self._backoff(state)


def _is_passing(error: BaseException) -> bool:
    """Tell whether to try again. After a time-out an answer would come too late."""
    passing = (StashProblem.UNREACHABLE, StashProblem.BROKEN)
    return type(error) is StashError and error.problem in passing
