import io
import json
import re
import socket
import threading
import unicodedata

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stashbot.demo.telegram.chatpage import FOLDER
from stashbot.demo.telegram.chats import User
from stashbot.demo.telegram.limits import Refusal
from stashbot.demo.telegram.markup import Entity, MarkupError, parse_html, utf16_length
from stashbot.messages.catalogue import TEXTS
from tests.standins.flood import Flood
from tests.standins.http import Fault, Trouble
from tests.standins.telegram import TelegramStandIn

TOKEN = "123456:a-token_of-the-test"
ANN, BOB, GROUP, FORUM, TOPIC = 1, 2, -40, -41, 7


def image(width=60, height=40, format="JPEG", **options):
    stream = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(stream, format, **options)
    return stream.getvalue()


def moving(format):
    frames = [Image.new("RGB", (30, 20), color) for color in ("red", "blue")]
    stream = io.BytesIO()
    frames[0].save(stream, format, save_all=True, append_images=frames[1:])
    return stream.getvalue()


PHOTO = image()
MP4 = b"\0\0\0\x18ftypmp42" + b"\0" * 64
LIKE = {"inline_keyboard": [[{"text": "👍", "callback_data": "like"}]]}


class Bot:
    """A minimal client of the Bot API."""

    def __init__(self, url):
        self.url = f"{url}/bot{TOKEN}/"
        self.session = requests.Session()

    def ask(self, method, files=None, **params):
        fields = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in params.items()
        }
        return self.session.post(self.url + method, data=fields, files=files, timeout=10).json()

    def do(self, method, files=None, **params):
        answer = self.ask(method, files, **params)
        assert answer["ok"], answer
        return answer["result"]

    def no(self, method, files=None, **params):
        """The description of a refusal; without "Bad Request" where the code is 400."""
        answer = self.ask(method, files, **params)
        assert not answer["ok"], answer
        assert answer["error_code"] == 400 or "Bad Request" not in answer["description"]
        return answer["description"].removeprefix("Bad Request: ")


@pytest.fixture
def telegram():
    with TelegramStandIn(TOKEN, users=[User(ANN, "Ann"), User(BOB, "Bob")]) as telegram:
        telegram.add_group(GROUP, "Friends", [ANN, BOB])
        telegram.add_group(FORUM, "Forum", [ANN], type="supergroup", topics=[TOPIC])
        yield telegram


@pytest.fixture
def bot(telegram):
    bot = Bot(telegram.api_url)
    yield bot
    bot.session.close()


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("<b>a</b>", "a", [Entity("bold", 0, 1)]),
        ("x<I>y</i>z", "xyz", [Entity("italic", 1, 1)]),
        ("<tg-spoiler>a</tg-spoiler>", "a", [Entity("spoiler", 0, 1)]),
        ("😀<u>a😀</u>", "😀a😀", [Entity("underline", 2, 3)]),
        ("<s><i>a</i>b</s>", "ab", [Entity("strikethrough", 0, 2), Entity("italic", 0, 1)]),
        ("<a href='http://x/?a&amp;b'>z</a>", "z", [Entity("text_link", 0, 1, "http://x/?a&b")]),
        ("<a>plain words</a>", "plain words", []),
        ('<span class="tg-spoiler">a</span>', "a", [Entity("spoiler", 0, 1)]),
        ("<code class=language-py>a</code>", "a", [Entity("code", 0, 1)]),
        (
            '<tg-time unix="7" format="wDt">a</tg-time>',
            "a",
            [Entity("date_time", 0, 1, "", 7, "wDt")],
        ),
        ("<blockquote>a</blockquote>", "a", [Entity("blockquote", 0, 1)]),
        (
            "<blockquote expandable>a</blockquote>",
            "a",
            [Entity("expandable_blockquote", 0, 1)],
        ),
        ("<b></b>", "", []),
        ("&lt;b&gt; &amp;amp; &quot; &nbsp; &#33;&#x21", '<b> &amp; " &nbsp; !!', []),
        ("&#0;&#55296;&#9999999999; & &;", "&#0;&#55296;&#9999999999; & &;", []),
        ("a > b", "a > b", []),
    ],
)
def test_accepted_markup(source, text, entities):
    assert parse_html(source) == (text, tuple(entities))


