import io
import json
import threading
import time

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stashbot.demo.http import Fault, Trouble
from stashbot.demo.telegram.chats import User
from stashbot.demo.telegram.limits import Flood, Refusal
from stashbot.demo.telegram.markup import (
    Entity,
    MarkupError,
    find_commands,
    parse_html,
    to_html,
    utf16_length,
)
from stashbot.demo.telegram.standin import TelegramStandIn

TOKEN = "123456:a-token_of-the-test"
ANN, BOB, GROUP = 1, 2, -40
OTHER_SITE = {"Content-Type": "application/json", "Origin": "https://example.org"}


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
TOO_BIG = (
    f"file of size {len(PHOTO) + 10 * 2**20} bytes is too big for a photo; "
    "the maximum size is 10485760 bytes"
)
FAILED = 'failed to send message #2 with the error message "REASON"'
MP4 = b"\0\0\0\x18ftypmp42" + b"\0" * 64


class Bot:
    """A client of the Bot API as small as can be."""

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
        """The code and the words of a refusal."""
        answer = self.ask(method, files, **params)
        assert not answer["ok"], answer
        return answer["error_code"], answer["description"].removeprefix("Bad Request: ")


@pytest.fixture
def telegram():
    with TelegramStandIn(TOKEN, users=[User(ANN, "Ann"), User(BOB, "Bob")]) as telegram:
        telegram.add_group(GROUP, "Friends", [ANN, BOB])
        yield telegram


@pytest.fixture
def bot(telegram):
    bot = Bot(telegram.api_url)
    yield bot
    bot.session.close()


# Markup


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("<b>a</b>", "a", [Entity("bold", 0, 1)]),
        ("<STRONG>a</strong>", "a", [Entity("bold", 0, 1)]),
        ("x<i>y</>z", "xyz", [Entity("italic", 1, 1)]),
        ("😀<u>a😀</u>", "😀a😀", [Entity("underline", 2, 3)]),
        ("<s><i>a</i>b</s>", "ab", [Entity("strikethrough", 0, 2), Entity("italic", 0, 1)]),
        (
            "<a href='http://x.y/?a&amp;b'>z</a>",
            "z",
            [Entity("text_link", 0, 1, "http://x.y/?a&b")],
        ),
        ("<a>plain words</a>", "plain words", []),
        ('<span class="tg-spoiler">a</span>', "a", [Entity("spoiler", 0, 1)]),
        ("<tg-spoiler>a</tg-spoiler>", "a", [Entity("spoiler", 0, 1)]),
        ("<blockquote expandable>a</blockquote>", "a", [Entity("blockquote", 0, 1)]),
        ("<code class=language-py>a</code>", "a", [Entity("code", 0, 1)]),
        ("<b></b>", "", []),
        ("&lt;b&gt; &amp;amp; &quot; &nbsp; &#33;&#x21", '<b> &amp; " &nbsp; !!', []),
        ("&#0;&#55296;&#9999999999; & &;", "&#0;&#55296;&#9999999999; & &;", []),
        ("a > b", "a > b", []),
    ],
)
def test_markup_is_read_as_telegram_reads_it(source, text, entities):
    """The plain text and its entities, counted in UTF-16."""
    assert parse_html(source) == (text, tuple(entities))


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("é<p>", 'Unsupported start tag "p" at byte offset 2'),
        ("1 < 2", 'Unsupported start tag "" at byte offset 2'),
        ("a<br/>", 'Unsupported start tag "br/" at byte offset 1'),
        ("a<b", "Unclosed start tag at byte offset 1"),
        ("a<b x", 'Unclosed start tag "b" at byte offset 1'),
        ('<a href="x', 'Unclosed start tag "a" at byte offset 0'),
        ("<a href=x:y>z</a>", "Unexpected end of name token at byte offset 8"),
        ('<a ="x">', 'Empty attribute name in the tag "a" at byte offset 0'),
        ("<b>a", 'Can\'t find end tag corresponding to start tag "b"'),
        ("a</b>", "Unexpected end tag at byte offset 1"),
        ("<b>a</b", "Unclosed end tag at byte offset 4"),
        (
            "<b><i>a</b></i>",
            'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"',
        ),
        ("<span>a</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
    ],
)
def test_markup_is_refused_as_telegram_refuses_it(source, reason):
    """What Telegram cannot parse is named, with its place."""
    with pytest.raises(MarkupError) as caught:
        parse_html(source)

    assert str(caught.value) == reason


def test_links_and_code_go_to_html_and_back():
    """A link keeps its address, and a block of code its language."""
    source = (
        '<a href="https://x.y/?a&amp;b">z</a> <pre><code class="language-py">1 &lt; 2</code></pre>'
    )

    assert to_html(*parse_html(source)) == source


