"""The state of the stand-in: users, chats, messages, files and callback queries.

It knows no HTTP; `botapi` checks the calls.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from .chats import Answer, CallbackQuery, Chat, Draft, Event, Message, User
from .files import File
from .limits import Keyboard, Refusal, bad_request
from .markup import find_commands
from .updates import QUERY_LIFETIME_S, Updates


class Messenger:
    """The state of the stand-in. Thread-safe; methods raise Refusal as Telegram would.

    `changed` guards all state and is notified at every change. `updates` is the queue for the
    bot. `keep` is the number of messages that a chat keeps, with their files. `clock`
    (monotonic seconds) ages updates and callback queries.
    """

    def __init__(
        self, bot: User, users: Iterable[User], *, clock: Callable[[], float], keep: int
    ) -> None:
        self.bot = bot
        self.changed = threading.Condition(threading.RLock())
        self.updates = Updates(self.changed, clock, self._note_read)
        self.commands: dict[tuple[str, str], list[dict[str, str]]] = {}
        self.answers: list[Answer] = []
        self.callback_queries: dict[str, CallbackQuery] = {}
        self._clock = clock
        self._keep = keep
        self._users: dict[int, User] = {}
        self._chats: dict[int, Chat] = {}
        self._messages: dict[int, dict[int, Message]] = {}
        self._last_id: dict[int, int] = {}
        self._read: dict[int, int] = {}
        self._files: dict[str, File] = {}
        self._blocked: set[int] = set()
        self._moved: dict[int, int] = {}
        self._listeners: list[queue.SimpleQueue[Event]] = []
        for user in users:
            self.add_user(user)

    # Users and chats

    def add_user(self, user: User) -> None:
        """Add or replace a user; the user has started the bot."""
        with self.changed:
            self._users[user.id] = user
            self._chats[user.id] = Chat(user.id, "private", user.first_name)

    def add_chat(self, chat: Chat) -> None:
        with self.changed:
            self._chats[chat.id] = chat

    def user(self, user_id: int) -> User:
        with self.changed:
            return self._users.get(user_id) or User(user_id, f"Stranger {user_id}")

    def chat(self, chat_id: int) -> Chat:
        """A known chat, also one that is closed to the bot."""
        with self.changed:
            if chat_id not in self._chats:
                raise bad_request("chat not found")
            return self._chats[chat_id]

    def open_chat(self, chat_id: int) -> Chat:
        """A chat to which the bot may write."""
        with self.changed:
            if chat_id in self._moved:
                raise Refusal(
                    400,
                    "Bad Request: group chat was upgraded to a supergroup chat",
                    migrate_to_chat_id=self._moved[chat_id],
                )
            chat = self.chat(chat_id)
            if chat_id in self._blocked:
                raise Refusal(403, f"Forbidden: {_refusal_reason(chat)}")
            return chat

    def set_blocked(self, chat_id: int, *, is_blocked: bool) -> None:
        """Block or unblock the bot in a chat, and tell the bot."""
        with self.changed:
            if (chat_id in self._blocked) == is_blocked:
                return
            (self._blocked.add if is_blocked else self._blocked.discard)(chat_id)
            before, after = ("member", "kicked") if is_blocked else ("kicked", "member")
            chat = self.chat(chat_id)
            author = chat.members[0] if chat.members else chat_id
            self.updates.put_event(
                "my_chat_member",
                {
                    "chat": chat.as_json(),
                    "from": self.user(author).as_json(),
                    "date": int(time.time()),
                    "old_chat_member": {"user": self.bot.as_json(), "status": before},
                    "new_chat_member": {"user": self.bot.as_json(), "status": after}
                    | ({"until_date": 0} if is_blocked else {}),
                },
            )

    def move(self, old: int, new: int) -> None:
        """Turn a group into a supergroup; both chats get a service message."""
        with self.changed:
            chat = self.chat(old)
            self._chats[new] = replace(chat, id=new, type="supergroup")
            self._moved[old] = new
            author = self.user(chat.members[0] if chat.members else self.bot.id)
            for chat_id, field_name, other in (
                (old, "migrate_to_chat_id", new),
                (new, "migrate_from_chat_id", old),
            ):
                (notice,) = self.post(chat_id, author, [Draft(service={field_name: other})])
                self.updates.put_event("message", self.as_json(notice))

    # Messages

    def post(self, chat_id: int, sender: User, drafts: Iterable[Draft]) -> list[Message]:
        """Add messages to a chat in one step."""
        with self.changed:
            posted = [self._post(chat_id, sender, draft) for draft in drafts]
            self._publish(Event("message", chat_id, posted))
            self._forget_oldest(chat_id)
            return posted

    def _post(self, chat_id: int, sender: User, draft: Draft) -> Message:
        message_id = self._last_id[chat_id] = self._last_id.get(chat_id, 0) + 1
        message = Message(
            **vars(draft), id=message_id, chat_id=chat_id, sender=sender, date=int(time.time())
        )
        self._messages.setdefault(chat_id, {})[message_id] = message
        if message.file:
            self._files |= {size.file_id: message.file for size in message.file.sizes}
        return message

    def _forget_oldest(self, chat_id: int) -> None:
        messages = self._messages[chat_id]
        for message_id in list(messages)[: -self._keep]:
            file = messages[message_id].file
            self.delete(chat_id, message_id)
            if file and not any(file is other.file for other in self._everything()):
                for size in file.sizes:
                    self._files.pop(size.file_id, None)

    def _everything(self) -> Iterator[Message]:
        for messages in self._messages.values():
            yield from messages.values()

    def messages(self, chat_id: int) -> list[Message]:
        """The messages of a chat, oldest first."""
        with self.changed:
            return list(self._messages.get(chat_id, {}).values())

    def message(self, chat_id: int, message_id: int) -> Message | None:
        with self.changed:
            return self._messages.get(chat_id, {}).get(message_id)

    def edit(self, message: Message, **changes: object) -> Message:
        """Change a message. Telegram refuses an edit that changes nothing."""
        with self.changed:
            changed = replace(message, **changes)  # type: ignore[arg-type]
            if changed == message:
                raise bad_request(
                    "message is not modified: specified new message content and reply markup are "
                    "exactly the same as a current content and reply markup of the message"
                )
            if "text" in changes:
                changed = replace(changed, edited_at=int(time.time()))
            self._messages[message.chat_id][message.id] = changed
            self._publish(Event("edited", message.chat_id, changed))
            return changed

    def delete(self, chat_id: int, message_id: int) -> None:
        with self.changed:
            if self._messages.get(chat_id, {}).pop(message_id, None) is None:
                raise bad_request("message to delete not found")
            self._publish(Event("deleted", chat_id, message_id))

    def keyboard(self, chat_id: int) -> Keyboard:
        """The reply keyboard: that of the newest message that set or removed one."""
        for message in reversed(self.messages(chat_id)):
            if message.keyboard is not None:
                return message.keyboard
        return ()

    def as_json(self, message: Message) -> dict[str, object]:
        """The Bot API's Message."""
        text, entities = ("caption", "caption_entities") if message.file else ("text", "entities")
        replied = self.message(message.chat_id, message.reply_to)
        keyboard = [[button.as_json() for button in row] for row in message.buttons]
        optional: dict[str, object] = {
            text: message.text,
            entities: [entity.as_json() for entity in message.entities],
            "media_group_id": message.album,
            "message_thread_id": message.topic,
            "is_topic_message": bool(message.topic),
            "edit_date": message.edited_at,
            "has_media_spoiler": message.is_spoiler,
            "has_protected_content": message.is_protected,
            "show_caption_above_media": message.is_caption_above,
            "reply_markup": {"inline_keyboard": keyboard} if keyboard else None,
            "reply_to_message": self.as_json(replace(replied, reply_to=0)) if replied else None,
        }
        return {
            "message_id": message.id,
            "from": message.sender.as_json(),
            "chat": self.chat(message.chat_id).as_json(),
            "date": message.date,
            **{name: value for name, value in optional.items() if value},
            **(message.file.as_json() if message.file else {}),
            **message.service,
        }

    # Files

    def file(self, file_id: str) -> File | None:
        with self.changed:
            return self._files.get(file_id)

    def shown_file(self, chat_id: int, key: str) -> File | None:
        """A file of a message in the chat, by its file_unique_id."""
        for message in self.messages(chat_id):
            if message.file and message.file.key == key:
                return message.file
        return None

    def forget_files(self) -> None:
        """Make every file_id unknown; the messages keep their files."""
        with self.changed:
            self._files.clear()

    # Actions of users

    def say(self, chat_id: int, sender: User, text: str, topic: int = 0) -> Message:
        """A user sends a text; the bot gets it as its next update."""
        with self.changed:
            draft = Draft(text, find_commands(text), topic=topic)
            (message,) = self.post(chat_id, sender, [draft])
            self.updates.put_event("message", self.as_json(message))
            return message

    def press(self, chat_id: int, message_id: int, data: str, sender: User) -> str:
        """Queue a callback query and return its id; the message may be deleted."""
        with self.changed:
            query_id = str(4_380_000_000_000_000 + len(self.callback_queries))
            self.callback_queries[query_id] = CallbackQuery(chat_id, message_id, self._clock())
            message = self.message(chat_id, message_id)
            gone = {"chat": self.chat(chat_id).as_json(), "message_id": message_id, "date": 0}
            self.updates.put_event(
                "callback_query",
                {
                    "id": query_id,
                    "from": sender.as_json(),
                    "message": self.as_json(message) if message else gone,
                    "chat_instance": str(chat_id),
                    "data": data,
                },
            )
            return query_id

    def answer(self, answer: Answer) -> None:
        """Store the bot's answer to a callback query that is not too old."""
        with self.changed:
            query = self.callback_queries.get(answer.query_id)
            if query is None or self._clock() - query.pressed_at > QUERY_LIFETIME_S:
                raise bad_request(
                    "query is too old and response timeout expired or query ID is invalid"
                )
            self.answers.append(answer)
            self._publish(Event("answer", query.chat_id, answer))

    def _note_read(self, update: dict[str, Any]) -> None:
        """Mark the message of a confirmed update as read."""
        match update:
            case {"message": {"chat": {"id": int(chat_id)}, "message_id": int(message_id)}}:
                self._read[chat_id] = message_id
                self._publish(Event("read", chat_id, message_id))

    def last_read(self, chat_id: int) -> int:
        """The id of the newest message whose update is confirmed; 0 if there is none."""
        with self.changed:
            return self._read.get(chat_id, 0)

    # Events

    def send_action(self, chat_id: int, action: str) -> None:
        """Publish a chat action."""
        self._publish(Event("action", chat_id, action))

    def set_commands(self, scope: str, language: str, commands: list[dict[str, str]]) -> None:
        with self.changed:
            self.commands[scope, language] = commands
            self._publish(Event("commands", 0, None))

    def commands_for(self, chat: Chat, language: str) -> list[dict[str, str]]:
        """The command list of the narrowest scope that has one."""
        everywhere = "all_private_chats" if chat.type == "private" else "all_group_chats"
        with self.changed:
            for scope in (f"chat {chat.id}", everywhere, "default"):
                for code in (language, ""):
                    if commands := self.commands.get((scope, code)):
                        return commands
        return []

    @contextmanager
    def listen(self) -> Iterator[queue.SimpleQueue[Event]]:
        """A queue of the events from now on, until the block ends."""
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        with self.changed:
            self._listeners.append(events)
        try:
            yield events
        finally:
            with self.changed:
                self._listeners.remove(events)

    def _publish(self, event: Event) -> None:
        with self.changed:
            for events in self._listeners:
                events.put(event)
            self.changed.notify_all()


def _refusal_reason(chat: Chat) -> str:
    if chat.type == "private":
        return "bot was blocked by the user"
    return f"bot was kicked from the {chat.type} chat"