NO_TIME = 'Tag "tg-time" must have a time and a format'


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("é<p>", 'Unsupported start tag "p"'),
        ("1 < 2", "Unsupported start tag"),
        ("<a href=x:y>z</a>", "Unexpected end of name token"),
        ("<b>a", 'Can\'t find end tag corresponding to start tag "b"'),
        ("a</b>", "Unexpected end tag"),
        ("<b><i>a</b></i>", 'Unmatched end tag, expected "</i>", found "</b>"'),
        ("<span>a</span>", 'Tag "span" must have class "tg-spoiler"'),
        ("<tg-time unix=x>a</tg-time>", NO_TIME),
        ('<tg-time unix="7" format="wr">a</tg-time>', NO_TIME),
        ("&amp;é\n<br/>", "Unsupported start tag"),
        ("a<!-- b -->", "Unsupported start tag"),
        ("<3", "Unsupported start tag"),
        ("a <b", "Unclosed start tag"),
        ("<b>a</b", "Unclosed end tag"),
    ],
)
def test_refused_markup(source, reason):
    with pytest.raises(MarkupError) as caught:
        parse_html(source)

    assert str(caught.value) == reason


@given(st.text(alphabet="<>/&;=\"' abi#x1-é😀"))
def test_entities_lie_within_any_text(source):
    try:
        text, entities = parse_html(source)
    except MarkupError:
        return

    assert all(e.length > 0 and e.offset + e.length <= utf16_length(text) for e in entities)


@pytest.mark.parametrize(("token", "code"), [("123456:another", 401), ("nonsense", 404), ("", 404)])
def test_wrong_token(telegram, token, code):
    answer = requests.get(f"{telegram.api_url}/bot{token}/getMe", timeout=5)

    assert answer.status_code == answer.json()["error_code"] == code


@pytest.mark.parametrize(
    "how",
    [
        {"params": {"chat_id": "1", "text": "hé"}},
        {"data": {"chat_id": "1", "text": "hé"}},
        {"files": {"chat_id": (None, "1"), "text": (None, "hé")}},
    ],
    ids=["query", "form", "multipart"],
)
def test_parameters_in_any_form(telegram, bot, how):
    answer = bot.session.post(bot.url + "sendMessage", timeout=5, **how)

    assert answer.json()["result"]["text"] == "hé"
    assert telegram.calls[0].params == {"chat_id": "1", "text": "hé"}


MANY = {"inline_keyboard": LIKE["inline_keyboard"] * 101}
NO_DESCRIPTION = "BOT_COMMAND_DESCRIPTION_INVALID"
NO_REPLY = "message to be replied not found"
NO_MARKUP = "can't parse reply keyboard markup JSON object"
NO_FILE_ID = "wrong file identifier/HTTP URL specified"
TOO_OLD = "query is too old"
COMMAND = {"command": "random", "description": "Картинка"}
UNCLOSED = "can't parse entities: Can't find end tag corresponding to start tag \"b\""


@pytest.mark.parametrize(
    ("method", "params", "description"),
    [
        ("sendPidgeon", {}, "Not Found: method not found"),
        ("sendMessage", {"chat_id": 9, "text": "a"}, "chat not found"),
        ("sendMessage", {"chat_id": "@friends", "text": "a"}, "chat not found"),
        ("sendMessage", {}, "message text is empty"),
        ("sendMessage", {"text": "😀" * 2049}, "message is too long"),
        ("sendMessage", {"text": "<b>", "parse_mode": "HTML"}, UNCLOSED),
        ("sendMessage", {"text": "a", "parse_mode": "Wiki"}, "unsupported parse_mode"),
        ("sendMessage", {"text": "a", "reply_parameters": {"message_id": 77}}, NO_REPLY),
        ("sendMessage", {"text": "a", "reply_markup": "{"}, NO_MARKUP),
        ("sendMessage", {"text": "a", "reply_markup": MANY}, "reply markup is too long"),
        ("sendPhoto", {}, "there is no photo in the request"),
        ("sendPhoto", {"photo": "AgACunknown"}, NO_FILE_ID),
        ("sendPhoto", {"photo": "/etc/passwd"}, NO_FILE_ID),
        ("sendPhoto", {"photo": "http://127.0.0.1/a.jpg"}, "failed to get HTTP URL content"),
        ("sendChatAction", {"action": "nap"}, "wrong parameter action in request"),
        ("editMessageReplyMarkup", {"message_id": 5}, "message to edit not found"),
        ("answerCallbackQuery", {"callback_query_id": "5"}, TOO_OLD),
        ("answerCallbackQuery", {"text": "a" * 201}, "MESSAGE_TOO_LONG"),
        ("getChat", {"chat_id": 9}, "chat not found"),
        ("setMyCommands", {"scope": {"type": "moon"}}, "unsupported BotCommandScope type"),
        ("setMyCommands", {"commands": {}}, "object expected as commands"),
        ("setMyCommands", {"commands": [COMMAND] * 101}, "BOT_COMMANDS_TOO_MUCH"),
        ("setMyCommands", {"commands": [COMMAND | {"command": "No"}]}, "BOT_COMMAND_INVALID"),
        ("setMyCommands", {"commands": [COMMAND | {"description": ""}]}, NO_DESCRIPTION),
        ("setMyCommands", {"language_code": "rus"}, "invalid language code specified"),
        ("setMyCommands", {"scope": {"type": "chat", "chat_id": 9}}, "chat not found"),
    ],
)
def test_refused_call(bot, method, params, description):
    assert bot.no(method, **{"chat_id": ANN} | params) == description