TREES = st.recursive(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(lambda text: (text, ())),
    lambda inner: st.tuples(
        st.sampled_from(["bold", "italic", "underline", "strikethrough", "spoiler"]),
        st.lists(inner, min_size=1, max_size=3),
    ).map(lambda pair: wrap(*pair)),
    max_leaves=8,
)


def wrap(kind, parts):
    text, entities = "", []
    for part, inner in parts:
        shift = utf16_length(text)
        entities += [Entity(e.type, e.offset + shift, e.length) for e in inner]
        text += part
    return text, (Entity(kind, 0, utf16_length(text)), *entities)


@given(TREES)
def test_html_of_entities_parses_to_the_same(tree):
    """Any text with nested entities survives the way to HTML and back."""
    text, entities = tree

    parsed_text, parsed = parse_html(to_html(text, entities))

    assert parsed_text == text
    assert sorted(map(repr, parsed)) == sorted(map(repr, entities))


@given(st.text(alphabet="<>/&;=\"' abi#x1-é😀"))
def test_any_text_is_parsed_or_refused(source):
    """No text makes the parser do anything but parse or refuse, and entities stay inside."""
    try:
        text, entities = parse_html(source)
    except MarkupError:
        return

    assert all(e.length > 0 and e.offset + e.length <= utf16_length(text) for e in entities)


@given(st.text(alphabet="/@_ ab1😀\n"))
def test_command_entities_lie_on_commands(text):
    """Whatever a person writes, only words that begin with a slash become commands."""
    units = text.encode("utf-16-le")

    found = [units[2 * e.offset : 2 * (e.offset + e.length)] for e in find_commands(text)]

    assert all(command.decode("utf-16-le").startswith("/") for command in found)


# Calling


@pytest.mark.parametrize(
    ("token", "code", "description"),
    [
        ("123456:another", 401, "Unauthorized"),
        ("nonsense", 404, "Not Found"),
        ("", 404, "Not Found"),
    ],
)
def test_wrong_token(telegram, token, code, description):
    """A wrong token is unauthorized, a malformed one is no address at all."""
    answer = requests.get(f"{telegram.api_url}/bot{token}/getMe", timeout=5)

    assert answer.status_code == code
    assert answer.json() == {"ok": False, "error_code": code, "description": description}


@pytest.mark.parametrize(
    "how",
    [
        {"params": {"chat_id": "1", "text": "hé"}},
        {"data": {"chat_id": "1", "text": "hé"}},
        {"json": {"chat_id": 1, "text": "hé", "reply_markup": None}},
        {"files": {"chat_id": (None, "1"), "text": (None, "hé")}},
    ],
    ids=["query", "form", "json", "multipart"],
)
def test_parameters_come_in_any_form(telegram, bot, how):
    """Query, form, JSON and multipart say the same."""
    answer = bot.session.post(bot.url + "sendMessage", timeout=5, **how)

    assert answer.json()["result"]["text"] == "hé"
    assert telegram.calls[0].params == {"chat_id": "1", "text": "hé"}


