"""Writes ratings to Stash, one after the other, in the order of the votes.

`rules.ratings` decides the step for each image. Stash is asked for its rating first, and a
write is announced in the database before it, so a crash neither loses a write nor repeats it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import structlog

from ..errors import Interrupted, StashError, StoreError
from ..models import Priority
from ..rules.ratings import Rating, expected, plan
from ..runtime.backoff import Backoff
from ..runtime.pool import Pool
from ..stash.answers import UnknownImage
from ..stash.client import StashClient
from ..store.store import Store

log = structlog.get_logger()

#: Seconds until the next try after the database failed.
STORE_PAUSE_S = 20.0
#: The least seconds between two tries while Stash is away.
LEAST_PAUSE_S = 0.05
#: The seconds that a rating rests after its first failure, and the most after many.
FIRST_REST_S = 1.0
LONGEST_REST_S = 3600.0


class RatingSync:
    """Writes the ratings that wait when Stash is there. Thread-safe; `wake` returns at once.

    `write_ratings` is the setting of that name; with "never" the queue is left alone. A
    rating that Stash does not take rests, and the others go first. `Pool.hurry` ends all rests.
    """

    def __init__(self, *, store: Store, stash: StashClient, pool: Pool, write_ratings: str) -> None:
        self._queue = store.ratings
        self._votes = store.votes
        self._stash = stash
        self._pool = pool
        self._may_write = write_ratings != "never"
        self._replaces_others = write_ratings == "always"
        # By `Rating.queued`: the ratings that rest, and the rests of those that have failed.
        self._resting: set[int] = set()
        #: Called with an image's id if Stash has another rating than its caption says, or none.
        self.when_other: Callable[[int], None] = lambda _: None
        self._rests: dict[int, Backoff] = {}

    def wake(self) -> None:
        """Look at the queue soon."""
        if self._may_write:
            self._pool.submit(self._turn, lane=self, priority=Priority.SCHEDULE)

    def _turn(self) -> float | None:
        """Write one rating; the seconds until the next turn, None if no rating is due."""
        try:
            rating = self._queue.first(without=list(self._resting))
            if rating is None:
                return None
            if self._stash.outage.may_try():
                self._try(rating)
                return 0.0
        except Interrupted:
            return None
        except StashError:
            pass  # it is away
        except StoreError as error:
            log.error("store_failed", error=str(error))
            return STORE_PAUSE_S
        return max(LEAST_PAUSE_S, self._stash.outage.wait)

    def _try(self, rating: Rating) -> None:
        """Bring one rating up to date, or let it rest. Raises StashError if Stash is away."""
        try:
            self._write(rating)
        except UnknownImage:
            self._log_failed(rating, "not in Stash any more")
            self._queue.drop(rating)
            self.when_other(rating.image_id)
        except StashError as error:
            if isinstance(error, Interrupted) or self._stash.outage.error:
                raise
            self._rest(rating, error)
        else:
            self._rests.pop(rating.queued, None)

    def _write(self, rating: Rating) -> None:
        current = self._stash.rating(rating.image_id)
        shown = self._shown(rating)
        self._votes.note_rating(rating.image_id, current)
        if self._shown(rating) != shown:
            self.when_other(rating.image_id)
        step = plan(rating, current, replaces_others=self._replaces_others)
        if not self._queue.announce(rating, step):
            return
        if step.writes:
            self._stash.rate(rating.image_id, step.rating100)
            self._votes.note_rating(rating.image_id, step.rating100)
        self._queue.finish(rating, step)
        if step.writes:
            log.info("rating_written", image_id=rating.image_id, rating100=step.rating100)

    def _shown(self, rating: Rating) -> int | None:
        """The rating that the captions of an image show."""
        image = self._votes.image(rating.image_id)
        known = image.rating100 if image else None
        return expected(rating, known, replaces_others=self._replaces_others)

    def _rest(self, rating: Rating, error: StashError) -> None:
        """Let a rating rest; a single failure is not worth a line in the log."""
        queued = rating.queued
        if queued in self._rests:
            self._log_failed(rating, str(error))
        rest = self._rests.setdefault(queued, Backoff(FIRST_REST_S, LONGEST_REST_S)).next()
        self._resting.add(queued)
        self._pool.submit(partial(self._end_rest, queued), rest, priority=Priority.SCHEDULE)

    def _end_rest(self, queued: int) -> None:
        self._resting.discard(queued)
        self.wake()

    def _log_failed(self, rating: Rating, reason: str) -> None:
        log.warning(
            "rating_failed", image_id=rating.image_id, rating100=rating.target, reason=reason
        )