@pytest.mark.parametrize("text", ["a" * 4096, "😀" * 2048, "&amp;" * 4096])
def test_text_of_the_greatest_length(telegram, bot, text):
    bot.do("sendMessage", chat_id=ANN, text=text, parse_mode="HTML")

    assert utf16_length(telegram.messages(ANN)[0].text) == 4096


NO_ACTION = "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
NO_TEXT = "inline keyboard button text must be non-empty"
BAD_URL = "inline keyboard button URL 'javascript:1' is invalid: Wrong HTTP URL"


@pytest.mark.parametrize(
    ("button", "description"),
    [
        pytest.param({"text": "a"}, NO_ACTION, id="no data"),
        pytest.param({"text": "a", "callback_data": ""}, NO_ACTION, id="empty data"),
        pytest.param({"text": "a", "callback_data": "a" * 65}, "BUTTON_DATA_INVALID", id="65"),
        pytest.param({"text": "a", "callback_data": "é" * 33}, "BUTTON_DATA_INVALID", id="66"),
        pytest.param({"callback_data": "a"}, NO_TEXT, id="no text"),
        pytest.param({"text": "a", "url": "javascript:1"}, BAD_URL, id="script"),
    ],
)
def test_refused_button(bot, button, description):
    markup = {"inline_keyboard": [[button]]}

    assert bot.no("sendMessage", chat_id=ANN, text="a", reply_markup=markup) == description


def test_accepted_buttons_come_back_in_the_answer(telegram, bot):
    row = [
        {"text": "Stash", "url": "http://nas.lan:9999/"},
        {"text": "👍", "callback_data": "a" * 64},
    ]

    sent = bot.do("sendMessage", chat_id=ANN, text="a", reply_markup={"inline_keyboard": [row]})

    assert sent["reply_markup"]["inline_keyboard"] == [row]
    assert [button.text for button in telegram.messages(ANN)[0].buttons[0]] == ["Stash", "👍"]


def test_reply_keyboard_stays_until_it_is_removed(telegram, bot):
    keys = {"keyboard": [[{"text": "🎲"}]]}
    bot.do("sendMessage", chat_id=ANN, text="a", reply_markup=keys)
    bot.do("sendMessage", chat_id=ANN, text="b")
    shown = telegram.keyboard(ANN)
    bot.do("sendMessage", chat_id=ANN, text="c", reply_markup={"remove_keyboard": True})

    assert shown == (("🎲",),)
    assert telegram.keyboard(ANN) == ()


@pytest.mark.parametrize(
    ("data", "description"),
    [
        (b"", "file must be non-empty"),
        (b"not a picture", "IMAGE_PROCESS_FAILED"),
        (image(400, 300)[:-200], "IMAGE_PROCESS_FAILED"),
        (image(format="BMP"), "IMAGE_PROCESS_FAILED"),
        (image(format="TIFF"), "IMAGE_PROCESS_FAILED"),
        (moving("WEBP"), "IMAGE_PROCESS_FAILED"),
        (image(9000, 1001), "PHOTO_INVALID_DIMENSIONS"),
        (image(211, 10), "PHOTO_INVALID_DIMENSIONS"),
        (PHOTO + bytes(10 * 2**20), "; the maximum size is 10485760 bytes"),
    ],
    ids=["empty", "text", "cut", "bmp", "tiff", "moving", "sides", "ratio", "bytes"],
)
def test_refused_photo(bot, data, description):
    assert bot.no("sendPhoto", {"photo": ("a.jpg", data)}, chat_id=ANN).endswith(description)


