"""What a press of a thumb means. Pure.

A press takes a vote back only if the keyboard that was pressed showed that vote. So a
button means what it says: two quick taps are one vote, and an old message that does not
know of a vote does not undo it. A tick that is left of a forgotten vote goes with a press.
"""

from __future__ import annotations

from ..models import Ballot, Press, Vote


def is_repeated(last: Ballot | None, press: Press) -> bool:
    """Whether the same button was pressed before its keyboard could be redrawn."""
    return last is not None and (last.pressed, last.shown, last.chat_id) == (
        press.thumb,
        press.shown,
        place_after(last, press),
    )


def vote_after(last: Ballot | None, press: Press) -> Vote | None:
    """What the person says of the image after this press; `last` is what they said before."""
    if last is None:
        return None if press.is_ticked else press.thumb
    if last.vote is press.thumb and _was_shown(last, press):
        return None
    return press.thumb


def place_after(last: Ballot | None, press: Press) -> int:
    """The chat in which the vote counts after this press, besides the presser's private one.

    Who says in private what he has said in a group says it there still.
    """
    is_private = press.chat_id == press.user_id
    if last and is_private and last.vote is press.thumb is vote_after(last, press):
        return last.chat_id
    return press.chat_id


def _was_shown(last: Ballot, press: Press) -> bool:
    """Whether the pressed keyboard showed this ballot: a group's shows only its own."""
    is_private = press.chat_id == press.user_id
    return last.id <= press.shown and (is_private or last.chat_id == press.chat_id)
