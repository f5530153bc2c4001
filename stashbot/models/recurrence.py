"""Recurring times, such as those of a schedule."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

#: Monday to Sunday.
WHOLE_WEEK = (1, 2, 3, 4, 5, 6, 7)


@dataclass(frozen=True, slots=True)
class Recurrence:
    """Times of day, in minutes after midnight, on days of the week; else an interval.

    `days` are numbers from Monday 1 to Sunday 7. With `apart` the times are those of each second
    day, or each third. `every` is the interval in minutes, 0 for times of day.
    """

    minutes: tuple[int, ...] = ()
    days: tuple[int, ...] = WHOLE_WEEK
    apart: int = 1
    every: int = 0

    @property
    def step(self) -> int:
        """The minutes from each of four or more times to the next; 0 if they are not equal."""
        steps = {after - before for before, after in pairwise(self.minutes)}
        return steps.pop() if len(steps) == 1 and len(self.minutes) > 3 else 0
