"""Several calls at once, by whoever of a pool is free."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import TypeVar

from .daemon import Pool, Rank

T = TypeVar("T")


def side_by_side(pool: Pool, calls: Sequence[Callable[[], T]], rank: Rank) -> list[Future[T]]:
    """Make all calls and wait for them; what each came to, in their order.

    The caller works too, so that all are made even where nobody else is free, or the pool is
    closed.
    """
    futures: list[Future[T]] = [Future() for _ in calls]
    left = deque(zip(calls, futures, strict=True))

    def work() -> None:
        while left:
            try:
                call, future = left.popleft()
            except IndexError:  # somebody else was faster
                return
            try:
                future.set_result(call())
            except BaseException as error:  # it is raised where it is asked for
                future.set_exception(error)

    for _ in calls[1:]:
        pool.submit(work, rank=rank)
    work()
    wait(futures)
    return futures