@pytest.mark.parametrize(
    "data",
    [PHOTO, image(format="PNG"), image(format="WEBP"), moving("GIF"), image(200, 10)],
    ids=["jpeg", "png", "webp", "gif", "longest"],
)
def test_accepted_photo(telegram, bot, data):
    """Telegram answers with one to four sizes, the largest last."""
    message = bot.do("sendPhoto", {"photo": ("a b.jpg", data)}, chat_id=ANN)

    assert telegram.messages(ANN)[0].file.data == data
    assert 1 <= len(message["photo"]) <= 4
    assert message["photo"] == sorted(message["photo"], key=lambda size: size["width"])


def test_sides_of_a_photo_that_exif_turns(bot):
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = ("a.jpg", image(60, 40, exif=exif))

    largest = bot.do("sendPhoto", {"photo": photo}, chat_id=ANN)["photo"][-1]

    assert (largest["width"], largest["height"]) == (40, 60)


@pytest.mark.parametrize(
    ("method", "field", "data", "kind"),
    [
        ("sendAnimation", "animation", moving("GIF"), "animation"),
        ("sendDocument", "document", moving("GIF"), "animation"),
        ("sendVideo", "video", MP4, "video"),
        ("sendVideo", "video", b"no video", "document"),
        ("sendDocument", "document", PHOTO, "document"),
    ],
)
def test_content_decides_the_kind(bot, method, field, data, kind):
    message = bot.do(method, {field: ("a.bin", data)}, chat_id=ANN)

    assert kind in message


def test_file_id_until_telegram_forgets_it(telegram, bot):
    photo = bot.do("sendPhoto", {"photo": ("a.jpg", PHOTO)}, chat_id=ANN)["photo"][-1]["file_id"]

    bot.do("sendPhoto", chat_id=BOB, photo=photo)
    refusal = bot.no("sendDocument", chat_id=ANN, document=photo)
    telegram.forget_files()

    assert telegram.messages(BOB)[0].file.data == PHOTO
    assert refusal == "can't use file of type Photo as Document"
    assert bot.no("sendPhoto", chat_id=BOB, photo=photo) == NO_FILE_ID


def test_over_50_mb(bot):
    data = bytes(50 * 2**20 + 1)
    answer = bot.ask("sendDocument", {"document": ("a.bin", data)}, chat_id=ANN)

    assert (answer["error_code"], answer["description"]) == (413, "Request Entity Too Large")


def test_caption_over_1024_utf16_units(bot):
    files = {"photo": ("a.jpg", PHOTO)}

    bot.do("sendPhoto", files, chat_id=ANN, caption="😀" * 512)

    refusal = bot.no("sendPhoto", files, chat_id=ANN, caption="😀" * 512 + "a")
    assert refusal == "message caption is too long"


def album(*kinds):
    return [{"type": kind, "media": f"attach://f{n}"} for n, kind in enumerate(kinds)]


NO_MEDIA = "can't parse InputMedia: "
NO_ANIMATION = NO_MEDIA + 'type "animation" can\'t be used in sendMediaGroup'
FAILED = "failed to send message #2 with the error message"


@pytest.mark.parametrize(
    ("media", "description"),
    [
        ([], "there are no messages to send"),
        (album(*["photo"] * 2) * 6, "too many messages to send as an album"),
        (album("photo", "document"), "document can't be mixed with other media types"),
        (album("photo", "animation"), NO_ANIMATION),
        (album("photo", "sticker"), NO_MEDIA + 'type "sticker" is unsupported'),
        (["photo", "photo"], NO_MEDIA + "expected an Object"),
        ([{"media": "attach://f0"}], NO_MEDIA + 'Can\'t find field "type"'),
        ([{"type": "photo", "media": "attach://f9"}], NO_MEDIA + "media not found"),
        ([{"type": "photo"}], NO_MEDIA + "media not found"),
        (album("video", "photo"), f'{FAILED} "IMAGE_PROCESS_FAILED"'),
        ([*album("photo"), {"type": "photo", "media": "gone"}], f'{FAILED} "{NO_FILE_ID}"'),
    ],
    ids=str,
)
def test_album_is_refused_as_a_whole(telegram, bot, media, description):
    files = {"f0": ("a.jpg", PHOTO), "f1": ("b.jpg", MP4)}

    assert bot.no("sendMediaGroup", files, chat_id=ANN, media=media) == description
    assert telegram.messages(ANN) == []


