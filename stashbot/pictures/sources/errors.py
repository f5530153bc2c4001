"""The reasons why a source cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from ...errors import StashbotError
from ...models import Source


class SourceProblem(StrEnum):
    """The reasons why a source has no pictures; each has its sentence in the locale files."""

    UNCLEAR = "unclear"
    UNKNOWN = "unknown"
    UNKNOWN_SHARED = "unknown_shared"
    HIDDEN = "hidden"
    FILTER_GONE = "filter_gone"
    FILTER_REFUSED = "filter_refused"
    NOTHING_TODAY = "nothing_today"
    NOTHING_LIKED = "nothing_liked"
    NOTHING_ALIKE = "nothing_alike"


_REASONS = {
    SourceProblem.UNCLEAR: "several sources have this name",
    SourceProblem.UNKNOWN: "Stash has nothing of this name",
    SourceProblem.UNKNOWN_SHARED: "no images share this name",
    SourceProblem.HIDDEN: "it is hidden in this chat",
    SourceProblem.FILTER_GONE: "the saved filter is not in Stash any more",
    SourceProblem.FILTER_REFUSED: "the saved filter cannot be used because of",
    SourceProblem.NOTHING_TODAY: "no image has this day of an earlier year",
    SourceProblem.NOTHING_LIKED: "nothing is liked in this chat",
    SourceProblem.NOTHING_ALIKE: "no image shares anything with it",
}


class NoSource(StashbotError):
    """The source of a request cannot be used; `options` are sources that may be meant.

    `name` is the name that was sought, or that of the filter whose `criterion` is refused.
    """

    def __init__(
        self,
        problem: SourceProblem,
        name: str = "",
        *,
        options: Sequence[Source] = (),
        criterion: str = "",
    ) -> None:
        # The name stays out of the log: a user wrote it.
        super().__init__(f"{_REASONS[problem]} {criterion}".strip())
        self.problem = problem
        self.name = name
        self.options = tuple(options)
        self.criterion = criterion
