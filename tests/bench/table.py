"""Budgets, measured values, and the table of both."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """An upper limit; one that `holds_anywhere` does not depend on the machine's speed."""

    name: str
    limit: float
    unit: str
    holds_anywhere: bool = False
    digits: int = 2


@dataclass(frozen=True)
class Measured:
    """One value of a budget for each round."""

    budget: Budget
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def is_kept(self) -> bool:
        """Whether the median is within the limit; every value, if it holds anywhere."""
        worst = max(self.values) if self.budget.holds_anywhere else self.median
        return worst <= self.budget.limit


def in_rounds(rounds: int, measure: Callable[[], dict[Budget, float]]) -> Iterator[Measured]:
    """Measure all budgets in each round, and yield them one by one."""
    found = [measure() for _ in range(rounds)]
    for budget in found[0]:
        yield Measured(budget, tuple(each[budget] for each in found))


def show(seen: Iterable[Measured], *, as_json: bool, say: Callable[[str], object] = print) -> int:
    """Print each one; returns 1 if one that holds anywhere is exceeded."""
    broken, all_seen = False, []
    if not as_json:
        say(f"{'budget':44} {'at most':>11} {'median':>11}   least to most of all rounds")
    for each in seen:
        budget = each.budget
        broken |= budget.holds_anywhere and not each.is_kept
        all_seen.append(_as_dict(each))
        if not as_json:
            low, high = _number(min(each.values), budget), _number(max(each.values), budget)
            limit, median = _number(budget.limit, budget), _number(each.median, budget)
            mark = "" if each.is_kept else "  over"
            unit = budget.unit
            say(
                f"{budget.name:44} {limit + ' ' + unit:>11} {median + ' ' + unit:>11}"
                f"   {low} to {high} in {len(each.values)}{mark}"
            )
    if as_json:
        say(json.dumps(all_seen, indent=1))
    return int(broken)


def _number(value: float, budget: Budget) -> str:
    return f"{value:.{budget.digits}f}".removesuffix(".00")


def _as_dict(seen: Measured) -> dict[str, object]:
    budget = seen.budget
    return {
        "name": budget.name,
        "limit": budget.limit,
        "unit": budget.unit,
        "holds_anywhere": budget.holds_anywhere,
        "median": seen.median,
        "values": seen.values,
        "is_kept": seen.is_kept,
    }
