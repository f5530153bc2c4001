"""Carries ratings to Stash: one after the other, in the order of the votes.

What to do about each is for `ratings` to say. What Stash is about to be told is noted
before, and what it knows is asked first: so a power cut costs nothing and repeats nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import structlog

from .daemon import Pool
from .errors import Interrupted, StashError, StoreError
from .models import Rank, Rating
from .outage import Outage
from .ratings import plan
from .stash.client import StashClient
from .stash.questions import QuestionFailed, UnknownImage
from .store import Store

log = structlog.get_logger()

#: Seconds until a database that failed is tried again, and the shortest wait for Stash.
AGAIN, SOON = 20.0, 0.05
#: Seconds before one that Stash fails at is tried again; they double each time. While they are
#: short the others wait, since that may be over in a moment; then they go first.
PAUSE, SHORT, LONGEST = 1.0, 8.0, 6 * 3600.0


@dataclass
class _Failure:
    """A rating that Stash fails at: when it is tried again, and the pause until then."""

    again_at: float
    pause: float


class Rater:
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

    def wake(self) -> None:
        """Note that there may be something to write."""
        if self._may_write:
            self._pool.submit(self._work, lane=self, rank=Rank.CLOCK)

    def _work(self) -> float | None:
        """Write one rating; the seconds until the next, None if there is none."""
        try:
            now = self._clock()
            resting = [each for each, one in self._failures.items() if one.again_at > now]
            rating = self._queue.first(without=resting)
            if rating is None:
                return self._pause_of(resting)
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
        except QuestionFailed as error:
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
        self._failures.pop(rating.queued, None)
        if step.writes:
            log.info("rating_written", image_id=rating.image_id, rating100=step.rating100)
        return 0.0

    def _set_aside(self, rating: Rating, error: StashError) -> float:
        """Let a rating rest for a while; the seconds until the next may be written."""
        last = self._failures.get(rating.queued)
        pause = min(2 * last.pause, LONGEST) if last else PAUSE
        self._failures[rating.queued] = _Failure(self._clock() + pause, pause)
        if pause < SHORT:
            return pause
        self._log_failed(rating, str(error))
        return 0.0

    def _pause_of(self, resting: Collection[int]) -> float | None:
        """The seconds until one of these is tried again, None if there is none."""
        if not resting:
            self._failures.clear()
            return None
        return min(self._failures[each].again_at for each in resting) - self._clock()

    def _log_failed(self, rating: Rating, reason: str) -> None:
        log.warning(
            "rating_failed", image_id=rating.image_id, rating100=rating.target, reason=reason
        )