@pytest.mark.parametrize(
    ("method", "params", "code", "description"),
    [
        ("sendPidgeon", {}, 404, "Not Found: method not found"),
        ("sendMessage", {"text": "a"}, 400, "chat_id is empty"),
        ("sendMessage", {"chat_id": 9, "text": "a"}, 400, "chat not found"),
        ("sendMessage", {"chat_id": "@friends", "text": "a"}, 400, "chat not found"),
        ("sendMessage", {"chat_id": 1}, 400, "message text is empty"),
        ("sendMessage", {"chat_id": 1, "text": " \n"}, 400, "message text is empty"),
        ("sendMessage", {"chat_id": 1, "text": "a" * 4097}, 400, "message is too long"),
        ("sendMessage", {"chat_id": 1, "text": "😀" * 2049}, 400, "message is too long"),
        (
            "sendMessage",
            {"chat_id": 1, "text": "<b>", "parse_mode": "HTML"},
            400,
            "can't parse entities: Can't find end tag corresponding to start tag \"b\"",
        ),
        (
            "sendMessage",
            {"chat_id": 1, "text": "a", "parse_mode": "Wiki"},
            400,
            "unsupported parse_mode",
        ),
        (
            "sendMessage",
            {"chat_id": 1, "text": "a", "reply_parameters": {"message_id": 77}},
            400,
            "message to be replied not found",
        ),
        (
            "sendMessage",
            {"chat_id": 1, "text": "a", "reply_markup": "{"},
            400,
            "can't parse reply keyboard markup JSON object",
        ),
        (
            "sendMessage",
            {"chat_id": 1, "text": "a", "reply_markup": {"keyboard": 5}},
            400,
            "can't parse reply keyboard markup JSON object",
        ),
        ("sendPhoto", {"chat_id": 1}, 400, "there is no photo in the request"),
        (
            "sendPhoto",
            {"chat_id": 1, "photo": "AgACunknown"},
            400,
            "wrong file identifier/HTTP URL specified",
        ),
        (
            "sendPhoto",
            {"chat_id": 1, "photo": "/etc/passwd"},
            400,
            "wrong file identifier/HTTP URL specified",
        ),
        (
            "sendPhoto",
            {"chat_id": 1, "photo": "http://127.0.0.1/a.jpg"},
            400,
            "failed to get HTTP URL content",
        ),
        (
            "sendChatAction",
            {"chat_id": 1, "action": "nap"},
            400,
            "wrong parameter action in request",
        ),
        ("deleteMessage", {"chat_id": 1, "message_id": 5}, 400, "message to delete not found"),
        (
            "editMessageReplyMarkup",
            {"chat_id": 1, "message_id": 5},
            400,
            "message to edit not found",
        ),
        (
            "answerCallbackQuery",
            {"callback_query_id": "5"},
            400,
            "query is too old and response timeout expired or query ID is invalid",
        ),
        (
            "answerCallbackQuery",
            {"callback_query_id": "5", "text": "a" * 201},
            400,
            "MESSAGE_TOO_LONG",
        ),
        (
            "setMyCommands",
            {"commands": [{"command": "No", "description": "a"}]},
            400,
            "BOT_COMMAND_INVALID",
        ),
        (
            "setMyCommands",
            {"commands": [{"command": "a", "description": ""}]},
            400,
            "BOT_COMMAND_DESCRIPTION_INVALID",
        ),
        (
            "setMyCommands",
            {"commands": [{"command": "a", "description": "b"}] * 101},
            400,
            "BOT_COMMANDS_TOO_MUCH",
        ),
        (
            "setMyCommands",
            {"commands": [], "scope": {"type": "chat", "chat_id": 9}},
            400,
            "chat not found",
        ),
        (
            "setMyCommands",
            {"commands": [], "language_code": "rus"},
            400,
            "invalid language code specified",
        ),
        ("getChat", {"chat_id": 9}, 400, "chat not found"),
        ("getMyCommands", {"scope": {"type": "moon"}}, 400, "unsupported BotCommandScope type"),
        ("setMyCommands", {"commands": {}}, 400, "object expected as commands"),
    ],
)
def test_refusals(bot, method, params, code, description):
    """What Telegram refuses is refused with its code and its words."""
    assert bot.no(method, **params) == (code, description)


@pytest.mark.parametrize("text", ["a" * 4096, "😀" * 2048, "&amp;" * 4096])
def test_longest_text(telegram, bot, text):
    """Length counts after the entities, in UTF-16, and the limit itself is fine."""
    bot.do("sendMessage", chat_id=ANN, text=text, parse_mode="HTML")

    assert utf16_length(telegram.messages(ANN)[0].text) == 4096


@pytest.mark.parametrize(
    ("data", "is_taken"),
    [("", False), ("a" * 64, True), ("a" * 65, False), ("é" * 33, False)],
    ids=["empty", "64 bytes", "65 bytes", "33 letters of two bytes"],
)
def test_callback_data(bot, data, is_taken):
    """A button carries 1 to 64 bytes."""
    markup = {"inline_keyboard": [[{"text": "a", "callback_data": data}]]}

    answer = bot.ask("sendMessage", chat_id=ANN, text="a", reply_markup=markup)

    assert answer["ok"] is is_taken
    assert is_taken or answer["description"] == "Bad Request: BUTTON_DATA_INVALID"


@pytest.mark.parametrize(
    ("button", "description"),
    [
        (
            {"text": "a"},
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
        ),
        (
            {"text": "", "callback_data": "a"},
            "inline keyboard button text must be non-empty",
        ),
        (
            {"text": "a", "url": "javascript:1"},
            "inline keyboard button URL 'javascript:1' is invalid: Wrong HTTP URL",
        ),
    ],
    ids=["idle", "nameless", "script"],
)
def test_button_is_refused(bot, button, description):
    """A button says something and does something harmless."""
    markup = {"inline_keyboard": [[button]]}

    refusal = bot.no("sendMessage", chat_id=ANN, text="a", reply_markup=markup)

    assert refusal == (400, description)


def test_too_many_buttons(bot):
    """A hundred buttons are enough."""
    rows = [[{"text": "a", "callback_data": "a"}]] * 101

    refusal = bot.no("sendMessage", chat_id=ANN, text="a", reply_markup={"inline_keyboard": rows})

    assert refusal == (400, "reply markup is too long")


def test_button_with_a_link(telegram, bot):
    """A link needs no data, and comes back in the answer."""
    row = [{"text": "Stash", "url": "http://localhost:9999/"}]

    sent = bot.do("sendMessage", chat_id=ANN, text="a", reply_markup={"inline_keyboard": [row]})

    assert sent["reply_markup"]["inline_keyboard"] == [row]
    assert telegram.messages(ANN)[0].labels == ["Stash"]


