"""Reactions to pictures, which count as votes."""

from __future__ import annotations

from telebot import types

from ..errors import store_failures_logged
from ..models import Press
from ..rules.votes import vote_of_reactions
from ..telegram.outbox import Outbox
from .access import Access
from .pictures import PictureParts


class Reactions:
    """Takes reactions as votes. Owned by the receiver thread; it makes no slow call."""

    def __init__(self, *, access: Access, pictures: PictureParts, outbox: Outbox) -> None:
        self._access = access
        self._voting = pictures.voting
        self._buttons = pictures.buttons
        self._outbox = outbox

    def handle(self, update_id: int, reaction: types.MessageReactionUpdated) -> None:
        """Take a user's reactions to a picture; those of bots and anonymous ones are no vote."""
        user, chat = reaction.user, reaction.chat
        if user is None or user.is_bot or not self._access.admits(user, chat):
            return
        before = vote_of_reactions(_emoji(reaction.old_reaction))
        after = vote_of_reactions(_emoji(reaction.new_reaction))
        with store_failures_logged(chat_id=chat.id):
            shown = self._buttons.shown(chat.id, reaction.message_id)
            if shown is None or shown.message_id != reaction.message_id:
                return
            press = Press(update_id, chat.id, user.id, shown.image_id, after, is_reaction=True)
            if self._voting.react(press, before):
                texts = self._access.meet(chat.id, user)
                for message_id, look in self._buttons.looks(chat.id, shown, texts):
                    self._outbox.redraw(chat.id, message_id, look.rows, look.caption)


def _emoji(reactions: list[types.ReactionType] | None) -> list[str]:
    """Return the emoji among reactions; others, such as custom ones, have none."""
    return [each.emoji for each in reactions or () if isinstance(each, types.ReactionTypeEmoji)]
