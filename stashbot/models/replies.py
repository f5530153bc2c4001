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
    """A message, and the buttons under it; the text is plain unless it is Telegram's HTML.

    A message about pictures is deleted with them.
    """

    text: str
    rows: Rows = ()
    is_html: bool = False
    is_about_pictures: bool = False