@pytest.mark.parametrize(
    ("kind", "body", "description"),
    [
        ("application/json", "{", "can't parse request JSON object"),
        ("application/json", "[]", "JSON object expected"),
        ("multipart/form-data; boundary=x", "--x\r\nno", "can't parse the multipart form"),
        ("multipart/form-data", "--x--", "can't parse the multipart form"),
    ],
)
def test_broken_body(bot, kind, body, description):
    """A body that cannot be read is a bad request."""
    answer = bot.session.post(
        bot.url + "sendMessage", data=body, headers={"Content-Type": kind}, timeout=5
    ).json()

    assert answer["description"] == f"Bad Request: {description}"


# Files


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
        (
            PHOTO + bytes(10 * 2**20),
            TOO_BIG,
        ),
    ],
    ids=["empty", "text", "cut", "bmp", "tiff", "moving", "sides", "ratio", "bytes"],
)
def test_photo_is_refused(bot, data, description):
    """A photo must be a whole still picture within the limits."""
    refusal = bot.no("sendPhoto", {"photo": ("a.jpg", data)}, chat_id=ANN)

    assert refusal == (400, description)


@pytest.mark.parametrize(
    "data",
    [
        PHOTO,
        image(format="PNG"),
        image(format="WEBP"),
        moving("GIF"),
        image(200, 10),
        image(9000, 1000),
    ],
    ids=["jpeg", "png", "webp", "gif", "longest", "largest"],
)
def test_photo_is_taken(telegram, bot, data):
    """A photo arrives as it was sent, in one to four sizes, the largest last."""
    message = bot.do("sendPhoto", {"photo": ("a b.jpg", data)}, chat_id=ANN)

    assert telegram.messages(ANN)[0].file.data == data
    assert 1 <= len(message["photo"]) <= 4
    assert message["photo"] == sorted(message["photo"], key=lambda size: size["width"])


def test_turned_photo_is_measured_as_it_is_seen(bot):
    """EXIF orientation swaps the sides of the answer."""
    exif = Image.Exif()
    exif[0x0112] = 6

    message = bot.do("sendPhoto", {"photo": ("a.jpg", image(60, 40, exif=exif))}, chat_id=ANN)

    assert (message["photo"][-1]["width"], message["photo"][-1]["height"]) == (40, 60)


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
def test_kind_of_file(bot, method, field, data, kind):
    """Telegram looks into the file, and the answer says what it has become."""
    message = bot.do(method, {field: ("a.bin", data)}, chat_id=ANN)

    assert kind in message


def test_file_is_sent_again_by_its_id(telegram, bot):
    """A file_id brings the same file, until Telegram forgets it."""
    photo = bot.do("sendPhoto", {"photo": ("a.jpg", PHOTO)}, chat_id=ANN)["photo"][-1]["file_id"]

    bot.do("sendPhoto", chat_id=BOB, photo=photo)

    assert telegram.messages(BOB)[0].file.data == PHOTO
    assert bot.no("sendDocument", chat_id=ANN, document=photo) == (
        400,
        "can't use file of type Photo as Document",
    )
    telegram.forget_files()
    assert bot.no("sendPhoto", chat_id=BOB, photo=photo) == (
        400,
        "wrong file identifier/HTTP URL specified",
    )


@pytest.mark.parametrize("size", [50 * 2**20 + 1, 53 * 2**20], ids=["file", "body"])
def test_too_large_a_body(bot, size):
    """Over 50 MB, the whole request is refused."""
    answer = bot.ask("sendDocument", {"document": ("a.bin", bytes(size))}, chat_id=ANN)

    assert (answer["error_code"], answer["description"]) == (413, "Request Entity Too Large")


def test_too_long_a_caption(bot):
    """A caption has 1,024 UTF-16 units; one more is refused."""
    files = {"photo": ("a.jpg", PHOTO)}

    bot.do("sendPhoto", files, chat_id=ANN, caption="😀" * 512)

    assert bot.no("sendPhoto", files, chat_id=ANN, caption="😀" * 512 + "a") == (
        400,
        "message caption is too long",
    )


# Albums


def album(*kinds):
    return [{"type": kind, "media": f"attach://f{n}"} for n, kind in enumerate(kinds)]


