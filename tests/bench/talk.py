"""Answers beside pictures: marks on votes, the menu, and a text right after an album."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from .process import ASKERS, run_bot
from .rounds import IMAGES, ROUNDS
from .standins import Distance
from .table import Budget, Measured, in_rounds

VOTES = 8
#: Seconds from one vote to the next.
VOTE_EVERY_S = 2.0

MARK = Budget("the mark on a vote, one every 2 s with auto-next", 1, "s")
MENU = Budget("the menu under a picture", 0.3, "s")
TEXT = Budget("a text right after an album of 10", 1, "s")


def talk(distance: Distance, *, rounds: int = ROUNDS, votes: int = VOTES) -> Iterator[Measured]:
    """Runs in which one user votes on each picture, and another asks after an album."""

    def one_round() -> dict[Budget, float]:
        with run_bot(IMAGES, distance) as bot:
            telegram = bot.telegram
            marks = _slowest_mark(telegram, votes)
            return {MARK: marks, MENU: _menu(telegram), TEXT: _text(telegram)}

    return in_rounds(rounds, one_round)


def _slowest_mark(telegram: Any, votes: int) -> float:
    user, slowest = ASKERS[0], 0.0
    telegram.say(user, "/random")
    for number in range(1, votes + 1):
        telegram.wait_for_photos(number)
        time.sleep(0.2)  # a user looks at the picture
        began = time.monotonic()
        slowest = max(slowest, telegram.press(user))
        time.sleep(max(0.0, VOTE_EVERY_S - (time.monotonic() - began)))
    return slowest


def _menu(telegram: Any) -> float:
    """The seconds from a press of ⋯, the last button of its row, until the menu is there."""
    user = ASKERS[2]
    before = len(telegram.wait_for_photos(1))
    telegram.say(user, "/random")
    telegram.wait_for_photos(before + 1)
    time.sleep(1.0)  # a user looks at the picture
    return telegram.press(user, place=-1)


def _text(telegram: Any) -> float:
    user = ASKERS[1]
    telegram.say(user, "/random 10")
    telegram.wait_for_album()
    asked_at = time.monotonic()
    telegram.say(user, "/help")
    return telegram.wait_for_text("/random") - asked_at
