"""Random updates of people and chats that the bot does not serve, and the promises about them."""

from inspect import signature

from telebot import types

from stashbot.bot.access import MOST_STRANGERS
from stashbot.bot.pairing import MOST_USERS
from stashbot.rules.access import MOST_QUESTIONS
from stashbot.store.people import MOST_WAITING
from tests.conftest import FRIEND, GROUP, OWNER
from tests.whole.program import wait_until

STRANGERS = range(7000, 7300)
ANONYMOUS, CHANNEL_BOT = 1087968824, 136817688
CLUBS = range(-900, -870)
BATCH = 500
TEXTS = ["/start", "/random 5", "/people", "/status", "/schedule daily 09:00", "/exclude x", "🎲"]
TEXTS += ["hello", "/start {n:08}", "{n:08}", "/random@stash_demo_bot", "/purge", "/filters off"]
#: Data of each kind of button.
BUTTONS = ["next", "next:tag:{id}", "pick:2:new", "pin:{id}", "unhide:tag:{id}", "rate:5:{id}"]
BUTTONS += ["menu:{id}", "info:{id}", "original:{id}", "why:{id}", "prefer:like:tag:{id}:1"]
BUTTONS += ["vote:dislike:{id}", "exclude:tag:{id}:1", "excluded:0", "restore:{id}:0", "forget:yes"]
BUTTONS += ["people:show:0:0", "settings:quiet", "set:spoiler:1", "zone:Asia/Tokyo", "purge:yes"]
BUTTONS += ["unorder:{id}", "schedule:noon", "chart"]
PRESSES = [*BUTTONS, "people:{act}:{id}:", "people:{act}:{id}:0", "", "{n}"]
ACTIONS = ["allow", "ignore", "remove", "lift"]
STATES = ["member", "administrator", "left", "kicked", "restricted"]
#: The fields of all states.
KINDS = (types.ChatMemberAdministrator, types.ChatMemberRestricted, types.ChatMemberBanned)
FIELDS = dict.fromkeys((name for kind in KINDS for name in signature(kind).parameters), 0)
ROWS = """SELECT (SELECT COUNT(*) FROM chats WHERE chat_id <> ?), (SELECT COUNT(*) FROM requests),
    (SELECT COUNT(*) FROM votes), (SELECT COUNT(*) FROM schedules),
    (SELECT COUNT(*) FROM exclusions), (SELECT COUNT(*) FROM ratings)"""


def membership(before, after):
    """Two states of the bot in a chat."""
    bot = FIELDS | {"user": {"id": 4242, "is_bot": True, "first_name": "Stashbot"}}
    return {
        "old_chat_member": bot | {"status": before},
        "new_chat_member": bot | {"status": after},
    }


class RandomUpdates:
    """Sends updates to the bot of a house, where no user has done anything yet."""

    def __init__(self, home, random):
        self.home, self.random = home, random
        for user in (*STRANGERS, ANONYMOUS, CHANNEL_BOT):
            home.telegram.add_user(home.telegram.user(user))

    def run(self, count):
        for start in range(0, count, BATCH):
            for _ in range(min(BATCH, count - start)):
                self.home.telegram.put_update(self.update())
            wait_until(lambda: not self.home.telegram.pending(), "all is read", 120)
        wait_until(lambda: not self.home.app.outbox, "all is said", 120)

    def update(self):
        """A random update, sometimes without one of its parts."""
        user, chat = self.sender_and_chat()
        make = self.random.choice([self.message, self.press, self.reaction, self.membership])
        kind, value = make(
            {"chat": chat, "message_id": self.random.randint(1, 99), "date": 1}, user
        )
        part = self.random.choice([value, value.get("message") or value])
        if self.random.random() < 0.1:
            part.pop(self.random.choice(list(part)))
        return {kind: value}

    def sender_and_chat(self):
        """A stranger anywhere, or an allowed user in a group that is not allowed."""
        user = self.random.choice([*STRANGERS, ANONYMOUS, CHANNEL_BOT, OWNER, FRIEND])
        is_bot = user in (ANONYMOUS, CHANNEL_BOT)
        places = [*CLUBS, *[GROUP, user] * 20] if user in STRANGERS else CLUBS
        place = self.random.choice(places)
        type = self.random.choice(["group", "supergroup", "channel"]) if place < 0 else "private"
        sender = {
            "id": user,
            "is_bot": is_bot,
            "first_name": self.random.choice(["A", "\u202e", ""]),
        }
        return sender, {"id": place, "type": type, "title": "Club"}

    def words(self, templates):
        n, id = self.random.randrange(10**8), self.random.randint(0, 150)
        return self.random.choice(templates).format(n=n, id=id, act=self.random.choice(ACTIONS))

    def message(self, about, user):
        extra = self.random.choice([{}, {"reply_to_message": about}])
        return "message", about | {"from": user, "text": self.words(TEXTS)} | extra

    def press(self, about, user):
        value = {"id": "1", "from": user, "chat_instance": "1", "data": self.words(PRESSES)}
        return "callback_query", value | self.random.choice([{"message": {**about}}, {}])

    def reaction(self, about, user):
        like = [{"type": "emoji", "emoji": "👍"}]
        return "message_reaction", about | {"user": user, "old_reaction": [], "new_reaction": like}

    def membership(self, about, user):
        before, after = self.random.choices(STATES, k=2)
        return "my_chat_member", about | {"from": user} | membership(before, after)

    def check(self, *, has_owner):
        home, access = self.home, self.home.app.poller._handle.__self__._access
        written_to = {call.chat_id for call in home.telegram.calls if "send" in call.method}
        asked = [each for each in home.received(OWNER) if each.buttons]
        waiting = home.query("SELECT COUNT(*) FROM people WHERE standing = 'waiting'")[0][0]
        assert not home.stash.requests
        assert not home.events("access_granted") + home.events("access_removed")
        assert home.query("SELECT COUNT(*) FROM people") == [(waiting,)]
        assert written_to <= {*STRANGERS, *([OWNER] if has_owner else [])}
        if has_owner:
            assert len(asked) == MOST_QUESTIONS
            assert MOST_QUESTIONS <= waiting <= MOST_WAITING
        else:
            assert not waiting
        assert len(access.strangers._answered) <= MOST_STRANGERS
        assert len(access.pairing._tries) <= MOST_USERS
        assert set(home.query(ROWS, GROUP)[0]) == {0}  # a stranger may remove the bot from there