@pytest.mark.parametrize(
    ("media", "description"),
    [
        ([], "there are no messages to send"),
        (album("photo"), "album is too short"),
        (album(*["photo"] * 11), "too many messages to send as an album"),
        (album("photo", "document"), "document can't be mixed with other media types"),
        (
            album("photo", "animation"),
            "can't parse InputMedia: type must be one of photo, video, document",
        ),
        (["photo", "photo"], "expected an Array of InputMedia"),
        (
            [*album("photo"), {"type": "photo", "media": "attach://gone"}],
            FAILED.replace("REASON", "wrong file identifier/HTTP URL specified"),
        ),
        (
            album("video", "photo"),
            FAILED.replace("REASON", "IMAGE_PROCESS_FAILED"),
        ),
    ],
    ids=["none", "one", "eleven", "mixed", "animation", "strings", "no part", "broken"],
)
def test_album_is_refused(telegram, bot, media, description):
    """An album is refused as a whole, and the item at fault is named."""
    files = {"f0": ("a.jpg", PHOTO), "f1": ("b.jpg", MP4)}

    assert bot.no("sendMediaGroup", files, chat_id=ANN, media=media) == (400, description)
    assert telegram.messages(ANN) == []


def test_album(telegram, bot):
    """Photos and videos mix, and share an album and a reply."""
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
    assert (first.html, first.album, first.reply_to) == ("<b>Two</b>", second.album, 1)
    assert second.is_spoiler
    assert [message["message_id"] for message in sent] == [2, 3]
    assert sent[0]["reply_to_message"]["text"] == "/random 2"


# Changing messages


def test_buttons_change(telegram, bot):
    """Buttons are replaced; the same again is refused as not modified."""
    markup = {"inline_keyboard": [[{"text": "👍", "callback_data": "like"}]]}
    bot.do("sendMessage", chat_id=ANN, text="a")

    bot.do("editMessageReplyMarkup", chat_id=ANN, message_id=1, reply_markup=markup)

    assert telegram.messages(ANN)[0].button("👍").data == "like"
    code, reason = bot.no("editMessageReplyMarkup", chat_id=ANN, message_id=1, reply_markup=markup)
    assert (code, reason.partition(":")[0]) == (400, "message is not modified")


def test_texts_change(telegram, bot):
    """A text and a caption are edited, each by its own method."""
    bot.do("sendMessage", chat_id=ANN, text="a")
    bot.do("sendPhoto", {"photo": ("a.jpg", PHOTO)}, chat_id=ANN)

    bot.do("editMessageText", chat_id=ANN, message_id=1, text="<i>b</i>", parse_mode="HTML")
    bot.do("editMessageCaption", chat_id=ANN, message_id=2, caption="c")

    assert [message.html for message in telegram.messages(ANN)] == ["<i>b</i>", "c"]
    assert bot.no("editMessageCaption", chat_id=ANN, message_id=1, caption="c") == (
        400,
        "there is no caption in the message to edit",
    )
    assert bot.no("editMessageText", chat_id=ANN, message_id=2, text="c") == (
        400,
        "there is no text in the message to edit",
    )


def test_edits_that_are_refused(telegram, bot):
    """A bot edits its own messages, into something, and with buttons only."""
    telegram.say(ANN, "mine")
    bot.do("sendMessage", chat_id=ANN, text="a")
    keys = {"keyboard": [["a"]]}

    refusals = [
        bot.no("editMessageText", chat_id=ANN, message_id=1, text="b"),
        bot.no("editMessageText", chat_id=ANN, message_id=2, text=" "),
        bot.no("editMessageReplyMarkup", chat_id=ANN, message_id=2, reply_markup=keys),
    ]

    assert [description for _, description in refusals] == [
        "message can't be edited",
        "message text is empty",
        "inline keyboard expected",
    ]


def test_message_is_deleted(telegram, bot):
    """A message is gone for everybody; what others wrote to a group stays."""
    bot.do("sendMessage", chat_id=ANN, text="a")
    telegram.say(ANN, "hello", chat_id=GROUP)

    bot.do("deleteMessage", chat_id=ANN, message_id=1)

    assert telegram.messages(ANN) == []
    assert bot.no("deleteMessage", chat_id=GROUP, message_id=1) == (
        400,
        "message can't be deleted",
    )


def test_keyboard_below_the_chat(telegram, bot):
    """Keys stay until a message takes them away."""
    bot.do("sendMessage", chat_id=ANN, text="a", reply_markup={"keyboard": [["🎲"]]})
    bot.do("sendMessage", chat_id=ANN, text="b")

    assert telegram.keyboard(ANN) == (("🎲",),)
    bot.do("sendMessage", chat_id=ANN, text="c", reply_markup={"remove_keyboard": True})
    assert telegram.keyboard(ANN) == ()


# Updates


