"""The rule for alerts: of which trouble to tell the owner now. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum

#: A trouble that is seen from time to time is over when it was not seen for so long.
CALM_S = 300.0


class Trouble(StrEnum):
    """The troubles of which the owner is told; the values are keys of the locale files."""

    STASH = "stash"  # it is away, or refuses the bot
    SCHEDULES = "schedules"  # some were missed
    RATINGS = "ratings"  # they cannot be written to Stash
    DATABASE = "database"  # it cannot be read or written
    DISK = "disk"  # it is nearly full
    POLLING = "polling"  # another program polls


#: The owner is told of these in quiet hours too.
URGENT = (Trouble.DATABASE, Trouble.DISK)
#: The owner is told of a trouble that has lasted for so many seconds. A single conflict is common
#: at a restart, and lasts no longer than CALM_S.
AFTER_S: Mapping[Trouble, float] = {
    Trouble.STASH: 600.0,
    Trouble.SCHEDULES: 0.0,
    Trouble.RATINGS: 3600.0,
    Trouble.DATABASE: 0.0,
    Trouble.DISK: 0.0,
    Trouble.POLLING: CALM_S,
}


def news(
    lasting: Mapping[Trouble, float],
    told: Collection[Trouble],
    after: Mapping[Trouble, float],
    *,
    is_quiet: bool,
) -> tuple[set[Trouble], set[Trouble]]:
    """The troubles whose beginning is told now, and those whose end is.

    `lasting` has the age in seconds of each trouble that is there, `told` those whose beginning
    was told. The news of quiet hours wait for their end, and trouble that is over by then is
    never told.
    """
    begun = {each for each, age in lasting.items() if each not in told and age >= after[each]}
    over = set(told) - lasting.keys()
    if is_quiet:
        return begun.intersection(URGENT), over.intersection(URGENT)
    return begun, over