def test_album_of_a_photo_and_a_video(telegram, bot):
    telegram.say(ANN, "/random 2")
    media = [{**album("photo")[0], "caption": "<b>Two</b>", "parse_mode": "HTML"}]
    media += [{"type": "video", "media": "attach://f1", "has_spoiler": True}]

    sent = bot.do(
        "sendMediaGroup",
        {"f0": ("a.jpg", PHOTO), "f1": ("b.mp4", MP4)},
        chat_id=ANN,
        media=media,
        reply_parameters={"message_id": 1},
    )

    _, first, second = telegram.messages(ANN)
    assert (first.text, first.entities) == ("Two", (Entity("bold", 0, 3),))
    assert (first.album, first.reply_to) == (second.album, 1)
    assert second.is_spoiler
    assert [message["message_id"] for message in sent] == [2, 3]
    assert sent[0]["reply_to_message"]["text"] == "/random 2"


def test_album_of_one_item_is_a_plain_message(bot):
    files = {"f0": ("a.jpg", PHOTO)}

    [sent] = bot.do("sendMediaGroup", files, chat_id=ANN, media=album("photo"))

    assert sent["photo"]
    assert "media_group_id" not in sent


def test_edited_buttons(telegram, bot):
    bot.do("sendMessage", chat_id=ANN, text="a")

    bot.do("editMessageReplyMarkup", chat_id=ANN, message_id=1, reply_markup=LIKE)

    assert telegram.messages(ANN)[0].button("👍").data == "like"
    again = bot.no("editMessageReplyMarkup", chat_id=ANN, message_id=1, reply_markup=LIKE)
    assert again.startswith("message is not modified: ")


def test_deleted_messages(telegram, bot):
    """Telegram skips messages of users and those that are gone."""
    own = [bot.do("sendMessage", chat_id=ANN, text=text)["message_id"] for text in "abc"]
    hers = telegram.say(ANN, "hello").id
    ids = [own[0], own[2], hers, 999]

    assert [bot.do("deleteMessages", chat_id=ANN, message_ids=ids) for _ in range(2)] == [True] * 2
    assert [message.id for message in telegram.messages(ANN)] == [own[1], hers]


@pytest.mark.parametrize(
    ("chat", "ids", "reason"),
    [
        (ANN, [], "message identifiers are not specified"),
        (ANN, list(range(101)), "too many message identifiers"),
        (77, [1], "chat not found"),
    ],
)
def test_deletions_that_are_refused(bot, chat, ids, reason):
    assert bot.no("deleteMessages", chat_id=chat, message_ids=ids) == reason


def test_members_of_a_group(telegram, bot):
    telegram.add_user(User(3, "Eve"))
    telegram.add_group(GROUP, "Friends", [ANN, BOB], administrators=[BOB])
    ask = {"method": "getChatMember", "chat_id": GROUP}

    assert [bot.do(**ask, user_id=user)["status"] for user in (ANN, BOB, 3)] == [
        *("member", "administrator", "left")
    ]
    assert bot.no(**ask, user_id=99) == "user not found"


def test_edits_of_what_cannot_be_edited(telegram, bot):
    telegram.say(ANN, "mine")
    bot.do("sendPhoto", {"photo": ("a.jpg", PHOTO)}, chat_id=ANN)

    refusals = [bot.no("editMessageText", chat_id=ANN, message_id=id, text="b") for id in (1, 2)]

    assert refusals == ["message can't be edited", "there is no text in the message to edit"]


