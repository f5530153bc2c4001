"""Carries ratings to Stash: one after the other, in the order of the votes.

What to do about each is for `ratings` to say. What Stash is about to be told is noted
before, and what it knows is asked first: so a power cut costs nothing and repeats nothing.
"""

from __future__ import annotations

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


class Rater:
    """Writes what waits, as soon as Stash is there. Thread-safe; `wake` returns at once.

    Unless it `may_write` it leaves all where it is.
    """

    def __init__(
        self, store: Store, stash: StashClient, outage: Outage, pool: Pool, *, may_write: bool
    ) -> None:
        self._queue = store.ratings
        self._stash = stash
        self._outage = outage
        self._pool = pool
        self._may_write = may_write
        # Those that Stash fails at: they stay in the queue until the next start.
        self._failed: set[int] = set()

    def wake(self) -> None:
        """Note that there may be something to write."""
        if self._may_write:
            self._pool.submit(self._work, lane=self, rank=Rank.CLOCK)

    def _work(self) -> float | None:
        """Write one rating; the seconds until the next, None if there is none."""
        try:
            rating = self._queue.first(without=self._failed)
            if rating is None:
                return None
            if not self._outage.may_try():
                return max(SOON, self._outage.wait)
            self._carry(rating)
        except Interrupted:
            return None
        except StashError as error:
            self._outage.down(error, error.retry_after)
            return max(SOON, self._outage.wait)
        except StoreError as error:
            log.error("store_failed", error=str(error))
            return AGAIN
        self._outage.up()
        return 0.0

    def _carry(self, rating: Rating) -> None:
        """Raises StashError if Stash is away, StoreError."""
        try:
            step = plan(rating, self._stash.rating(rating.image_id))
            if not self._queue.announce(rating, step):
                return
            if step.writes:
                self._stash.rate(rating.image_id, step.rating100)
        except UnknownImage:
            self._fail(rating, "not in Stash any more")
            self._queue.drop(rating)
        except QuestionFailed as error:
            self._fail(rating, str(error))
            self._failed.add(rating.image_id)
        else:
            self._queue.finish(rating, step)
            if step.writes:
                log.info("rating_written", image_id=rating.image_id, rating100=step.rating100)

    def _fail(self, rating: Rating, reason: str) -> None:
        log.warning(
            "rating_failed", image_id=rating.image_id, rating100=rating.target, reason=reason
        )
