"""The checks of the official Bot API that need no knowledge of the chats, with its error texts.

See tdlib/telegram-bot-api. Parameters that the server ignores are ignored here too, so that a
bot that relies on them fails in tests.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from stashbot.demo.telegram.files import File
from stashbot.demo.telegram.form import Arguments
from stashbot.demo.telegram.limits import Refusal, bad_request, read_json
from stashbot.models import Kind

from .pictures import MAX_SIDES, decode

MAX_ALBUM = 10
MAX_BUTTONS = 100
MAX_CALLBACK_DATA = 64  # bytes
MAX_COMMANDS = 100
MAX_DELETED = 100
MAX_FILE = 50 * 2**20  # bytes
MAX_NOTE = 200
MAX_PHOTO = 10 * 2**20  # bytes
MAX_RATIO = 20  # longer side to shorter side
PHOTO_TYPES = {"image/jpeg", "image/png", "image/webp", "image/gif"}
ACTIONS = {
    *("typing", "choose_sticker", "find_location", "upload_photo", "upload_document"),
    *("record_video", "record_voice", "record_video_note"),
    *("upload_video", "upload_voice", "upload_video_note"),
}
SCOPES = {"default", "all_private_chats", "all_group_chats", "all_chat_administrators"}
SCOPES |= {"chat", "chat_administrators", "chat_member"}
NO_ACTION = "Text buttons are unallowed in the inline keyboard"


def check(method: str, arguments: Arguments, files: Mapping[str, File]) -> None:
    """Raise a Refusal for wrong parameters. `files` are those that Telegram has, by file_id."""
    _check_markup(arguments)
    if arguments.text("parse_mode").lower() not in ("", "none", "html"):
        raise bad_request("unsupported parse_mode")
    match method.lower():
        case "sendmessage" | "editmessagetext" if not arguments.text("text").strip():
            raise bad_request("message text is empty")
        case "setmycommands":
            _check_commands(arguments)
        case "sendchataction" if arguments.text("action") not in ACTIONS:
            raise bad_request("wrong parameter action in request")
        case "answercallbackquery" if len(arguments.text("text")) > MAX_NOTE:
            raise bad_request("MESSAGE_TOO_LONG")
        case "deletemessages":
            _check_deletion(arguments.items("message_ids"))
        case "sendmediagroup":
            _check_album(arguments, files)
        case _ if method.lower().removeprefix("send") in list(Kind):
            kind = Kind(method.lower().removeprefix("send"))
            _check_file(kind, kind.value, arguments, files)


def _check_markup(arguments: Arguments) -> None:
    markup = read_json(arguments.text("reply_markup") or "{}", dict, "reply keyboard markup")
    buttons = [button for row in markup.get("inline_keyboard", ()) for button in row]
    if len(buttons) > MAX_BUTTONS:
        raise bad_request("reply markup is too long")
    for button in buttons:
        _check_button(button)


def _check_button(button: dict[str, str]) -> None:
    url, data = button.get("url", ""), button.get("callback_data", "")
    host = re.match(r"https?://([^/?#:]+)", url)
    if not button.get("text"):
        raise bad_request("inline keyboard button text must be non-empty")
    if url and not (re.match(r"tg://\S", url) or (host and "." in host[1])):
        raise bad_request(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
    if not url and not data:
        raise bad_request(f"can't parse inline keyboard button: {NO_ACTION}")
    if len(data.encode()) > MAX_CALLBACK_DATA:
        raise bad_request("BUTTON_DATA_INVALID")


def _check_commands(arguments: Arguments) -> None:
    commands, language = arguments.items("commands"), arguments.text("language_code")
    if len(commands) > MAX_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    for command in commands:
        if not re.fullmatch(r"[a-z0-9_]{1,32}", command.get("command", "").removeprefix("/")):
            raise bad_request("BOT_COMMAND_INVALID")
        if not 1 <= len(command.get("description", "")) <= 256:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    if language and not re.fullmatch("[a-z]{2}", language):
        raise bad_request("invalid language code specified")
    if arguments.object("scope").get("type", "default") not in SCOPES:
        raise bad_request("unsupported BotCommandScope type")


def _check_deletion(ids: list[Any]) -> None:
    if not ids:
        raise bad_request("message identifiers are not specified")
    if len(ids) > MAX_DELETED:
        raise bad_request("too many message identifiers")


def _check_album(arguments: Arguments, files: Mapping[str, File]) -> None:
    items = arguments.items("media")
    for item in items:
        _check_item(item, arguments.files)
    if not items:
        raise bad_request("there are no messages to send")
    if len(items) > MAX_ALBUM:
        raise bad_request("too many messages to send as an album")
    kinds = [Kind(item["type"]) for item in items]
    if Kind.DOCUMENT in kinds and len(set(kinds)) > 1:
        raise bad_request("document can't be mixed with other media types")
    for number, (kind, item) in enumerate(zip(kinds, items, strict=True), 1):
        try:
            _check_file(kind, "media", Arguments({"media": item["media"]}, arguments.files), files)
        except Refusal as refusal:
            if refusal.code != 400:
                raise
            reason = refusal.description.removeprefix("Bad Request: ")
            words = f'failed to send message #{number} with the error message "{reason}"'
            raise bad_request(words) from refusal


def _check_item(item: Any, uploads: Iterable[str]) -> None:
    if not isinstance(item, dict):
        raise _bad_item("expected an Object")
    if "type" not in item:
        raise _bad_item('Can\'t find field "type"')
    kind, media = item["type"], item.get("media", "")
    if not media or (media.startswith("attach://") and media[len("attach://") :] not in uploads):
        raise _bad_item("media not found")
    if kind == Kind.ANIMATION:
        raise _bad_item(f'type "{kind}" can\'t be used in sendMediaGroup')
    if kind not in list(Kind):
        raise _bad_item(f'type "{kind}" is unsupported')


def _bad_item(reason: str) -> Refusal:
    return bad_request(f"can't parse InputMedia: {reason}")


def _check_file(kind: Kind, name: str, arguments: Arguments, files: Mapping[str, File]) -> None:
    value = arguments.text(name)
    if upload := arguments.files.get(value.removeprefix("attach://") or name):
        _check_upload(kind, upload[1])
    elif not value:
        raise bad_request(f"there is no {kind} in the request")
    elif re.match("https?://", value):
        raise bad_request("failed to get HTTP URL content")
    elif value not in files:
        raise bad_request("wrong file identifier/HTTP URL specified")
    elif (files[value].kind is Kind.PHOTO) != (kind is Kind.PHOTO):
        types = files[value].kind.value.title(), kind.value.title()
        raise bad_request(f"can't use file of type {types[0]} as {types[1]}")


def _check_upload(kind: Kind, data: bytes) -> None:
    if not data:
        raise bad_request("file must be non-empty")
    if len(data) > MAX_FILE:
        raise Refusal(413, "Request Entity Too Large")
    if kind is Kind.PHOTO:
        _check_photo(data)


def _check_photo(data: bytes) -> None:
    if len(data) > MAX_PHOTO:
        raise bad_request(
            f"file of size {len(data)} bytes is too big for a photo; "
            f"the maximum size is {MAX_PHOTO} bytes"
        )
    try:
        image = decode(data)
    except ValueError as error:
        raise bad_request("IMAGE_PROCESS_FAILED") from error
    longer, shorter = max(image.width, image.height), min(image.width, image.height)
    if longer + shorter > MAX_SIDES or longer > MAX_RATIO * shorter:
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
    if image.type not in PHOTO_TYPES or (image.is_animated and image.type == "image/webp"):
        raise bad_request("IMAGE_PROCESS_FAILED")
