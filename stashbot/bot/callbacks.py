"""The effect of a pressed button. The caller has checked that the user may press it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from telebot import types

from ..messages import chat_settings, keyboards, menu, why
from ..messages import people as people_words
from ..messages import sources as words
from ..messages.catalogue import Texts
from ..models import Facet, Feature, Press, Reply, Shown, Trigger, Vote
from ..pictures.requests import RequestQueue
from ..rules.sources import MOST_PICTURES, from_key
from ..rules.votes import vote_of
from ..rules.when.arguments import read_argument
from ..schedule.schedules import ADD, CHANGE
from ..telegram.markup import data_under, topic_of
from ..telegram.outbox import Outbox
from .charts import Charts
from .chats import ChatParts
from .filters import Filters
from .people import PeopleRequests
from .pictures import PictureParts


@dataclass(frozen=True)
class _Pressed:
    """A press of a button, with the match of its data; `is_text` if its message is a text.

    `topic` is the forum topic of the message, 0 for none. `beside` is the data of all its buttons.
    """

    update_id: int
    chat_id: int
    topic: int
    user_id: int
    message_id: int
    is_text: bool
    beside: Sequence[str]
    texts: Texts
    match: re.Match[str]

    @property
    def shown(self) -> Shown:
        """The message, and the image that the data names."""
        return Shown(self.message_id, int(self.match["image"]))


class Callbacks:
    """Handles each kind of button. Owned by the receiver thread; `handle` makes no slow call.

    A handler returns the answer to the press, if it has one. Callback data that no button has
    is ignored.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        requests: RequestQueue,
        chats: ChatParts,
        filters: Filters,
        pictures: PictureParts,
        charts: Charts,
        people: PeopleRequests,
    ) -> None:
        self._outbox = outbox
        self._requests = requests
        self._schedules = chats.schedules
        self._settings = chats.settings
        self._deletion = chats.deletion
        self._voting = pictures.voting
        self._filters = filters
        self._buttons = pictures.buttons
        self._hiding = pictures.hiding
        self._why = pictures.why
        self._about = pictures.about
        self._charts = charts
        self._people = people
        self._handlers = self._patterns()

    def _patterns(self) -> dict[re.Pattern[str], Callable[[_Pressed], str | None]]:
        return {
            keyboards.NEXT: self._next,
            words.PICK: self._pick,
            words.PIN: self._pin,
            words.UNHIDE: self._unhide,
            keyboards.RATE: self._rate,
            menu.FOLD: self._fold,
            menu.ABOUT: self._tell_about,
            why.PREFER: self._prefer,
            keyboards.VOTE: self._vote,
            keyboards.EXCLUDE: self._exclude,
            keyboards.EXCLUDED: self._turn_page,
            keyboards.RESTORE: self._restore,
            keyboards.FORGET: self._forget,
            keyboards.CHART: self._chart,
            people_words.PRESS: self._change_person,
            chat_settings.SHOW: self._show_settings,
            chat_settings.SET: self._set,
            chat_settings.ZONE: self._choose_zone,
            chat_settings.PURGE: self._purge,
            CHANGE: self._change_schedules,
            ADD: self._add_schedule,
        }

    def handle(self, update_id: int, press: types.CallbackQuery, texts: Texts) -> str:
        """Handle a press, and return the answer to it or an empty text. Raises StoreError."""
        for pattern, handler in self._handlers.items():
            match = pattern.fullmatch(press.data or "")
            if match and (message := press.message):
                where = (message.chat.id, self._topic(message))
                ids = (update_id, *where, press.from_user.id, message.message_id)
                is_text = bool(getattr(message, "text", None))
                return handler(_Pressed(*ids, is_text, data_under(message), texts, match)) or ""
        return ""

    def _topic(self, message: types.Message | types.InaccessibleMessage) -> int:
        """The forum topic of a message; a deleted one does not tell it."""
        if isinstance(message, types.Message):
            return topic_of(message)
        return self._buttons.topic(message.chat.id, message.message_id)

    def _next(self, press: _Pressed) -> None:
        # The button of older versions names no source.
        self._ask(press, press.match["source"] or "")

    def _pick(self, press: _Pressed) -> None:
        count = min(max(int(press.match["count"]), 1), MOST_PICTURES)
        self._ask(press, press.match["source"], count=count)

    def _ask(
        self,
        press: _Pressed,
        source: str,
        *,
        count: int = 1,
        trigger: Trigger = Trigger.COMMAND,
        after: Shown | None = None,
    ) -> None:
        with suppress(ValueError):  # a key of another version
            self._requests.ask(
                press.update_id,
                press.chat_id,
                press.user_id,
                count=count,
                trigger=trigger,
                language=press.texts.language,
                source=from_key(source).key if source else "",
                after=after,
                topic=press.topic,
            )

    def _pin(self, press: _Pressed) -> None:
        pin = partial(self._pin_and_mark, press)
        self._outbox.reply(press.chat_id, pin, press.texts("cannot_answer"), topic=press.topic)

    def _pin_and_mark(self, press: _Pressed) -> Reply:
        """Make a filter the standing one, and mark it in the list. Asks Stash, and is slow."""
        reply = self._filters.pin(press.chat_id, int(press.match["id"]), press.texts)
        listing = self._filters.listing(press.chat_id, press.texts)
        if listing.rows:  # Stash has answered
            self._edit(press, listing)
        return reply

    def _unhide(self, press: _Pressed) -> str:
        with suppress(ValueError):
            feature = Feature(Facet(press.match["facet"]), int(press.match["id"]))
            return self._hiding.bring_back(press.chat_id, press.user_id, 0, feature, press.texts)
        return ""

    def _fold(self, press: _Pressed) -> None:
        is_unfolded = press.match["action"] == "menu"
        self._buttons.unfold(press.chat_id, press.shown, is_unfolded=is_unfolded)
        self._redraw(press)

    def _tell_about(self, press: _Pressed) -> None:
        about = self._about
        answers = {"info": about.info, "original": about.original, "why": about.why}
        tell = answers[press.match["what"]]
        tell(press.chat_id, press.shown, press.topic, press.texts)

    def _prefer(self, press: _Pressed) -> str:
        """Take a vote on a feature, and mark it under the answer that has its buttons."""
        image_id, named = int(press.match["image"]), press.match["vote"]
        feature = Feature(Facet(press.match["facet"]), int(press.match["id"]))
        vote = None if named == "none" else Vote(named)
        ids = (press.update_id, press.chat_id, press.user_id, image_id)
        note = self._why.vote(Press(*ids, vote), feature, press.texts)
        offered = why.offered(press.beside)
        rows = self._why.buttons(press.chat_id, image_id, press.texts, offered)
        self._outbox.redraw(press.chat_id, press.message_id, rows)
        return note

    def _vote(self, press: _Pressed) -> str:
        image_id, named = int(press.match["image"]), press.match["vote"]
        asked = None if named == "none" or press.match["ticked"] else Vote(named)
        ids = (press.update_id, press.chat_id, press.user_id)
        note, wants_next = self._voting.vote(Press(*ids, image_id, asked), press.texts)
        if wants_next and not press.is_text:  # under an album no next picture follows
            source = self._buttons.next_source(press.chat_id, press.shown)
            self._ask(press, source, trigger=Trigger.VOTE, after=press.shown)
        self._redraw(press)
        return note

    def _rate(self, press: _Pressed) -> str:
        image_id, stars = int(press.match["image"]), int(press.match["stars"])
        ids = (press.update_id, press.chat_id, press.user_id, image_id)
        asked = Press(*ids, vote_of(stars), stars) if stars else Press(*ids, None)
        note, _ = self._voting.vote(asked, press.texts)
        self._redraw(press)
        return note

    def _exclude(self, press: _Pressed) -> str:
        image_id = int(press.match["image"])
        feature = Feature(Facet(press.match["facet"]), int(press.match["id"]))
        is_excluded = press.match["action"] == "exclude"
        change = self._hiding.hide if is_excluded else self._hiding.bring_back
        note = change(press.chat_id, press.user_id, image_id, feature, press.texts)
        # Replaces the picture that is ready if it is excluded now.
        source = self._buttons.next_source(press.chat_id, press.shown)
        self._requests.prefetch(press.chat_id, source, is_for_user=True)
        if press.is_text:  # the list that /hide has sent
            offer = self._hiding.offer(press.chat_id, image_id, press.texts)
            self._outbox.redraw(press.chat_id, press.message_id, offer.rows)
        else:
            self._redraw(press)
        return note

    def _turn_page(self, press: _Pressed) -> None:
        page = int(press.match["page"])
        self._edit(press, self._hiding.listing(press.chat_id, page, press.texts))

    def _restore(self, press: _Pressed) -> str:
        exclusion_id = int(press.match["id"])
        note = self._hiding.restore(press.chat_id, press.user_id, exclusion_id, press.texts)
        self._turn_page(press)
        return note

    def _forget(self, press: _Pressed) -> None:
        answer = press.match["answer"]
        self._edit(press, self._voting.forget(press.chat_id, answer, press.texts))

    def _chart(self, press: _Pressed) -> None:
        self._charts.send(press.chat_id, press.message_id, press.topic, press.texts)

    def _change_schedules(self, press: _Pressed) -> None:
        action, schedule_id = press.match["action"], int(press.match["id"])
        reply = self._schedules.press(press.chat_id, action, schedule_id, press.texts)
        self._edit(press, reply)

    def _add_schedule(self, press: _Pressed) -> None:
        asked, where = read_argument(press.match["argument"]), (press.chat_id, press.topic)
        if asked.what and press.chat_id > 0:  # the bot asks Stash for the name
            add = partial(self._filters.schedule, *where, asked, press.texts)
            trouble = press.texts("cannot_answer")
            self._outbox.reply(press.chat_id, add, trouble, edits=press.message_id)
        else:
            self._edit(press, self._schedules.change(*where, asked, press.texts))

    def _change_person(self, press: _Pressed) -> None:
        if reply := self._people.press(press.user_id, press.match, press.texts):
            self._edit(press, reply)

    def _show_settings(self, press: _Pressed) -> None:
        self._edit(
            press, self._settings.show(press.chat_id, press.match["name"] or "", press.texts)
        )

    def _set(self, press: _Pressed) -> None:
        name, text = press.match["name"], press.match["text"]
        self._edit(press, self._settings.change(press.chat_id, name, text, press.texts))

    def _choose_zone(self, press: _Pressed) -> None:
        """Set the time zone that was asked for, and show the schedules by it."""
        self._settings.change(press.chat_id, "timezone", press.match["text"], press.texts)
        self._edit(press, self._schedules.listing(press.chat_id, press.texts))

    def _purge(self, press: _Pressed) -> None:
        """Answer in the background: Telegram is asked for the rights of the user."""
        ids, texts = (press.chat_id, press.topic, press.user_id), press.texts
        answer = partial(self._deletion.answer, *ids, press.match["step"], texts)
        trouble = texts("cannot_answer")
        self._outbox.reply(press.chat_id, answer, trouble, edits=press.message_id)

    def _redraw(self, press: _Pressed) -> None:
        looks = self._buttons.looks(press.chat_id, press.shown, press.texts)
        for message_id, look in looks:
            self._outbox.redraw(press.chat_id, message_id, look.rows, look.caption)

    def _edit(self, press: _Pressed, reply: Reply) -> None:
        self._outbox.edit(press.chat_id, press.message_id, reply)
