"""Messages with buttons. All values are frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message; `data` (1 to 64 bytes) comes back when it is pressed.

    A button with a `url` opens that instead. `style` is one of the Bot API's words.
    """

    text: str
    data: str = ""
    url: str = ""
    style: str = ""


#: Buttons under a message, at most eight in a row.
Rows = Sequence[Sequence[Button]]


@dataclass(frozen=True)
class Reply:
    """A message with a list in it, and the buttons under it."""

    text: str
    rows: Rows = ()
