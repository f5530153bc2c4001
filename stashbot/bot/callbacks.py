"""The effect of a pressed button. The caller has checked that the user may press it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from telebot import types

from ..messages import keyboards
from ..messages.catalogue import Texts
from ..models import Facet, Feature, Press, Reply, Rows, Shown, Trigger, Vote
from ..pictures.requests import RequestQueue
from ..schedule.schedules import REMOVE, ChatSchedules
from ..votes.voting import Voting

_UNORDER = re.compile(rf"{REMOVE}(?P<id>\d{{1,18}})")


@dataclass(frozen=True)
class Reaction:
    """The answer to the press, and the new buttons or the new text of the message."""

    note: str = ""
    rows: Rows | None = None
    listing: Reply | None = None


@dataclass(frozen=True)
class _Pressed:
    """A press of a button under a message that still exists."""

    update_id: int
    chat_id: int
    user_id: int
    message_id: int
    texts: Texts


class Presses:
    """Handles each kind of button. Owned by the receiver thread; it makes no slow call.

    Callback data that no button has is ignored.
    """

    def __init__(self, publisher: RequestQueue, schedules: ChatSchedules, voting: Voting) -> None:
        self._publisher = publisher
        self._schedules = schedules
        self._voting = voting
        self._actions: dict[re.Pattern[str], Callable[[_Pressed, re.Match[str]], Reaction]] = {
            re.compile(keyboards.NEXT): self._next,
            keyboards.VOTE: self._vote,
            keyboards.EXCLUDE: self._exclude,
            keyboards.EXCLUDED: self._turn_page,
            keyboards.RESTORE: self._restore,
            keyboards.FORGET: self._forget,
            _UNORDER: self._unorder,
        }

    def take(self, update_id: int, press: types.CallbackQuery, texts: Texts) -> Reaction:
        """Handle a press. Raises StoreError."""
        message = press.message
        if message is None:
            return Reaction()
        user_id, chat_id = press.from_user.id, message.chat.id
        pressed = _Pressed(update_id, chat_id, user_id, message.message_id, texts)
        for pattern, action in self._actions.items():
            if match := pattern.fullmatch(press.data or ""):
                return action(pressed, match)
        return Reaction()

    def _next(self, pressed: _Pressed, _: re.Match[str]) -> Reaction:
        self._ask(pressed, Trigger.COMMAND)
        return Reaction()

    def _vote(self, pressed: _Pressed, match: re.Match[str]) -> Reaction:
        image_id, is_none = int(match["image"]), match["vote"] == "none" or match["ticked"]
        press = Press(
            pressed.update_id,
            pressed.chat_id,
            pressed.user_id,
            image_id,
            None if is_none else Vote(match["vote"]),
        )
        vote, wants_next = self._voting.vote(press)
        if wants_next:
            self._ask(pressed, Trigger.VOTE, Shown(pressed.message_id, image_id))
        # The answer tells the vote at once; the next picture may go out before the buttons.
        note = pressed.texts(f"vote.{vote or 'taken_back'}")
        return Reaction(note, self._rows(pressed, image_id))

    def _exclude(self, pressed: _Pressed, match: re.Match[str]) -> Reaction:
        image_id, facet, id = int(match["image"]), Facet(match["facet"]), int(match["id"])
        change = self._voting.exclude if match["action"] == "exclude" else self._voting.include
        note = change(pressed.chat_id, pressed.user_id, image_id, Feature(facet, id), pressed.texts)
        # Replaces the picture that is ready if it is excluded now.
        self._publisher.prefetch(pressed.chat_id, is_for_user=True)
        return Reaction(note, self._rows(pressed, image_id))

    def _rows(self, pressed: _Pressed, image_id: int) -> Rows:
        return self._voting.rows(pressed.chat_id, image_id, pressed.texts)

    def _turn_page(self, pressed: _Pressed, match: re.Match[str]) -> Reaction:
        page = self._voting.excluded(pressed.chat_id, int(match["page"]), pressed.texts)
        return Reaction(listing=page)

    def _restore(self, pressed: _Pressed, match: re.Match[str]) -> Reaction:
        chat_id, user_id = pressed.chat_id, pressed.user_id
        note = self._voting.restore(chat_id, user_id, int(match["id"]), pressed.texts)
        page = self._voting.excluded(pressed.chat_id, int(match["page"]), pressed.texts)
        return Reaction(note, listing=page)

    def _forget(self, pressed: _Pressed, match: re.Match[str]) -> Reaction:
        text = self._voting.forget(pressed.chat_id, match["answer"], pressed.texts)
        return Reaction(listing=text)

    def _unorder(self, pressed: _Pressed, match: re.Match[str]) -> Reaction:
        was_there = self._schedules.remove(pressed.chat_id, int(match["id"]))
        note = pressed.texts("schedule.removed", n=1) if was_there else ""
        return Reaction(note, listing=self._schedules.listing(pressed.chat_id, pressed.texts))

    def _ask(self, pressed: _Pressed, trigger: Trigger, after: Shown | None = None) -> None:
        self._publisher.ask(
            pressed.update_id,
            pressed.chat_id,
            pressed.user_id,
            trigger=trigger,
            language=pressed.texts.language,
            after=after,
        )
