"""The demo's Telegram with faults, a record of its calls, and users that the tests play."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from stashbot.demo.http import Response
from stashbot.demo.telegram import standin
from stashbot.demo.telegram.chats import Chat, Draft, Message, User
from stashbot.demo.telegram.form import Arguments
from stashbot.demo.telegram.limits import Button, Refusal

from .checks import check
from .flood import Flood, too_many_requests
from .http import Server
from .pictures import measure


@dataclass(frozen=True)
class Call:
    """A call of the Bot API and its answer. `time` is in monotonic seconds.

    `params` are text, as Telegram reads them; `answer` is the whole JSON object.
    """

    method: str
    params: dict[str, str]
    files: dict[str, tuple[str, bytes]]
    time: float
    status: int
    answer: dict[str, Any]

    @property
    def chat_id(self) -> int:
        return int(self.params.get("chat_id", 0))

    def json(self, name: str) -> Any:
        """The decoded JSON of a parameter; None if there is none."""
        return json.loads(self.params[name]) if name in self.params else None


@dataclass(frozen=True)
class Answer:
    """The bot's answer to a callback query."""

    query_id: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Seen(Message):
    """A message as a test looks at it."""

    def button(self, label: str) -> Button:
        """The first button whose label contains this text. Raises KeyError."""
        for button in (button for row in self.buttons for button in row):
            if label in button.text:
                return button
        raise KeyError(label)


