"""The methods of the Bot API: parameters, refusals and answers.

The refusals depend on the chats, and their texts are those of the official server
(tdlib/telegram-bot-api). `tests/standins/checks.py` refuses wrong parameters.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from ...models import Kind
from .chats import Chat, Draft, Message
from .files import File, Measure, accept
from .form import Arguments, read_album
from .limits import MAX_CAPTION, MAX_TEXT, Refusal, bad_request, read_reply_markup, read_text
from .markup import Entity, find_commands, in_order
from .messenger import Messenger

LONGEST_POLL_S = 50


class BotApi:
    """Carries out the Bot API calls that the bot makes. Thread-safe."""

    def __init__(self, messenger: Messenger, measure: Measure) -> None:
        self._messenger = messenger
        self._measure = measure
        self._methods: dict[str, Callable[[Arguments], object]] = {
            "getme": self._get_me,
            "getupdates": self._get_updates,
            "getwebhookinfo": self._get_webhook_info,
            "setmycommands": self._set_commands,
            "getchat": self._get_chat,
            "getchatmember": self._get_chat_member,
            "sendmessage": self._send_message,
            **{f"send{kind}": partial(self._send_file, kind) for kind in Kind},
            "sendmediagroup": self._send_media_group,
            "sendchataction": self._send_chat_action,
            "editmessagetext": self._edit_text,
            "editmessagecaption": self._edit_caption,
            "editmessagereplymarkup": self._edit_reply_markup,
            "deletemessages": self._delete_messages,
            "answercallbackquery": self._answer_callback_query,
        }

    def call(self, method: str, arguments: Arguments) -> object:
        """Carry out a call and return its `result`. Raises Refusal."""
        handler = self._methods.get(method.lower())
        if handler is None:
            raise Refusal(404, "Not Found: method not found")
        return handler(arguments)

    # The bot itself

    def _get_me(self, _: Arguments) -> object:
        return self._messenger.bot.as_json() | {
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
        }

    def _get_updates(self, arguments: Arguments) -> object:
        if arguments.text("allowed_updates"):
            self._messenger.updates.allow(arguments.items("allowed_updates"))
        limit = arguments.number("limit")
        return self._messenger.updates.poll(
            arguments.number("offset"),
            limit if 1 <= limit <= 100 else 100,
            min(LONGEST_POLL_S, max(0, arguments.number("timeout"))),
        )

    def _get_webhook_info(self, _: Arguments) -> object:
        return {
            "url": "",
            "has_custom_certificate": False,
            "pending_update_count": len(self._messenger.updates.pending()),
        }

    def _set_commands(self, arguments: Arguments) -> object:
        scope = arguments.object("scope") or {"type": "default"}
        if "chat_id" in scope:
            self._messenger.chat(int(scope["chat_id"]))
        audience = " ".join(map(str, scope.values()))
        language, commands = arguments.text("language_code"), arguments.items("commands")
        self._messenger.set_commands(audience, language, commands)
        return True

    # Chats

    def _chat(self, arguments: Arguments) -> Chat:
        return self._messenger.chat(arguments.number("chat_id"))

    def _get_chat(self, arguments: Arguments) -> object:
        chat = self._chat(arguments)
        return chat.as_json() | {"accent_color_id": 1, "max_reaction_count": 11}

    def _get_chat_member(self, arguments: Arguments) -> object:
        chat = self._chat(arguments)
        user = self._messenger.users.get(arguments.number("user_id"))
        if user is None:
            raise bad_request("user not found")
        status = "administrator" if user.id in chat.administrators else "left"
        if user.id in chat.members and status == "left":
            status = "member"
        return {"user": user.as_json(), "status": status}

    def _send_chat_action(self, arguments: Arguments) -> object:
        chat = self._chat(arguments)
        self._messenger.send_action(chat.id, arguments.text("action"))
        return True

    # Sending

    def _send_message(self, arguments: Arguments) -> object:
        chat = self._chat(arguments)
        text, entities = _read(arguments, "text", MAX_TEXT)
        return self._post_one(chat, arguments, Draft(text, entities))

    def _send_file(self, kind: Kind, arguments: Arguments) -> object:
        chat = self._chat(arguments)
        text, entities = _read(arguments, "caption", MAX_CAPTION)
        file = self._take_file(kind, kind.value, arguments)
        return self._post_one(chat, arguments, _file_draft(text, entities, file, arguments))

    def _post_one(self, chat: Chat, arguments: Arguments, draft: Draft) -> object:
        buttons, keyboard = read_reply_markup(arguments.text("reply_markup"))
        common = self._common(chat, arguments)
        draft = replace(draft, buttons=buttons, keyboard=keyboard, **common)
        (message,) = self._messenger.post(chat.id, self._messenger.bot, [draft])
        return self._messenger.as_json(message)

    def _common(self, chat: Chat, arguments: Arguments) -> dict[str, Any]:
        """The fields of a Draft that every sending method sets."""
        return {
            "topic": _topic(chat, arguments),
            "reply_to": self._replied_to(chat, arguments),
            "is_protected": arguments.flag("protect_content"),
        }

    def _replied_to(self, chat: Chat, arguments: Arguments) -> int:
        reply = arguments.object("reply_parameters")
        message_id = int(reply.get("message_id") or 0)
        if not message_id or self._messenger.message(chat.id, message_id):
            return message_id
        if reply.get("allow_sending_without_reply"):
            return 0
        raise bad_request("message to be replied not found")

    def _send_media_group(self, arguments: Arguments) -> object:
        items = read_album(arguments)
        chat = self._chat(arguments)
        common = self._common(chat, arguments)
        album = str(secrets.randbelow(9 * 10**16) + 10**16) if len(items) > 1 else ""
        drafts = [replace(self._take_item(item), album=album, **common) for item in items]
        posted = self._messenger.post(chat.id, self._messenger.bot, drafts)
        return [self._messenger.as_json(message) for message in posted]

    def _take_item(self, item: Arguments) -> Draft:
        """One item of an album."""
        text, entities = _read(item, "caption", MAX_CAPTION)
        file = self._take_file(Kind(item.text("type")), "media", item)
        return _file_draft(text, entities, file, item)

    def _take_file(self, kind: Kind, name: str, arguments: Arguments) -> File:
        """The file of a parameter: an upload or a known file_id."""
        value = arguments.text(name)
        upload = arguments.files.get(value.removeprefix("attach://") or name)
        if upload:
            sides = arguments.number("width"), arguments.number("height")
            return accept(kind, *upload, self._measure, sides)
        known = self._messenger.files.get(value)
        if known is None:
            raise bad_request("wrong file identifier/HTTP URL specified")
        return known

    # Editing and deleting

    def _edit_text(self, arguments: Arguments) -> object:
        message = self._own_message(arguments)
        if message.file:
            raise bad_request("there is no text in the message to edit")
        text, entities = _read(arguments, "text", MAX_TEXT)
        return self._edit(message, arguments, text=text, entities=entities)

    def _edit_caption(self, arguments: Arguments) -> object:
        message = self._own_message(arguments)
        if not message.file:
            raise bad_request("there is no caption in the message to edit")
        text, entities = _read(arguments, "caption", MAX_CAPTION)
        return self._edit(message, arguments, text=text, entities=entities)

    def _edit_reply_markup(self, arguments: Arguments) -> object:
        return self._edit(self._own_message(arguments), arguments)

    def _edit(self, message: Message, arguments: Arguments, **changes: object) -> object:
        buttons, keyboard = read_reply_markup(arguments.text("reply_markup"))
        if keyboard is not None:
            raise bad_request("inline keyboard expected")
        edited = self._messenger.edit(message, buttons=buttons, **changes)
        return self._messenger.as_json(edited)

    def _own_message(self, arguments: Arguments) -> Message:
        chat = self._chat(arguments)
        message = self._messenger.message(chat.id, arguments.number("message_id"))
        if message is None:
            raise bad_request("message to edit not found")
        if message.sender != self._messenger.bot:
            raise bad_request("message can't be edited")
        return message

    def _delete_messages(self, arguments: Arguments) -> object:
        """Delete the messages that may be deleted; Telegram skips the others."""
        chat = self._chat(arguments)
        ids = [int(id) for id in arguments.items("message_ids")]
        self._messenger.delete(chat.id, ids)
        return True

    def _answer_callback_query(self, arguments: Arguments) -> object:
        text, query_id = arguments.text("text"), arguments.text("callback_query_id")
        self._messenger.answer(query_id, text)
        return True


def _read(arguments: Arguments, name: str, limit: int) -> tuple[str, tuple[Entity, ...]]:
    """A text or caption and its entities, the bot commands in it among them."""
    text, entities = read_text(arguments.text(name), arguments.text("parse_mode"), limit=limit)
    # Telegram finds no commands inside these.
    taken = [entity for entity in entities if entity.type in ("code", "pre", "text_link")]
    commands = [
        command
        for command in find_commands(text)
        if not any(0 <= command.offset - each.offset < each.length for each in taken)
    ]
    return text, in_order([*entities, *commands])


def _topic(chat: Chat, arguments: Arguments) -> int:
    """The forum topic of a new message, 0 for none.

    Telegram ignores `message_thread_id` in groups without topics. In a forum and in a
    private chat the topic must exist. The General topic (1) has no id to send to.
    """
    topic = arguments.number("message_thread_id")
    if not topic or not (chat.topics or chat.type == "private"):
        return 0
    if topic not in chat.topics:
        raise bad_request("message thread not found")
    return topic


def _file_draft(text: str, entities: tuple[Entity, ...], file: File, arguments: Arguments) -> Draft:
    return Draft(text, entities, file, is_spoiler=arguments.flag("has_spoiler"))
