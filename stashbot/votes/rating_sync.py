"""Carries ratings to Stash: one after the other, in the order of the votes.

What to do about each is for `ratings` to say. What Stash is about to be told is noted
before, and what it knows is asked first: so a power cut costs nothing and repeats nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from ..errors import Interrupted, StashError, StoreError
from ..models import Priority, Rating
from ..rules.ratings import plan
from ..runtime.outage import Outage
from ..runtime.pool import Pool
from ..stash.client import StashClient
from ..stash.queries import QueryFailed, UnknownImage
from ..store.store import Store

log = structlog.get_logger()

#: Seconds until a database that failed is tried again, and the shortest wait for Stash.
AGAIN, SOON = 20.0, 0.05
#: Seconds before one that Stash fails at is tried again; they double each time. While they are
#: short those behind it wait, since that may be over in a moment; then they pass it.
PAUSE, SHORT, LONGEST = 1.0, 8.0, 6 * 3600.0


@dataclass
class _Failure:
    """A rating that Stash fails at: when it is tried again, and the pause until then."""

    again_at: float
    pause: float


class RatingSync:
    """Writes what waits, as soon as Stash is there. Thread-safe; `wake` returns at once.

    Unless it `may_write` it leaves all where it is. A Stash that answers, and cannot take a
    rating, is not away for anybody else.
    """

    def __init__(
        self,
        store: Store,
        stash: StashClient,
        outage: Outage,
        pool: Pool,
        *,
        may_write: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = store.ratings
        self._stash = stash
        self._outage = outage
        self._pool = pool
        self._may_write = may_write
        self._clock = clock
        self._failures: dict[int, _Failure] = {}  # by the ballot that asks for it

    def __len__(self) -> int:
        """How many ratings are still to be written. Raises StoreError."""
        return len(self._queue) if self._may_write else 0

    def wake(self) -> None:
        """Note that there may be something to write."""
        if self._may_write:
            self._pool.submit(self._work, lane=self, priority=Priority.SCHEDULE)

    def _wake_at(self, moment: float) -> float | None:
        """Wake at this moment; until then, the seconds that are left."""
        if (early := moment - self._clock()) > 0:
            return early
        self.wake()
        return None

    def _work(self) -> float | None:
        """Write one rating; the seconds until the next, None if there is none."""
        try:
            passed_over = self._passed_over()
            rating = self._queue.first(without=passed_over)
            if rating is None:
                # Whatever else has failed does not wait any more.
                self._failures = {each: self._failures[each] for each in passed_over}
                return None
            if rest := self._rest(rating.queued):
                return rest
            if not self._outage.may_try():
                return max(SOON, self._outage.wait)
            return self._carry(rating)
        except Interrupted:
            return None
        except StashError as error:
            self._outage.down(error, error.retry_after)
            return max(SOON, self._outage.wait)
        except StoreError as error:
            log.error("store_failed", error=str(error))
            return AGAIN

    def _passed_over(self) -> list[int]:
        """What rests for so long that the others go first."""
        return [
            ballot
            for ballot, failure in self._failures.items()
            if failure.pause >= SHORT and self._rest(ballot)
        ]

    def _rest(self, ballot: int) -> float:
        """The seconds for which a rating still rests, 0 if it does not."""
        failure = self._failures.get(ballot)
        return max(0.0, failure.again_at - self._clock()) if failure else 0.0

    def _carry(self, rating: Rating) -> float:
        """Write one rating; the seconds until the next. Raises StashError if Stash is away."""
        try:
            current = self._stash.rating(rating.image_id)
            self._outage.up()
            return self._tell(rating, current)
        except UnknownImage:
            self._log_failed(rating, "not in Stash any more")
            self._queue.drop(rating)
            return 0.0
        except QueryFailed as error:
            return self._set_aside(rating, error)

    def _tell(self, rating: Rating, current: int | None) -> float:
        step = plan(rating, current)
        if not self._queue.announce(rating, step):
            return 0.0
        if step.writes:
            try:
                self._stash.rate(rating.image_id, step.rating100)
            except (Interrupted, UnknownImage):
                raise
            except StashError as error:
                return self._set_aside(rating, error)
        self._queue.finish(rating, step)
        if step.writes:
            log.info("rating_written", image_id=rating.image_id, rating100=step.rating100)
        return 0.0

    def _set_aside(self, rating: Rating, error: StashError) -> float:
        """Let a rating rest for a while; the seconds until the next may be written."""
        last = self._failures.get(rating.queued)
        pause = min(2 * last.pause, LONGEST) if last else PAUSE
        again_at = self._clock() + pause
        self._failures[rating.queued] = _Failure(again_at, pause)
        if pause < SHORT:
            return pause
        # In a lane of its own, so that those behind it need not wait.
        self._pool.submit(partial(self._wake_at, again_at), pause, priority=Priority.SCHEDULE)
        self._log_failed(rating, str(error))
        return 0.0

    def _log_failed(self, rating: Rating, reason: str) -> None:
        log.warning(
            "rating_failed", image_id=rating.image_id, rating100=rating.target, reason=reason
        )