def test_update_comes_again_until_it_is_confirmed(telegram, bot):
    telegram.say(ANN, "/start now", language_code="ru")
    telegram.say(BOB, "hello", chat_id=GROUP)

    first, second = bot.do("getUpdates")

    assert first["message"]["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]
    assert first["message"]["from"]["language_code"] == "ru"
    assert second["message"]["chat"] == {"id": GROUP, "type": "group", "title": "Friends"}
    assert bot.do("getUpdates", offset=first["update_id"]) == [first, second]
    assert bot.do("getUpdates", offset=second["update_id"]) == [second]
    assert telegram.pending() == [second]
    assert bot.do("getWebhookInfo")["pending_update_count"] == 1


@pytest.mark.parametrize(("offset", "left"), [(0, 3), (10**12, 3)], ids=["zero", "far"])
def test_offsets_without_an_update(telegram, bot, offset, left):
    for text in "abc":
        telegram.say(ANN, text)

    assert len(bot.do("getUpdates", offset=offset)) == left


@pytest.fixture
def long_poll(telegram, bot):
    """The answers of a long poll that waits in a thread of its own; complete after `join`."""
    answers = []
    poll = threading.Thread(target=lambda: answers.append(bot.ask("getUpdates", timeout=30)))
    poll.start()
    telegram.wait_for_poll()
    yield answers, poll
    telegram.close()
    poll.join(5)


def test_long_poll_ends_with_the_first_update(telegram, long_poll):
    answers, poll = long_poll

    telegram.put_update({"message": "malformed"})
    poll.join(5)

    assert [update["message"] for update in answers[0]["result"]] == ["malformed"]


def test_second_long_poll_ends_the_first(telegram, long_poll):
    answers, poll = long_poll

    other = Bot(telegram.api_url)
    second = threading.Thread(target=lambda: answers.append(other.ask("getUpdates", timeout=30)))
    second.start()
    poll.join(5)
    telegram.say(ANN, "a")
    second.join(5)
    other.session.close()

    assert [answer.get("error_code") for answer in answers] == [409, None]


def test_only_allowed_kinds_of_updates_are_queued(telegram, bot):
    bot.do("getUpdates", allowed_updates=["message"])

    telegram.block(ANN)
    telegram.say(BOB, "a")

    assert [set(update) for update in telegram.pending()] == [{"update_id", "message"}]


@pytest.mark.parametrize(
    ("chat", "topic", "found"),
    [
        pytest.param(FORUM, TOPIC, TOPIC, id="topic"),
        pytest.param(FORUM, 0, None, id="general"),
        pytest.param(FORUM, 1, "message thread not found", id="general by its id"),
        pytest.param(FORUM, 8, "message thread not found", id="unknown"),
        pytest.param(GROUP, 8, None, id="group without topics"),
        pytest.param(ANN, 8, "message thread not found", id="private chat"),
    ],
)
def test_message_thread_id(bot, chat, topic, found):
    answer = bot.ask("sendMessage", chat_id=chat, text="a", message_thread_id=topic)

    if isinstance(found, str):
        assert answer["description"] == f"Bad Request: {found}"
    else:
        assert answer["result"].get("message_thread_id") == found


def test_text_in_a_topic(telegram):
    telegram.say(ANN, "/random", chat_id=FORUM, topic=TOPIC)
    telegram.say(ANN, "/random", chat_id=FORUM)
    first, second = (update["message"] for update in telegram.pending())

    assert (first["message_thread_id"], first["is_topic_message"]) == (TOPIC, True)
    assert second["chat"]["is_forum"]
    assert not {"message_thread_id", "is_topic_message"} & second.keys()


def test_reply_in_a_supergroup_without_topics(telegram):
    telegram.add_group(-42, "Talk", [ANN], type="supergroup")
    first = telegram.say(ANN, "a", chat_id=-42)
    telegram.say(ANN, "b", chat_id=-42, reply_to=first.id)
    reply = telegram.pending()[-1]["message"]

    assert reply["message_thread_id"] == first.id
    assert "is_topic_message" not in reply


@pytest.mark.parametrize(
    ("taken", "wait"),
    [
        ([(ANN, 1)] * 3, 1),
        ([(ANN, 10)], 8),
        ([(GROUP, 1)] * 20, 1),
        ([(GROUP, 10), (GROUP, 9), (GROUP, 10)], 28),
        ([(chat, 1) for chat in range(30, 0, -1)], 1),
    ],
    ids=["burst", "album", "group", "group albums", "all chats"],
)
def test_flood(taken, wait):
    now = [100.0]
    flood = Flood(lambda: now[0])
    for chat_id, count in taken:
        flood.take(chat_id, count)

    with pytest.raises(Refusal) as caught:
        flood.take(taken[-1][0], 1)

    assert caught.value.parameters == {"retry_after": wait}
    now[0] += wait
    flood.take(taken[-1][0], 1)


@pytest.mark.parametrize(
    ("size", "waits", "refused"),
    [
        pytest.param(100_000, [0.0] * 200, False, id="small"),
        pytest.param(100_001, [0.0] * 6 + [0.2, 0.4], False, id="shortest spacing"),
        pytest.param(5_000_000, [0.0, 0.0, 0.0, 0.5], False, id="by the size"),
        pytest.param(50_000_000, [0.0, 0.0, 0.8, 1.7, 2.6, 3.5, 4.4, 5.3], True, id="longest"),
    ],
)
def test_uploads_of_equal_size_are_spaced(size, waits, refused):
    now = [100.0]
    flood = Flood(lambda: now[0])

    assert [flood.space(size) for _ in waits] == pytest.approx(waits)
    assert flood.space(size + 1) == 0
    if refused:
        with pytest.raises(Refusal, match="retry after 60"):
            flood.space(size)
    now[0] += 10
    assert flood.space(size) == 0


@pytest.mark.parametrize("flood_limits", [True, False])
def test_answer_to_too_many_uploads_of_equal_size(flood_limits):
    """The clock stands still; a call without a chat meets no other limit."""
    data = bytes(9_000_000)
    with TelegramStandIn(TOKEN, flood_limits=flood_limits, clock=lambda: 100.0) as telegram:
        telegram.server.stopping.set()  # nothing waits
        bot = Bot(telegram.api_url)
        answers = [bot.ask("sendDocument", {"document": ("a.bin", data)}) for _ in range(9)]
        bot.session.close()

    floods = [answer.get("parameters") for answer in answers if answer["error_code"] == 429]
    assert floods == [{"retry_after": 60}] * flood_limits


def test_answer_to_a_flood():
    with TelegramStandIn(TOKEN, flood_limits=True, clock=lambda: 100.0) as telegram:
        url = f"{telegram.api_url}/bot{TOKEN}/sendMessage?chat_id=1&text=a"
        answers = [requests.get(url, timeout=5) for _ in range(4)]
        telegram.server.fail(Fault("getMe", Trouble.FLOOD, seconds=7))
        fault = requests.get(f"{telegram.api_url}/bot{TOKEN}/getMe", timeout=5)

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json()["parameters"] == {"retry_after": 1}
    assert fault.json()["parameters"] == {"retry_after": 7}


def test_old_messages_and_their_files_are_forgotten():
    with TelegramStandIn(TOKEN, keep_messages=2) as telegram:
        bot = Bot(telegram.api_url)
        sent = [
            bot.do("sendPhoto", {"photo": ("a.png", image(side, 9, "PNG"))}, chat_id=ANN)
            for side in (10, 11, 12)
        ]
        oldest, newest = (sent[n]["photo"][0]["file_id"] for n in (0, 2))

        assert [message.id for message in telegram.messages(ANN)] == [2, 3]
        assert bot.no("sendPhoto", chat_id=ANN, photo=oldest) == NO_FILE_ID
        assert bot.do("sendPhoto", chat_id=ANN, photo=newest)
        bot.session.close()


@pytest.mark.parametrize("path", ["/", "/page/events", f"/bot{TOKEN}/getMe"])
@pytest.mark.parametrize("host", ["example.org", "127.0.0.1:1", "127.0.0.1.example.org"])
def test_foreign_host_header(telegram, path, host):
    answer = requests.get(telegram.url + path, headers={"Host": host}, timeout=5)

    assert (answer.status_code, answer.content) == (403, b"")


def test_body_that_is_far_too_long_is_not_read(telegram):
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"
    with socket.create_connection(("127.0.0.1", telegram.server.port), timeout=5) as connection:
        connection.sendall(head)

        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
def test_host_header_of_this_machine(telegram, name):
    headers = {"Host": f"{name}:{telegram.server.port}"}

    assert requests.get(telegram.url, headers=headers, timeout=5).status_code == 200


@pytest.mark.parametrize("origin", ["https://example.org", "null", "http://127.0.0.1:1"])
def test_form_that_another_page_posts_to_the_bot_api(telegram, bot, origin):
    """A browser posts such a form without asking the server first."""
    answer = requests.post(
        bot.url + "sendMessage",
        data="chat_id=1&text=a",
        headers={"Content-Type": "text/plain", "Origin": origin},
        timeout=5,
    )

    assert answer.status_code == 403
    assert telegram.messages(ANN) == []
    assert telegram.calls == []


@pytest.mark.parametrize("path", ["/page/say", "/page/press"])
@pytest.mark.parametrize(
    "headers",
    [{"Origin": origin} for origin in ("https://example.org", "null", None)]
    + [{"Sec-Fetch-Site": site} for site in ("cross-site", "same-site")]
    + [{"Origin": "https://example.org", "Content-Type": "text/plain"}],
    ids=str,
)
def test_request_of_another_site(telegram, path, headers):
    body = json.dumps({"text": "/random", "message_id": 1, "data": "like"})
    headers = {"Content-Type": "application/json", "Origin": telegram.url} | headers

    answer = requests.post(telegram.url + path, data=body, headers=headers, timeout=5)

    assert answer.status_code == 403
    assert telegram.pending() == []


@pytest.mark.parametrize("path", ["/", "/style.css", "/script.js", "/signs.svg"])
def test_page_has_security_headers_and_no_token(telegram, path):
    answer = requests.get(telegram.url + path, timeout=5)

    assert answer.status_code == 200
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert TOKEN not in answer.text


def test_each_sign_of_the_sentences_is_drawn():
    """Each font has the signs that are left out here."""
    script, drawn = ((FOLDER / name).read_text("utf-8") for name in ("script.js", "signs.svg"))
    signs = re.search(r'SIGNS = \[\.{3}"([^"]+)"', script)[1]
    letters = "".join(str(phrase) for texts in TEXTS.values() for phrase in texts.phrases.values())
    used = {letter for letter in letters if unicodedata.category(letter) == "So"}

    assert used - set("⚠☆↩➡") <= set(signs)
    assert drawn.count('<g transform="translate(') == len(signs) - 1


def test_text_and_press_on_the_page(telegram):
    headers = {"Origin": telegram.url, "Sec-Fetch-Site": "same-origin"}
    text, press = {"text": " /start ", "language": "ru"}, {"message_id": 1, "data": "a"}
    said = requests.post(telegram.url + "/page/say", json=text, headers=headers, timeout=5)
    requests.post(telegram.url + "/page/press", json=press, headers=headers, timeout=5)

    assert said.json() == {"id": 1}
    written, pressed = telegram.pending()
    assert written["message"]["text"] == "/start"
    assert written["message"]["from"]["language_code"] == "ru"
    assert pressed["callback_query"]["data"] == "a"


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"text": " "}', '{"text": '])
def test_malformed_text_from_the_page(telegram, body):
    headers = {"Origin": telegram.url}
    answer = requests.post(telegram.url + "/page/say", data=body, headers=headers, timeout=5)

    assert answer.status_code == 400
    assert telegram.pending() == []


def next_event(lines):
    name = next(line for line in lines if line.startswith("event: "))
    return name.removeprefix("event: "), json.loads(next(lines).removeprefix("data: "))


def test_page_gets_the_whole_chat_and_then_every_change(telegram, bot):
    telegram._messenger._keep = 2
    bot.do("sendMessage", chat_id=ANN, text="before")
    bot.do("setMyCommands", commands=[COMMAND], language_code="ru")
    url = telegram.url + "/page/events?language=ru"

    with requests.get(url, stream=True, timeout=5) as answer:
        lines = answer.iter_lines(chunk_size=1, decode_unicode=True)
        name, state = next_event(lines)
        bot.do("sendMessage", chat_id=BOB, text="not for Ann")
        bot.do("sendPhoto", {"photo": ("a.jpg", PHOTO)}, chat_id=ANN)
        bot.do("sendChatAction", chat_id=ANN, action="typing")
        bot.do("editMessageText", chat_id=ANN, message_id=1, text="c")
        bot.do("answerCallbackQuery", callback_query_id=telegram.press(2, "a", user_id=ANN))
        bot.do("setMyCommands", commands=[], language_code="ru")
        telegram.say(ANN, "hi")
        bot.do("getUpdates", offset=telegram.pending()[-1]["update_id"] + 1)
        changes = [next_event(lines) for _ in range(8)]

    assert (name, [message["text"] for message in state["messages"]]) == ("state", ["before"])
    assert state["commands"] == [COMMAND]
    assert TOKEN not in json.dumps([state, changes])
    assert [kind for kind, _ in changes] == [
        *("message", "action", "edited", "answer", "commands", "message", "deleted", "read")
    ]
    assert (changes[2][1]["text"], changes[6][1], changes[7][1]) == ("c", 1, 3)


def test_files_of_the_page(telegram, bot):
    """A clip can be fetched in parts; a document is only a download."""
    bot.do("sendVideo", {"video": ("a.mp4", MP4)}, chat_id=ANN)
    bot.do("sendDocument", {"document": ("a.html", b"<script>")}, chat_id=ANN)
    bot.do("sendPhoto", {"photo": ("b.jpg", PHOTO)}, chat_id=BOB)
    video, document = (f"{telegram.url}/page/files/{m.file.key}" for m in telegram.messages(ANN))
    foreign = f"{telegram.url}/page/files/{telegram.messages(BOB)[0].file.key}"

    part = requests.get(video, headers={"Range": "bytes=4-7"}, timeout=5)
    download = requests.get(document, timeout=5)

    assert (part.status_code, part.content) == (206, b"ftyp")
    assert part.headers["Content-Type"] == "video/mp4"
    assert part.headers["Content-Range"] == f"bytes 4-7/{len(MP4)}"
    assert requests.get(video, timeout=5).content == MP4
    assert download.headers["Content-Type"] == "application/octet-stream"
    assert download.headers["Content-Disposition"] == "attachment"
    assert requests.get(foreign, timeout=5).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/favicon.ico", 404), ("PUT", "/", 405), ("GET", "/../telegram.py", 404)],
)
def test_unknown_paths_and_methods(telegram, method, path, status):
    assert requests.request(method, telegram.url + path, timeout=5).status_code == status