def test_updates_are_confirmed_by_the_next_offset(telegram, bot):
    """An update comes again until a poll asks for what is after it."""
    telegram.say(ANN, "/start now", language_code="ru")
    telegram.say(BOB, "hello", chat_id=GROUP)

    first, second = bot.do("getUpdates")

    assert first["message"]["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]
    assert first["message"]["from"]["language_code"] == "ru"
    assert second["message"]["chat"] == {"id": GROUP, "type": "group", "title": "Friends"}
    assert bot.do("getUpdates", limit=1) == [first]
    assert bot.do("getUpdates", offset=second["update_id"]) == [second]
    assert telegram.pending() == [second]


@pytest.mark.parametrize(
    ("offset", "left"), [(-1, 1), (-9, 3), (0, 3), (10**12, 3)], ids=["last", "all", "zero", "far"]
)
def test_strange_offsets(telegram, bot, offset, left):
    """A negative offset counts from the end, and one far beyond the newest is no offset."""
    for text in "abc":
        telegram.say(ANN, text)

    assert len(bot.do("getUpdates", offset=offset)) == left


def test_poll_waits_for_an_update(telegram, bot):
    """A long poll returns as soon as something happens."""
    got = []
    poll = threading.Thread(target=lambda: got.append(bot.do("getUpdates", timeout=30)))
    poll.start()
    telegram.wait_for_poll()

    telegram.put_update({"message": "malformed"})
    poll.join(5)

    assert [update["message"] for update in got[0]] == ["malformed"]


def test_second_poll_ends_the_first(telegram, bot):
    """Of two polls at once, the older is told of the conflict."""
    answers = []
    poll = threading.Thread(target=lambda: answers.append(bot.ask("getUpdates", timeout=30)))
    poll.start()
    telegram.wait_for_poll()

    assert requests.get(bot.url + "getUpdates", timeout=5).json() == {"ok": True, "result": []}
    poll.join(5)
    assert answers[0]["error_code"] == 409


def test_unwanted_kinds_are_not_queued(telegram, bot):
    """The bot names the kinds that it wants, and Telegram remembers."""
    bot.do("getUpdates", allowed_updates=["message"])

    telegram.block(ANN)
    telegram.say(BOB, "a")

    assert [set(update) for update in telegram.pending()] == [{"update_id", "message"}]


def test_pending_updates_are_dropped(telegram, bot):
    """deleteWebhook can throw away what waits."""
    telegram.say(ANN, "a")

    assert bot.do("getWebhookInfo")["pending_update_count"] == 1
    bot.do("deleteWebhook", drop_pending_updates=True)
    assert telegram.pending() == []


# People


def test_press_and_answer(telegram, bot):
    """A press reaches the bot, and its answer the person."""
    markup = {"inline_keyboard": [[{"text": "👍", "callback_data": "like"}]]}
    bot.do("sendMessage", chat_id=ANN, text="a", reply_markup=markup)
    (message,) = telegram.messages(ANN)

    telegram.press(message, message.button("👍").data, user_id=ANN)

    query = telegram.pending()[0]["callback_query"]
    bot.do("answerCallbackQuery", callback_query_id=query["id"], text="Noted")
    assert (query["data"], query["message"]["text"]) == ("like", "a")
    assert telegram.answers[0].text == "Noted"


def test_press_grows_old():
    """After 150 seconds a press is neither delivered nor answered."""
    now = [0.0]
    with TelegramStandIn(TOKEN, clock=lambda: now[0]) as telegram:
        query = telegram.press(5, "like", user_id=ANN)
        now[0] = 151

        assert telegram.pending() == []
        assert Bot(telegram.api_url).no("answerCallbackQuery", callback_query_id=query)[0] == 400


def test_blocked(telegram, bot):
    """A bot that was blocked may not write, and is told when, and when it may again."""
    telegram.block(ANN)
    telegram.block(GROUP)

    assert bot.no("sendMessage", chat_id=ANN, text="a") == (
        403,
        "Forbidden: bot was blocked by the user",
    )
    assert bot.no("sendMessage", chat_id=GROUP, text="a") == (
        403,
        "Forbidden: bot was kicked from the group chat",
    )
    telegram.unblock(ANN)
    bot.do("sendMessage", chat_id=ANN, text="a")
    changes = [update["my_chat_member"] for update in telegram.pending()]
    assert [change["new_chat_member"]["status"] for change in changes] == [
        "kicked",
        "kicked",
        "member",
    ]


def test_group_is_upgraded(telegram, bot):
    """The old id is refused with the new one."""
    telegram.upgrade_group(GROUP, -1001)

    answer = bot.ask("sendMessage", chat_id=GROUP, text="a")

    assert answer["parameters"] == {"migrate_to_chat_id": -1001}
    assert bot.do("sendMessage", chat_id=-1001, text="a")["chat"]["type"] == "supergroup"
    assert telegram.pending()[0]["message"]["migrate_to_chat_id"] == -1001


def test_commands_by_scope_and_language(bot):
    """Each scope and language keeps its own list."""
    commands = [{"command": "random", "description": "Картинка"}]

    bot.do("setMyCommands", commands=commands, language_code="ru")

    assert bot.do("getMyCommands", language_code="ru") == commands
    assert bot.do("getMyCommands") == []
    bot.do("deleteMyCommands", language_code="ru")
    assert bot.do("getMyCommands", language_code="ru") == []


# Floods


@pytest.mark.parametrize(
    ("chat_id", "counts", "wait"),
    [
        (ANN, [1, 1, 1], 1),
        (ANN, [10], 8),
        (GROUP, [1] * 20, 1),
        (GROUP, [10, 9, 10], 28),
    ],
    ids=["burst", "album", "group", "group albums"],
)
def test_flood(chat_id, counts, wait):
    """A chat takes a burst, counts albums by their items, and then names the wait."""
    now = [100.0]
    flood = Flood(lambda: now[0])
    for count in counts:
        flood.take(chat_id, count)

    with pytest.raises(Refusal) as caught:
        flood.take(chat_id, 1)

    assert caught.value.parameters == {"retry_after": wait}
    now[0] += wait
    flood.take(chat_id, 1)


def test_flood_over_all_chats():
    """No more than about 30 messages a second, however many chats."""
    flood = Flood(lambda: 100.0)
    for chat_id in range(1, 31):
        flood.take(chat_id, 1)

    with pytest.raises(Refusal):
        flood.take(99, 1)


def test_flood_over_http():
    """Told to, the stand-in answers a flood as Telegram does."""
    with TelegramStandIn(TOKEN, flood_limits=True, clock=lambda: 100.0) as telegram:
        url = f"{telegram.api_url}/bot{TOKEN}/sendMessage?chat_id=1&text=a"
        answers = [requests.get(url, timeout=5) for _ in range(4)]
        telegram.server.fail(Fault("getMe", Trouble.FLOOD, seconds=7))
        fault = requests.get(f"{telegram.api_url}/bot{TOKEN}/getMe", timeout=5)

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].headers["Retry-After"] == "1"
    assert fault.json()["parameters"] == {"retry_after": 7}


