"""The owner's questions about strangers, and the list of people. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..models import Button, Person, Reply, Rows, Standing
from .catalogue import Texts
from .keyboards import PAGE, arrows
from .labels import LONG_NAME, shortened
from .plain_text import cleaned, message

#: Callback data: an action on a person, or `show`; the page is empty under a question.
PRESS = re.compile(
    r"people:(?P<action>show|allow|ignore|remove|lift):(?P<id>\d{1,18}):(?P<page>\d{0,6})"
)
# The action of a person's button in the list.
_ACTION = {Standing.ADMITTED: "remove", Standing.WAITING: "allow", Standing.IGNORED: "lift"}


def question(person: Person, texts: Texts) -> Reply:
    """Ask the owner about a stranger, or about a group that the bot was added to."""
    buttons = [
        Button(texts(f"people.{action}"), f"people:{action}:{person.id}:")
        for action in ("allow", "ignore")
    ]
    kind = "person" if person.chat_id > 0 else "chat"
    return Reply(message([texts(f"people.asks.{kind}"), *_card(person)]), [buttons])


def answered(person: Person, texts: Texts) -> Reply:
    """The question after its answer, without buttons."""
    return Reply(message([texts(f"people.answered.{person.standing}"), *_card(person)]))


def listing(fixed: Sequence[int], others: Sequence[Person], page: int, texts: Texts) -> Reply:
    """The ids of the settings in a line, and a page of the others with a button each."""
    page = min(page, max(0, len(others) - 1) // PAGE)
    shown = others[page * PAGE : (page + 1) * PAGE]
    lines = [texts("people.heading")]
    if fixed:
        lines.append(texts("people.fixed", ids=", ".join(map(str, fixed))))
    for each in shown:
        lines += ["", texts(f"people.line.{each.standing}"), *_card(each)]
    if not shown:
        lines += ["", texts("people.none")]
    rows: Rows = [[_button(each, page, texts)] for each in shown]
    return Reply(message(lines), [*rows, *arrows(page, len(others), "people:show:0")])


def _card(person: Person) -> list[str]:
    """The name in a line of its own, so that it cannot pass for the id below it."""
    icon = "👤" if person.chat_id > 0 else "👥"
    username = f"@{cleaned(person.username)}, " if person.username else ""
    return [f"{icon} {_name(person)}", f"{username}id {person.chat_id}"]


def _name(person: Person) -> str:
    return shortened(cleaned(person.name), LONG_NAME) or str(person.chat_id)


def _button(person: Person, page: int, texts: Texts) -> Button:
    action = _ACTION[person.standing]
    label = texts(f"people.button.{action}", name=_name(person))
    return Button(label, f"people:{action}:{person.id}:{page}")
