"""The state of the stand-in: users, chats, messages, files and callback queries.

It knows no HTTP; `botapi` checks the calls.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

from .chats import Chat, Draft, Event, Message, User
from .files import File
from .limits import Keyboard, bad_request
from .markup import find_commands
from .updates import Updates

DELETABLE_S = 48 * 3600
FIRST_QUERY_ID = 4_380_000_000_000_000


class Messenger:
    """The state of the stand-in. Thread-safe; methods raise Refusal as Telegram would.

    `changed` guards all state and is notified at every change. `updates` is the queue for the
    bot. `keep` is the number of messages that a chat keeps, with their files.
    """

    def __init__(self, bot: User, users: Iterable[User], *, keep: int) -> None:
        self.bot = bot
        self.changed = threading.Condition(threading.RLock())
        self.updates = Updates(self.changed, self._note_read)
        self.users: dict[int, User] = {}
        self.chats: dict[int, Chat] = {}
        self.files: dict[str, File] = {}
        self._commands: dict[tuple[str, str], list[dict[str, str]]] = {}
        self._queries: dict[str, int] = {}  # id -> chat
        self._query_ids = count(FIRST_QUERY_ID)
        self._keep = keep
        self._messages: defaultdict[int, dict[int, Message]] = defaultdict(dict)
        self._message_ids: defaultdict[int, Iterator[int]] = defaultdict(lambda: count(1))
        self._read: dict[int, int] = {}
        self._listeners: list[queue.SimpleQueue[Event]] = []
        for user in users:
            self.add_user(user)

    # Users and chats

    def add_user(self, user: User) -> None:
        """Add or replace a user; the user has started the bot."""
        with self.changed:
            self.users[user.id] = user
            self.chats[user.id] = Chat(user.id, "private", user.first_name)

    def chat(self, chat_id: int) -> Chat:
        """A known chat. Raises Refusal."""
        with self.changed:
            if chat_id not in self.chats:
                raise bad_request("chat not found")
            return self.chats[chat_id]

    # Messages

    def post(self, chat_id: int, sender: User, drafts: Iterable[Draft]) -> list[Message]:
        """Add messages to a chat in one step."""
        with self.changed:
            posted = [self._post(chat_id, sender, draft) for draft in drafts]
            self._publish(Event("message", chat_id, posted))
            for message_id in list(self._messages[chat_id])[: -self._keep]:
                self._forget(chat_id, message_id)
            return posted

    def _post(self, chat_id: int, sender: User, draft: Draft) -> Message:
        key, date = next(self._message_ids[chat_id]), int(time.time())
        message = Message(**vars(draft), id=key, chat_id=chat_id, sender=sender, date=date)
        self._messages[chat_id][key] = message
        if message.file:
            self.files |= {size.file_id: message.file for size in message.file.sizes}
        return message

    def _forget(self, chat_id: int, message_id: int) -> None:
        """Delete a message, and its file unless another message has it too."""
        file = self._messages[chat_id].pop(message_id).file
        others = (each.file for chat in self._messages.values() for each in chat.values())
        if file and not any(file is other for other in others):
            for size in file.sizes:
                self.files.pop(size.file_id, None)
        self._publish(Event("deleted", chat_id, message_id))

    def delete(self, chat_id: int, message_ids: Iterable[int]) -> None:
        """Delete the bot's messages of the last 48 hours among these."""
        with self.changed:
            for message in filter(None, [self.message(chat_id, id) for id in message_ids]):
                if message.sender == self.bot and time.time() - message.date < DELETABLE_S:
                    self._forget(chat_id, message.id)

    def messages(self, chat_id: int) -> list[Message]:
        """The messages of a chat, oldest first."""
        with self.changed:
            return list(self._messages[chat_id].values())

    def message(self, chat_id: int, message_id: int) -> Message | None:
        with self.changed:
            return self._messages[chat_id].get(message_id)

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
        # In a supergroup a reply belongs to a thread, also outside of the topics.
        thread = message.reply_to if self.chat(message.chat_id).type == "supergroup" else 0
        optional: dict[str, object] = {
            text: message.text,
            entities: [entity.as_json() for entity in message.entities],
            "media_group_id": message.album,
            "message_thread_id": message.topic or thread,
            "is_topic_message": bool(message.topic),
            "edit_date": message.edited_at,
            "has_media_spoiler": message.is_spoiler,
            "has_protected_content": message.is_protected,
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

    # Actions of users

    def say(
        self, chat_id: int, sender: User, text: str, topic: int = 0, reply_to: int = 0
    ) -> Message:
        """A user sends a text; the bot gets it as its next update."""
        with self.changed:
            draft = Draft(text, find_commands(text), topic=topic, reply_to=reply_to)
            (message,) = self.post(chat_id, sender, [draft])
            self.updates.put_event("message", self.as_json(message))
            return message

    def press(self, chat_id: int, message_id: int, data: str, sender: User) -> str:
        """Queue a callback query and return its id; the message may be deleted."""
        with self.changed:
            query_id = str(next(self._query_ids))
            self._queries[query_id] = chat_id
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

    def answer(self, query_id: str, text: str) -> None:
        """Show the bot's only answer to a callback query."""
        with self.changed:
            if query_id not in self._queries:
                raise bad_request("query is too old")
            chat_id = self._queries.pop(query_id)
            self._publish(Event("answer", chat_id, {"id": query_id, "text": text}))

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
            self._commands[scope, language] = commands
            self._publish(Event("commands", 0, None))

    def commands_for(self, chat: Chat, language: str) -> list[dict[str, str]]:
        """The command list of the narrowest scope that has one."""
        everywhere = "all_private_chats" if chat.type == "private" else "all_group_chats"
        with self.changed:
            for scope in (f"chat {chat.id}", everywhere, "default"):
                for code in (language, ""):
                    if commands := self._commands.get((scope, code)):
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