# The record


def test_calls_are_recorded(telegram, bot):
    """A test can wait for a call, and read what came and what was answered."""
    thread = threading.Thread(
        target=lambda: bot.ask("sendPhoto", {"photo": ("a.jpg", PHOTO)}, chat_id=ANN)
    )
    thread.start()

    (call,) = telegram.wait_for("sendPhoto")
    thread.join()

    assert (call.chat_id, call.files, call.status) == (ANN, {"photo": ("a.jpg", PHOTO)}, 200)
    assert call.time <= time.monotonic()
    with pytest.raises(TimeoutError, match="sendPhoto 200"):
        telegram.wait_for(lambda call: call.status == 400, timeout=0.01)


def test_old_messages_are_forgotten():
    """A chat keeps its newest messages only, and of the others not even the files."""
    with TelegramStandIn(TOKEN, keep_messages=2) as telegram:
        bot = Bot(telegram.api_url)
        sent = [
            bot.do("sendPhoto", {"photo": ("a.png", image(side, 9, "PNG"))}, chat_id=ANN)
            for side in (10, 11, 12)
        ]
        oldest, newest = (sent[n]["photo"][0]["file_id"] for n in (0, 2))

        assert [message.id for message in telegram.messages(ANN)] == [2, 3]
        assert bot.no("sendPhoto", chat_id=ANN, photo=oldest)[0] == 400
        assert bot.do("sendPhoto", chat_id=ANN, photo=newest)
        bot.session.close()


# The page


@pytest.mark.parametrize("path", ["/", "/script.js", "/page/events", f"/bot{TOKEN}/getMe"])
@pytest.mark.parametrize("host", ["example.org", "127.0.0.1:1", "127.0.0.1.example.org"])
def test_other_names_are_refused(telegram, path, host):
    """Who comes by another name than this machine's gets nothing, the Bot API included."""
    answer = requests.get(telegram.url + path, headers={"Host": host}, timeout=5)

    assert (answer.status_code, answer.content) == (403, b"")


