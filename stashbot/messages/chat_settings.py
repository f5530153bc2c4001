"""The messages of `/settings` and `/purge`, and their callback data. Pure."""

from __future__ import annotations

import re
from datetime import time
from zoneinfo import ZoneInfo

from ..models import Button, ChatValues, QuietHours, Reply, Rows, as_text
from .catalogue import LANGUAGES, Texts

#: Shows all settings, or the choices for one.
SHOW = re.compile(r"settings(:(?P<name>[a-z_]+))?")
#: Sets a field of ChatValues to the value that a text names.
SET = re.compile(r"set:(?P<name>[a-z_]+):(?P<text>[\w:/+-]{1,40})", re.ASCII)
#: Answers the question about the time zone.
ZONE = re.compile(r"zone:(?P<text>[\w/+-]{1,40})", re.ASCII)
#: Answers a question of `/purge`.
PURGE = re.compile(r"purge:(?P<step>sure|yes|no)")
#: The questions of `/purge` and the answer to the last.
PURGE_STEPS = ("ask", "sure", "yes")
#: The settings in their order.
FIELDS = (
    *("language", "timezone", "spoiler", "protect", "auto_next"),
    *("silent", "quiet", "delete_after"),
)
_NIGHTS = ((22, 7), (22, 8), (23, 7), (23, 8), (0, 8))
#: The settings whose button opens choices, and the values that are offered.
CHOICES: dict[str, tuple[object, ...]] = {
    "timezone": (),  # they stand in the locale files
    "quiet": (None, *(QuietHours(time(start), time(end)) for start, end in _NIGHTS)),
    "delete_after": (0, 1, 3, 6, 12, 24, 36, 47),
}
_LANGUAGES = ("auto", *LANGUAGES)


def overview(values: ChatValues, texts: Texts) -> Reply:
    """All settings, each as a button that shows its value and changes it."""
    return Reply(texts("settings.heading"), [[_button(name, values, texts)] for name in FIELDS])


def choices(name: str, values: ChatValues, texts: Texts) -> Reply:
    """The choices for one setting, the present one marked, and a way back."""
    present = as_text(getattr(values, name))
    if name == "timezone":
        pairs = _cities(texts)
    else:
        pairs = [(shown(value, texts), as_text(value)) for value in CHOICES[name]]
    buttons = [
        Button(f"{label} ✓" if text == present else label, f"set:{name}:{text}")
        for label, text in pairs
    ]
    usage = texts(f"settings.{name}_usage", value=_value(name, values, texts))
    return Reply(usage, [*_in_pairs(buttons), [_back()]])


def zone_question(texts: Texts) -> Rows:
    """Some cities, to choose the time zone of a chat that has none."""
    return _in_pairs([Button(label, f"zone:{zone}") for label, zone in _cities(texts)])


def zones(names: list[str], text: str, texts: Texts) -> Reply:
    """The time zones that may be meant by a name that is not known."""
    rows = [[Button(name, f"set:timezone:{name}")] for name in names]
    key = "settings.zone_unclear" if names else "settings.zone_unknown"
    return Reply(texts(key, name=text), [*rows, [_back()]])


def purge(step: str, texts: Texts) -> Reply:
    """A question of `/purge`, or the answer to "no"."""
    keep = Button(texts("purge.no"), "purge:no")
    rows: dict[str, Rows] = {
        "ask": [[Button(texts("purge.yes"), "purge:sure"), keep]],
        # The buttons change places, so that a double tap keeps all.
        "sure": [[keep, Button(texts("purge.yes"), "purge:yes")]],
        "no": [],
    }
    return Reply(texts(f"purge.{step}_text"), rows[step])


def shown(value: object, texts: Texts) -> str:
    """The value of a setting in words."""
    match value:
        case bool():
            return texts("settings.on" if value else "settings.off")
        case 0:
            return texts("settings.never")
        case int():
            return texts("settings.after", n=value)
        case None:
            return texts("settings.none")
        case QuietHours():
            return f"{value.start:%H:%M}–{value.end:%H:%M}"
        case ZoneInfo():
            return str(value)
    return texts(f"settings.languages.{value}")


def _value(name: str, values: ChatValues, texts: Texts) -> str:
    if name == "timezone" and not values.is_zone_chosen:
        return texts("settings.unset")
    return shown(getattr(values, name), texts)


def _cities(texts: Texts) -> list[tuple[str, str]]:
    """The labels of some cities, each with its time zone."""
    lines = texts("settings.zones").splitlines()
    return [(label, zone) for label, _, zone in (line.rpartition(" ") for line in lines)]


def _in_pairs(buttons: list[Button]) -> list[list[Button]]:
    return [buttons[at : at + 2] for at in range(0, len(buttons), 2)]


def _button(name: str, values: ChatValues, texts: Texts) -> Button:
    value = getattr(values, name)
    data = f"settings:{name}"
    if name == "language":
        data = f"set:{name}:{_LANGUAGES[(_LANGUAGES.index(value) + 1) % len(_LANGUAGES)]}"
    elif name not in CHOICES:
        data = f"set:{name}:{as_text(not value)}"
    return Button(texts(f"settings.{name}", value=_value(name, values, texts)), data)


def _back() -> Button:
    return Button("←", "settings")