class TelegramStandIn(standin.TelegramStandIn):
    """Telegram on this machine. Thread-safe; starts at once; a context manager.

    `delay` is the time of each answer in seconds. It checks parameters as Telegram does; Pillow
    judges the pictures. With `flood_limits`, a bot that sends too fast gets 429. The other
    options are those of the demo.
    """

    def __init__(
        self,
        token: str,
        *,
        delay: float = 0.0,
        flood_limits: bool = False,
        clock: Callable[[], float] = time.monotonic,
        **options: Any,
    ) -> None:
        self._delay = delay
        self.flood = Flood(clock) if flood_limits else None
        self._calls: list[Call] = []
        self._closed: dict[int, Refusal] = {}
        super().__init__(token, measure=measure, **options)

    @property
    def api_url(self) -> str:
        """The bot's replacement for https://api.telegram.org."""
        return self.url

    # Actions of users

    def user(self, user_id: int) -> User:
        """A user, known or not."""
        return self._messenger.users.get(user_id) or User(user_id, f"Stranger {user_id}")

    def say(
        self,
        user_id: int,
        text: str,
        *,
        chat_id: int = 0,
        language_code: str = "",
        topic: int = 0,
        reply_to: int = 0,
    ) -> Message:
        """A user, known or not, writes into the private chat, or into `chat_id` and `topic`."""
        user = self.user(user_id)
        if language_code:
            user = User(user.id, user.first_name, user.username, language_code)
        if not chat_id:
            self._messenger.add_user(user)
        return self._messenger.say(chat_id or user_id, user, text, topic, reply_to)

    def react(self, message, old, new, *, user_id, chat_id=0, **changes) -> None:
        """A user changes the reactions to a message, from these emoji to those."""
        kinds = [[{"type": "emoji", "emoji": each} for each in emoji] for emoji in (old, new)]
        reaction = {
            "chat": self._messenger.chat(chat_id or user_id).as_json(),
            "message_id": message.id,
            "user": self.user(user_id).as_json(),
            "date": int(time.time()),
            "old_reaction": kinds[0],
            "new_reaction": kinds[1],
        }
        self._messenger.updates.put_event("message_reaction", reaction | changes)

    def press(self, message: Message | int, data: str, *, user_id: int, chat_id: int = 0) -> str:
        """A user presses a button, which may be gone. Returns the id of the callback query.

        `chat_id` is needed only if `message` is the id of a message in a group.
        """
        user = self.user(user_id)
        if isinstance(message, Message):
            return self._messenger.press(message.chat_id, message.id, data, user)
        return self._messenger.press(chat_id or user_id, message, data, user)

    def add_user(self, user: User) -> None:
        self._messenger.add_user(user)

    def add_group(
        self,
        chat_id: int,
        title: str,
        members: Iterable[int] = (),
        *,
        type: str = "group",
        topics: Iterable[int] = (),
        administrators: Iterable[int] = (),
    ) -> None:
        """Put the bot into a group, supergroup or channel; one with `topics` is a forum."""
        with self._messenger.changed:
            groups = map(tuple, (members, topics, administrators))
            chat = Chat(chat_id, type, title, *groups)
            self._messenger.chats[chat_id] = chat

    def block(self, chat_id: int) -> None:
        """A user blocks the bot, or a group removes it; the bot gets an update."""
        chat = self._messenger.chat(chat_id)
        is_private = chat.type == "private"
        reason = "blocked by the user" if is_private else f"kicked from the {chat.type} chat"
        with self._messenger.changed:
            if chat_id not in self._closed:
                self._closed[chat_id] = Refusal(403, f"Forbidden: bot was {reason}")
                self._tell_of_membership(chat, "member", {"status": "kicked", "until_date": 0})

    def unblock(self, chat_id: int) -> None:
        """The bot may write to the chat again and gets an update."""
        with self._messenger.changed:
            if self._closed.pop(chat_id, None):
                chat = self._messenger.chat(chat_id)
                self._tell_of_membership(chat, "kicked", {"status": "member"})

    def _tell_of_membership(self, chat: Chat, before: str, after: dict[str, object]) -> None:
        bot = self._messenger.bot.as_json()
        author = self.user(chat.members[0] if chat.members else chat.id)
        self._messenger.updates.put_event(
            "my_chat_member",
            {
                "chat": chat.as_json(),
                "from": author.as_json(),
                "date": int(time.time()),
                "old_chat_member": {"user": bot, "status": before},
                "new_chat_member": {"user": bot, **after},
            },
        )

    def upgrade_group(self, old: int, new: int) -> None:
        """Turn a group into a supergroup; Telegram refuses the old id from now on.

        Both chats get a service message.
        """
        with self._messenger.changed:
            chat = self._messenger.chat(old)
            self.add_group(new, chat.title, chat.members, type="supergroup")
            reason = "Bad Request: group chat was upgraded to a supergroup chat"
            self._closed[old] = Refusal(400, reason, migrate_to_chat_id=new)
            author = self.user(chat.members[0] if chat.members else self._messenger.bot.id)
            for chat_id, field, other in (
                (old, "migrate_to_chat_id", new),
                (new, "migrate_from_chat_id", old),
            ):
                [notice] = self._messenger.post(chat_id, author, [Draft(service={field: other})])
                self._messenger.updates.put_event("message", self._messenger.as_json(notice))

    def put_update(self, update: dict[str, Any]) -> None:
        """Queue an update, also a malformed one; it gets an update_id if it has none."""
        self._messenger.updates.put(update)

    def forget_files(self) -> None:
        """Make all file_ids unknown; the messages keep their files."""
        with self._messenger.changed:
            self._messenger.files.clear()

    # The chats as users see them

    def messages(self, chat_id: int) -> list[Seen]:
        """All messages of a chat, oldest first."""
        return [Seen(**vars(message)) for message in self._messenger.messages(chat_id)]

    def keyboard(self, chat_id: int) -> tuple[tuple[str, ...], ...]:
        """The reply keyboard of a chat, row by row."""
        return self._messenger.keyboard(chat_id)

    @property
    def answers(self) -> list[Answer]:
        """The bot's answers to callback queries, oldest first."""
        return [
            Answer(call.params["callback_query_id"], call.params.get("text", ""))
            for call in self.calls
            if call.method == "answerCallbackQuery" and call.status == 200
        ]

    def pending(self) -> list[dict[str, Any]]:
        """The updates that the bot has not confirmed yet."""
        return self._messenger.updates.pending()

    # Calls of the bot

    @property
    def calls(self) -> list[Call]:
        """The calls of the Bot API, in the order of their answers.

        A call that met a fault is missing, unless the fault lost only its answer.
        """
        with self._messenger.changed:
            return list(self._calls)

    def wait_for(
        self, wanted: str | Callable[[Call], bool], *, count: int = 1, timeout: float = 30
    ) -> list[Call]:
        """Wait for `count` calls since the start: of a method, or that satisfy a predicate.

        Returns all such calls. Raises TimeoutError, which names the calls so far.
        """
        fits = wanted if callable(wanted) else lambda call: call.method.lower() == wanted.lower()
        with self._messenger.changed:
            if self._messenger.changed.wait_for(lambda: self._count(fits) >= count, timeout):
                return [call for call in self._calls if fits(call)]
            came = ", ".join(f"{call.method} {call.status}" for call in self._calls)
        raise TimeoutError(f"no {count} × {wanted} within {timeout} s; calls so far: {came}")

    def _count(self, fits: Callable[[Call], bool]) -> int:
        return sum(fits(call) for call in self._calls)

    def wait_for_poll(self, timeout: float = 30) -> None:
        """Wait until the bot waits for updates. Raises TimeoutError."""
        updates = self._messenger.updates
        with self._messenger.changed:
            if not self._messenger.changed.wait_for(lambda: updates.waiting, timeout):
                raise TimeoutError(f"no getUpdates within {timeout} s")

    # HTTP

    def _serve(self, port: int) -> Server:
        return Server(self._handle, port=port, delay=self._delay, flood=_flood)

    def _call(self, token: str, method: str, arguments: Arguments) -> Response:
        began = time.monotonic()
        response = super()._call(token, method, arguments)
        answer = json.loads(response.body)
        call = Call(method, arguments.params, arguments.files, began, response.status, answer)
        with self._messenger.changed:
            self._calls.append(call)
            self._messenger.changed.notify_all()
        return response

    def _carry_out(self, method: str, arguments: Arguments) -> object:
        if self.flood:
            self.server.stopping.wait(self.flood.admit(method, arguments))
        chat_id, writes = arguments.number("chat_id"), method.startswith(("send", "edit", "delete"))
        if writes and chat_id in self._closed:
            raise self._closed[chat_id].with_traceback(None)  # it may have been raised before
        check(method, arguments, self._messenger.files)
        return super()._carry_out(method, arguments)


def _flood(seconds: float) -> Response:
    return standin.respond(too_many_requests(seconds).as_json(), 429)