@pytest.mark.parametrize("path", ["/page/say", "/page/press"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (OTHER_SITE, 403),
        ({"Content-Type": "application/json", "Origin": "null"}, 403),
        ({"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Content-Type": "application/json", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({}, 415),
    ],
    ids=["origin", "null", "cross-site", "same-site", "form", "none"],
)
def test_other_sites_cannot_speak_for_the_person(telegram, path, headers, status):
    """A page of another site in the same browser can neither write nor press."""
    body = json.dumps({"text": "/random", "message_id": 1, "data": "like"})

    answer = requests.post(telegram.url + path, data=body, headers=headers, timeout=5)

    assert answer.status_code == status
    assert telegram.pending() == []


@pytest.mark.parametrize("path", ["/", "/style.css", "/script.js", "/favicon.svg"])
def test_page_is_served_safely(telegram, path):
    """The page comes with its fences, and without the token."""
    answer = requests.get(telegram.url + path, timeout=5)

    assert answer.status_code == 200
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert TOKEN not in answer.text


def test_person_writes_and_presses_on_the_page(telegram):
    """What is done on the page reaches the bot, in the browser's language."""
    said = requests.post(
        telegram.url + "/page/say",
        json={"text": " /start ", "language": "ru"},
        headers={"Origin": telegram.url, "Sec-Fetch-Site": "same-origin"},
        timeout=5,
    )
    requests.post(telegram.url + "/page/press", json={"message_id": 1, "data": "a"}, timeout=5)

    assert said.json() == {"id": 1}
    written, pressed = telegram.pending()
    assert written["message"]["text"] == "/start"
    assert written["message"]["from"]["language_code"] == "ru"
    assert pressed["callback_query"]["data"] == "a"


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"text": " "}', '{"text": '])
def test_nonsense_from_the_page(telegram, body):
    """What makes no sense is refused, and nothing happens."""
    headers = {"Content-Type": "application/json"}

    answer = requests.post(telegram.url + "/page/say", data=body, headers=headers, timeout=5)

    assert answer.status_code == 400
    assert telegram.pending() == []


def next_event(lines):
    name = next(line for line in lines if line.startswith("event: "))
    return name.removeprefix("event: "), json.loads(next(lines).removeprefix("data: "))


def test_page_sees_what_happens(telegram, bot):
    """The events begin with the whole chat, and go on with every change."""
    commands = [{"command": "random", "description": "Картинка"}]
    bot.do("sendMessage", chat_id=ANN, text="before")
    bot.do("setMyCommands", commands=commands, language_code="ru")
    url = telegram.url + "/page/events?language=ru"

    with requests.get(url, stream=True, timeout=5) as answer:
        lines = answer.iter_lines(chunk_size=1, decode_unicode=True)
        name, state = next_event(lines)
        bot.do("sendMessage", chat_id=BOB, text="not for Ann")
        bot.do("sendPhoto", {"photo": ("a.jpg", PHOTO)}, chat_id=ANN)
        bot.do("sendChatAction", chat_id=ANN, action="typing")
        bot.do("editMessageCaption", chat_id=ANN, message_id=2, caption="c")
        bot.do("answerCallbackQuery", callback_query_id=telegram.press(2, "a", user_id=ANN))
        bot.do("deleteMessage", chat_id=ANN, message_id=2)
        bot.do("setMyCommands", commands=[], language_code="ru")
        telegram.say(ANN, "hi")
        bot.do("getUpdates", offset=telegram.pending()[-1]["update_id"] + 1)
        news = [next_event(lines) for _ in range(8)]

    assert (name, [message["text"] for message in state["messages"]]) == ("state", ["before"])
    assert (state["commands"], TOKEN in json.dumps([state, news])) == (commands, False)
    assert [kind for kind, _ in news] == [
        *("message", "action", "edited", "answer", "deleted", "commands", "message", "read")
    ]
    assert (news[2][1]["text"], news[4][1], news[7][1]) == ("c", 2, 3)


def test_files_for_the_page(telegram, bot):
    """Pictures and clips come as what they are, in parts if asked; documents only as a download."""
    bot.do("sendVideo", {"video": ("a.mp4", MP4)}, chat_id=ANN)
    bot.do("sendDocument", {"document": ("a.html", b"<script>")}, chat_id=ANN)
    bot.do("sendPhoto", {"photo": ("b.jpg", PHOTO)}, chat_id=BOB)
    video, document = (f"{telegram.url}/page/files/{m.file.key}" for m in telegram.messages(ANN))
    foreign = f"{telegram.url}/page/files/{telegram.messages(BOB)[0].file.key}"

    part = requests.get(video, headers={"Range": "bytes=4-7"}, timeout=5)
    download = requests.get(document, timeout=5)

    assert (part.status_code, part.content, part.headers["Content-Type"]) == (
        *(206, b"ftyp", "video/mp4"),
    )
    assert part.headers["Content-Range"] == f"bytes 4-7/{len(MP4)}"
    assert requests.get(video, timeout=5).content == MP4
    assert download.headers["Content-Type"] == "application/octet-stream"
    assert download.headers["Content-Disposition"] == "attachment"
    assert requests.get(foreign, timeout=5).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/favicon.ico", 404), ("PUT", "/", 405), ("GET", "/../telegram.py", 404)],
)
def test_nothing_else_is_served(telegram, method, path, status):
    """There are no other pages, files or methods."""
    assert requests.request(method, telegram.url + path, timeout=5).status_code == status


def test_without_a_page():
    """A stand-in can be the Bot API alone."""
    with TelegramStandIn(TOKEN, page=False) as telegram:
        assert requests.get(telegram.url, timeout=5).status_code == 404
