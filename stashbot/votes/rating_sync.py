"""Writes ratings to Stash, one after the other, in the order of the votes.

`rules.ratings` decides the step for each image. Stash is asked for its rating first, and a
write is announced in the database before it, so a crash neither loses a write nor repeats it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ..errors import Interrupted, StashError, StoreError
from ..models import Priority
from ..rules.ratings import Rating, plan
from ..runtime.outage import Outage
from ..runtime.pool import Pool
from ..stash.client import StashClient
from ..stash.queries import QueryFailed, UnknownImage
from ..store.store import Store

log = structlog.get_logger()

#: Seconds until the next try after the database failed.
STORE_PAUSE_S = 20.0
#: The least seconds between two tries while Stash is away.
LEAST_PAUSE_S = 0.05
#: Seconds between looks at the queue while ratings that failed rest.
POLL_S = 5.0
#: Seconds that a rating rests after its first failure; they double with each further one.
FIRST_REST_S = 1.0
#: The most seconds that a rating rests.
LONGEST_REST_S = 3600.0


@dataclass(frozen=True)
class _Failure:
    """A rating that Stash did not take rests for `rest` seconds, until `again_at`."""

    again_at: float
    rest: float


class RatingSync:
    """Writes the ratings that wait when Stash is there. Thread-safe; `wake` returns at once.

    `write_ratings` is the setting of that name; with "never" the queue is left alone. A
    rating that Stash does not take rests, and the others go first.
    """

    def __init__(
        self,
        store: Store,
        stash: StashClient,
        outage: Outage,
        pool: Pool,
        *,
        write_ratings: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = store.ratings
        self._stash = stash
        self._outage = outage
        self._pool = pool
        self._may_write = write_ratings != "never"
        self._replaces_others = write_ratings == "always"
        self._clock = clock
        self._failures: dict[int, _Failure] = {}  # by `Rating.queued`

    def __len__(self) -> int:
        """The number of ratings that wait. Raises StoreError."""
        return len(self._queue) if self._may_write else 0

    def wake(self) -> None:
        """Look at the queue soon."""
        if self._may_write:
            self._pool.submit(self._work, lane=self, priority=Priority.SCHEDULE)

    def _work(self) -> float | None:
        """One turn; the seconds until the next, None if no rating waits."""
        try:
            return self._turn()
        except Interrupted:
            return None
        except StashError as error:
            self._outage.down(error, error.retry_after)
            return max(LEAST_PAUSE_S, self._outage.wait)
        except StoreError as error:
            log.error("store_failed", error=str(error))
            return STORE_PAUSE_S

    def _turn(self) -> float | None:
        now = self._clock()
        resting = {id: each for id, each in self._failures.items() if each.again_at > now}
        rating = self._queue.first(without=list(resting))
        if rating is None:
            self._failures = resting if len(self._queue) else {}
            pauses = [each.again_at - now for each in self._failures.values()]
            return min(POLL_S, *pauses) if pauses else None
        if not self._outage.may_try():
            return max(LEAST_PAUSE_S, self._outage.wait)
        self._sync(rating)
        return 0.0

    def _sync(self, rating: Rating) -> None:
        """Bring one rating up to date. Raises StashError if Stash does not answer at all."""
        try:
            current = self._stash.rating(rating.image_id)
            self._outage.up()
            self._write(rating, current)
        except UnknownImage:
            self._log_failed(rating, "not in Stash any more")
            self._queue.drop(rating)
        except QueryFailed as error:
            self._rest(rating, error)

    def _write(self, rating: Rating, current: int | None) -> None:
        step = plan(rating, current, replaces_others=self._replaces_others)
        if not self._queue.announce(rating, step):
            return
        if step.writes:
            try:
                self._stash.rate(rating.image_id, step.rating100)
            except (Interrupted, UnknownImage):
                raise
            except StashError as error:
                self._rest(rating, error)
                return
        self._queue.finish(rating, step)
        self._failures.pop(rating.queued, None)
        if step.writes:
            log.info("rating_written", image_id=rating.image_id, rating100=step.rating100)

    def _rest(self, rating: Rating, error: StashError) -> None:
        """Let a rating rest; a single failure is not worth a line in the log."""
        last = self._failures.get(rating.queued)
        rest = min(2 * last.rest, LONGEST_REST_S) if last else FIRST_REST_S
        self._failures[rating.queued] = _Failure(self._clock() + rest, rest)
        if last:
            self._log_failed(rating, str(error))

    def _log_failed(self, rating: Rating, reason: str) -> None:
        log.warning(
            "rating_failed", image_id=rating.image_id, rating100=rating.target, reason=reason
        )
