"""Pictures from something: by name, by saved filter, on this day, new, liked, alike."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from stashbot.demo.http import Response
from stashbot.demo.pictures.picture import Details
from stashbot.demo.stash.names import id_of
from stashbot.demo.stash.standin import SavedFilter
from stashbot.models import Request, Trigger
from stashbot.pictures.sources.errors import NoSource
from tests.conftest import FRIEND, GROUP, NO_NEXT, OWNER, library, picture
from tests.standins.http import Fault, Trouble
from tests.whole.program import wait_until

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=400)
#: In the zone of the house, where the day may be another than in UTC.
TODAY = NOW.astimezone(ZoneInfo("Europe/Berlin")).date()
BEACH, SEA, MORE = (id_of("tag", name) for name in ("Beach", "Sea", "море"))


def tagged(number, *tags, **changes):
    return picture(number, tags=tags, created=LONG_AGO, **changes)


def filter_of(criteria, name="Best", id=1, words=None):
    find = {"q": words, "sort": "path", "page": 1} if words else None
    return SavedFilter(id, name, find, criteria)


def by_tag(id):
    value = {"items": [{"id": str(id), "label": "old"}], "excluded": [], "depth": 0}
    return {"tags": {"value": value, "modifier": "INCLUDES"}}


@pytest.fixture
def home(house):
    """Of 12 pictures three have the tag Beach, two Sea, one a Cyrillic name."""
    tags = {1: ["Beach"], 2: ["Beach", "Sea"], 3: ["Beach"], 4: ["Sea"], 5: ["море"]}
    home = house([tagged(number, *tags.get(number, ())) for number in range(1, 13)])
    home.stash.describe(Details("tag", "Beach", aliases=("Strand", "Пляж")))
    return home


def last_text(home, chat=OWNER):
    texts = [call for call in home.telegram.calls if call.method == "sendMessage"]
    return [call for call in texts if call.chat_id == chat][-1]


def buttons_of(call):
    rows = call.json("reply_markup")["inline_keyboard"] if "reply_markup" in call.params else []
    return {button["text"]: button["callback_data"] for row in rows for button in row}


def photo(home):
    """The last picture that was sent: its caption and its buttons."""
    calls = [call for call in home.telegram.calls if call.method == "sendPhoto"]
    return calls[-1].params.get("caption", ""), buttons_of(calls[-1])


def press(home, data, message=None, user=OWNER):
    home.telegram.press(message or home.telegram.messages(OWNER)[-1].id, data, user_id=user)


# By name


@pytest.mark.parametrize("name", ["beach", "BEACH", "bea", "strand", "пляж", '"Beach"', "eac"])
def test_pictures_of_a_tag(home, name):
    assert set(home.ask(f"/random 3 {name}", count=3)) == {1, 2, 3}
    assert home.wait_for_event("photo_sent", 3)[-1]["source"] == f"tag:{BEACH}"


@pytest.mark.parametrize("name", ["море", "Море", "МОРЕ", "мор"])
def test_cyrillic_names_match_whatever_their_case(home, name):
    assert home.ask(f"/random {name}") == [5]
    assert "🏷 море" in photo(home)[0].splitlines()[0]


def test_next_goes_on_there_and_random_goes_back(home):
    seen = home.ask("/random sea")
    while len(seen) < 2:
        press(home, photo(home)[1]["➡️"])
        seen = home.wait_for_images(len(seen) + 1)

    assert set(seen) == {2, 4}
    assert photo(home)[1]["➡️"] == f"next:tag:{SEA}"
    assert home.ask("🎲 Random picture")[0] not in seen
    assert photo(home)[1]["➡️"] == "next:all"


def test_an_old_button_still_works_after_a_restart(home):
    home.ask("/random sea")
    data, message = photo(home)[1]["➡️"], home.telegram.messages(OWNER)[-1].id
    home.restart()
    press(home, data, message)

    assert set(home.wait_for_images(2)) == {2, 4}


def test_next_after_a_vote_comes_from_the_same_source(home):
    [first] = home.ask("/random sea")
    press(home, f"vote:like:{first}")

    assert set(home.wait_for_images(2)) == {2, 4}


def test_what_was_seen_elsewhere_is_not_repeated(home):
    [seen] = home.ask("/random sea")

    assert seen not in home.ask("/random 11", count=10)[:10]


def test_the_choice_among_several_keeps_the_number(home):
    home.stash.add(*(tagged(number, "Beach house") for number in (20, 21)), tagged(22, "Beach bar"))
    home.say("/random 2 ach")
    text = home.wait_for_text("several called “ach”")
    offered = buttons_of(last_text(home))

    assert "Which one?" in text
    assert set(offered) == {"🏷 Beach", "🏷 Beach bar", "🏷 Beach house"}
    press(home, offered["🏷 Beach house"])
    assert set(home.wait_for_images(2)) == {20, 21}


def test_a_misspelt_name_has_the_nearest_offered(home):
    home.say("/random baech")
    text = home.wait_for_text("nothing in Stash called “baech”")
    press(home, buttons_of(last_text(home))["🏷 Beach"])

    assert "Did you mean" in text
    assert home.wait_for_images(1)[0] in {1, 2, 3}


def test_a_name_like_nothing_has_the_usage(home):
    home.say("/random xqzwvk")

    assert "today, new, liked" in home.wait_for_text("xqzwvk")
    assert "reply_markup" not in last_text(home).params


@pytest.mark.parametrize(
    ("text", "names", "count"),
    [
        ("/random 20", {}, 10),
        ("/random 20", {"20": [30]}, 1),
        ("/random 2 cats", {"cats": [30, 31], "2 cats": [32]}, 1),
        ("/random 2 cats", {"cats": [30, 31]}, 2),
        ("3", {}, 3),
    ],
    ids=["number", "name of a number", "name with a number", "number and name", "bare number"],
)
def test_numbers_and_names(home, text, names, count):
    by_name = {id: name for name, ids in names.items() for id in ids}
    home.stash.add(*(tagged(id, name) for id, name in by_name.items()))
    sent = home.ask(text, count=count)

    assert not names or set(sent) == set(list(names.values())[-1])
    told = [c for c in home.telegram.calls if "at most 10" in c.params.get("text", "")]
    assert bool(told) == (text == "/random 20" and not names)


def test_what_is_hidden_is_said_to_be_so(home):
    home.stash.add(tagged(20, performers=("Anna",)))
    anna = id_of("performer", "Anna")
    home.ask("/random anna")
    press(home, f"exclude:performer:{anna}:20")
    home.say("/random anna")
    home.wait_for_text("👤 Anna")
    press(home, buttons_of(last_text(home))["↩️ 👤 Anna"])
    home.wait_for_event("restored")
    home.say("/random anna")

    assert home.wait_for_images(2) == [20, 20]


def test_a_users_words_reach_stash_as_a_variable_alone(home):
    for words in ('x"} { y', "$filter", "-beach OR sea"):
        home.say(f"/random {words}")
        home.wait_for_text("nothing in Stash called")

    asked = [each for each in home.stash.requests if each.operation == "Names"]
    assert len({each.query for each in asked}) == 1


def test_names_are_answered_while_stash_is_away(house):
    home = house(library(3), patience=0.1)
    home.stash.server.pause()
    home.say("/random beach")

    assert "Stash" in home.wait_for_text("as soon as I can")
    home.stash.server.resume()
    assert home.wait_for_text("beach")


@pytest.mark.parametrize("words", ["z", "???", '""'])
def test_words_without_a_piece_are_not_sought_everywhere(home, words):
    home.say(f"/random {words}")
    home.wait_for_text("nothing in Stash called")

    asked = [each for each in home.stash.requests if each.operation == "Names"]
    pages = [each.variables["filter"] for each in asked]
    assert all(page["q"] or page["per_page"] == 0 for page in pages), pages


# Saved filters


def test_filters_are_listed_and_tapped(home):
    home.stash.filters = [filter_of(by_tag(SEA)), filter_of(by_tag(BEACH), "At the beach", 2)]
    home.say("/filters")
    home.wait_for_text("saved filters")
    buttons = buttons_of(last_text(home))
    press(home, buttons["🔖 Best"])

    assert home.wait_for_images(1)[0] in {2, 4}
    assert photo(home)[0].splitlines()[0] == "🔖 Best"
    assert home.ask("/random at the beach")[0] in {1, 2, 3}


def test_a_pinned_filter_stands_until_it_is_ended(home):
    home.stash.filters = [filter_of(by_tag(SEA))]
    home.say("/filters")
    home.wait_for_text("saved filters")
    press(home, "pin:1")
    home.wait_for_text("From now on")
    marked = home.telegram.wait_for("editMessageText")[0]
    assert "📌 ✓" in buttons_of(marked)
    first = home.ask()
    home.restart()
    second = home.ask("🎲")

    assert {*first, *second} == {2, 4}
    home.say("/help")
    assert "📌 Pictures come from 🔖 Best" in home.wait_for_text("Pictures come from")
    assert home.ask("/random all")[0] not in {2, 4}
    home.say("/filters off")
    home.wait_for_text("whole library again")
    assert home.ask()[0] not in {2, 4}


def test_a_changed_filter_counts_with_the_next_picture(home):
    home.stash.filters = [filter_of(by_tag(BEACH))]
    home.ask("/random best")
    wait_until(lambda: home.app.requests._preparation._prefetched._ready, "it lies ready")
    home.stash.filters = [filter_of(by_tag(MORE))]
    press(home, photo(home)[1]["➡️"])

    assert home.wait_for_images(2)[-1] == 5


def test_a_deleted_filter_is_said_to_be_gone(home):
    home.stash.filters = [filter_of(by_tag(BEACH))]
    home.ask("/random best")
    home.stash.filters = []
    press(home, photo(home)[1]["➡️"])

    assert "“Best” is not in Stash any more" in home.wait_for_text("“Best”")
    assert len(home.sent_images()) == 1


def test_a_deleted_filter_has_its_name_after_a_restart(home):
    home.stash.filters = [filter_of(by_tag(BEACH))]
    home.ask("/random best")
    data, message = photo(home)[1]["➡️"], home.telegram.messages(OWNER)[-1].id
    home.stash.filters = []
    home.restart()
    press(home, data, message)

    assert "“Best”" in home.wait_for_text("is not in Stash any more")


@pytest.mark.parametrize(
    ("criteria", "named"),
    [
        ({"custom_fields": {"value": [], "modifier": "EQUALS"}}, "custom_fields"),
        ({"path": {"value": "(", "modifier": "MATCHES_REGEX"}}, "path"),
        (by_tag(SEA) | {"resolution": {"value": "9k", "modifier": "EQUALS"}}, "resolution"),
    ],
    ids=["unknown", "refused by Stash", "unknown word"],
)
def test_a_filter_that_cannot_be_used_is_never_weakened(home, criteria, named):
    home.stash.filters = [filter_of(criteria)]
    home.say("/random best")
    text = home.wait_for_text("saved filter “Best”")

    assert f"“{named}”" in text
    assert not home.sent_images()
    assert "regexp" not in text


def stash_refuses(home, operation):
    """Stash fails at this question, whatever is asked."""
    answer = Response(200, "application/json", b'{"errors": [{"message": "no"}]}')
    home.stash.server.fail(Fault("graphql", answer, words=operation))


def test_stash_goes_away_while_a_refused_filter_is_looked_into(home):
    home.stash.filters = [filter_of(by_tag(SEA))]
    stash_refuses(home, '"Page"')
    home.stash.server.fail(Fault("graphql", Trouble.ERROR, times=4, words='"Sharing"'))
    home.say("/random best")

    assert home.wait_for_images(1)[0] in {2, 4}


def test_a_question_about_a_tag_that_fails_is_no_fault_of_a_filter(home):
    for operation in ('"Page"', '"Sharing"'):
        stash_refuses(home, operation)
    home.say("/random sea")

    assert home.wait_for_images(1)[0] in {2, 4}


def test_the_search_of_a_filter_counts(home):
    home.stash.filters = [filter_of({}, words="7.jpg")]

    assert home.ask("/random best") == [7]


def test_filters_cost_few_questions(house):
    home = house([tagged(number, "Sea") for number in range(1, 101)], **NO_NEXT)
    home.stash.filters = [filter_of(by_tag(SEA))]
    home.ask("/random best")
    home.stash.clear()
    for _ in range(50):
        press(home, photo(home)[1]["➡️"])
        home.wait_for_images(len(home.sent_images()) + 1)

    questions = [each for each in home.stash.requests if each.kind == "graphql"]
    assert len(questions) <= 8, [each.operation for each in questions]


# By time


def test_new_pictures_come_newest_first_and_once(home):
    days = {number: NOW - timedelta(days=number) for number in (7, 9, 8)}
    home.stash.add(*(picture(number, created=when) for number, when in days.items()))
    sent = [*home.ask("/new"), *home.ask("/new"), *home.ask("/random new")]

    assert sent == [7, 8, 9]
    home.say("/new")
    assert str((NOW - timedelta(days=7)).astimezone(ZoneInfo("Europe/Berlin")).day) in (
        home.wait_for_text("nothing new since")
    )


def test_a_library_without_new_pictures_says_since_when(home):
    home.say("/new")

    assert str(LONG_AGO.astimezone(ZoneInfo("Europe/Berlin")).year) in (
        home.wait_for_text("nothing new since")
    )


def test_a_newer_picture_comes_after_all_was_seen(home):
    home.stash.add(picture(7, created=NOW - timedelta(days=1)))
    home.ask("/new")
    home.stash.add(picture(8, created=NOW))

    assert home.ask("/new") == [8]


def years_ago(years, days=0):
    """This day of an earlier year, or a day near it; on 29 February that of a leap year."""
    is_leap_day = (TODAY.month, TODAY.day) == (2, 29)
    day = TODAY.replace(year=TODAY.year - years * (4 if is_leap_day else 1))
    return (day + timedelta(days=days)).isoformat()


def test_pictures_of_this_day(home):
    dates = {1: years_ago(1), 2: years_ago(45), 3: TODAY.isoformat(), 4: years_ago(3, 1)}
    home.stash.add(*(picture(number, date=date) for number, date in dates.items()))

    assert set(home.ask("/today") + home.ask("/random сегодня")) == {1, 2}
    assert photo(home)[0].startswith("📅 On this day")


def test_the_nearest_day_is_offered(home):
    date = (TODAY.replace(year=TODAY.year - 2, day=1) - timedelta(days=20)).isoformat()
    home.stash.add(picture(1, date=date))
    home.say("/today")
    home.wait_for_text("no pictures of this day")
    [(label, data)] = buttons_of(last_text(home)).items()
    press(home, data)

    assert label.startswith("📅 On ")
    assert home.wait_for_images(1) == [1]


# By votes, and alike


def test_leap_day_in_any_year(home):
    home.stash.add(picture(1, date="2020-02-29"), picture(2, date="2021-02-28"))
    home.say("hello")
    home.wait_for_text("/help")
    press(home, "pick:1:today:229")

    assert home.wait_for_images(1) == [1]


def test_liked_pictures_of_this_chat(home):
    home.say("/liked")
    home.wait_for_text("Nothing is liked")
    [liked] = home.ask("/random море")
    press(home, f"vote:like:{liked}")
    home.wait_for_images(2)

    assert home.ask("/liked") == [liked]
    home.say("/random 5 liked", user=FRIEND)
    assert "Nothing is liked" in home.wait_for_text("Nothing is liked", chat=FRIEND)


def test_unrated_pictures(home):
    home.stash.add(*(replace(each, rating100=60) for each in home.stash.pictures if each.id != 9))

    assert home.ask("/random unrated") == [9]
    assert home.ask("/random 3 без оценки") == [9]


def test_more_like_a_picture(house):
    rare = [tagged(number, "Lighthouse", performers=()) for number in (1, 2, 3)]
    common = [tagged(number, "Photo", performers=()) for number in range(4, 40)]
    home = house([*rare[:2], tagged(3, "Lighthouse", "Photo", performers=()), *common], **NO_NEXT)
    home.ask("/random lighthouse")
    home.wait_for_event("photo_sent")
    message = home.telegram.messages(OWNER)[-1]
    [first] = home.sent_images()
    home.telegram.say(OWNER, "/more", reply_to=message.id)
    home.wait_for_images(2)
    home.telegram.say(OWNER, "/more", reply_to=message.id)

    assert set(home.wait_for_images(3)) == {1, 2, 3}
    assert photo(home)[0].startswith("🔎 ")
    assert photo(home)[1]["➡️"] == f"next:like:{first}"


# Schedules and settings


def test_a_schedule_from_a_name(home):
    home.say("/schedule every 5 minutes x2 from beach")

    assert "🏷 Beach" in home.wait_for_text("🏷 Beach")
    [row] = home.query('SELECT "when", count, source, source_name FROM schedules')
    assert row == ("every 5 minutes", 2, f"tag:{BEACH}", "Beach")


def test_a_guess_of_a_schedule_keeps_the_name(home):
    home.say("/schedule evry day at 9 from beach x2")
    home.wait_for_text("“evry day at 9”")
    [message] = [each for each in home.received() if each.buttons]

    [[button]] = message.buttons
    home.telegram.press(message, button.data, user_id=OWNER)

    assert button.text == "✅ Every day at 9:00 ×2 beach"
    [edit] = home.telegram.wait_for("editMessageText")
    assert edit.params["text"].startswith("✅ Every day at 9:00 ×2 🏷 Beach. First")


@pytest.mark.parametrize("what", ["nowhere", "Sea Beach"])
def test_a_schedule_from_an_unknown_name_is_refused(home, what):
    home.say(f"/schedule daily 09:00 from {what}")

    assert "nothing in Stash" in home.wait_for_text(what)
    assert home.query("SELECT * FROM schedules") == []


def test_an_empty_source_is_an_ordinary_answer(home):
    home.stash.filters = [filter_of({}, words="nowhere")]
    home.say("/random best")
    home.wait_for_text("nothing to send from there")

    [entry] = home.wait_for_event("nothing_to_send")
    assert entry["level"] == "info"


def test_a_schedule_whose_filter_is_gone_sends_nothing_else(home):
    """It is missed with the reason, and the owner hears it once a day, in the owner's language."""
    home.app.store.chats.change(OWNER, "language", "ru", NOW)
    home.stash.filters = [filter_of(by_tag(BEACH))]
    home.say("/schedule daily 09:00 from best", user=FRIEND)
    home.wait_for_text("🔖 Best", chat=FRIEND)
    home.stash.filters = []
    [schedule] = home.app.store.schedules.of(FRIEND)
    for hours in (2, 1):
        due = NOW - timedelta(hours=hours)
        home.app.requests.accept(home.app.store.schedules.claim(schedule, due, "en", NOW))
    missed = home.wait_for_event("schedule_missed", 2)
    home.wait_for_text("Best")
    texts = [(call.chat_id, call.params.get("text", "")) for call in home.telegram.calls]

    assert "saved filter is not in Stash" in missed[0]["reason"]
    assert [chat for chat, text in texts if "ничего не отправлено" in text] == [OWNER]
    assert not home.sent_images()


def test_standing_source_of_the_settings(house):
    home = house(
        [tagged(1, "Sea"), *(tagged(number) for number in range(2, 20))],
        STASHBOT_PHOTOS_FILTER="sea",
        **NO_NEXT,
    )

    assert home.ask() == [1]
    assert home.ask("/random all") != [1]
    home.say("/filters off")
    home.wait_for_text("🔖 sea, as my settings file says")


def test_a_name_in_the_settings_that_means_nothing(house):
    home = house(library(5), STASHBOT_PHOTOS_FILTER="nowhere")

    [entry] = home.wait_for_event("source_unknown")
    assert (entry["key"], entry["level"]) == ("photos.filter", "error")
    home.say("/random")
    home.wait_for_text("nothing in Stash called “nowhere”")
    assert not home.sent_images()


@pytest.mark.parametrize(
    ("text", "count"), [("/random 20", 1), ("/random 3", 3)], ids=["too many", "a few"]
)
def test_numbers_beside_a_name_in_the_settings(house, text, count):
    named = "sea" if count == 1 else "2 cats"
    pictures = [tagged(number, named) for number in range(1, count + 1)]
    pictures += [tagged(number, "cats") for number in range(10, 30)]
    home = house(pictures, STASHBOT_PHOTOS_FILTER=named, **NO_NEXT)

    assert set(home.ask(text, count=count)) == set(range(1, count + 1))


def test_a_number_of_a_schedule_in_the_settings_is_a_name(home):
    request = Request(0, OWNER, OWNER, 3, Trigger.SCHEDULE, NOW, "en", due=NOW)
    home.stash.add(*(tagged(number, "2 cats") for number in range(20, 30)))

    assert home.app.sources.find(request, "name:2 cats").count == 3
    for unknown in ("20", "2 beach"):
        with pytest.raises(NoSource):
            home.app.sources.find(request, f"name:{unknown}")


def test_a_number_is_no_count_where_one_name_is_meant(home):
    home.say("/exclude 2 beach")

    home.wait_for_text("nothing in Stash called “2 beach”")
    assert not home.events("excluded")


def test_a_name_in_the_settings_is_said_once_however_often_stash_fails(home):
    names = [("photos.filter", "nowhere"), ("schedule.filter", "sea")]
    home.stash.server.fail(Fault("graphql", Trouble.ERROR, times=4, words=r"\bsea\b"))
    again = [home.app.filters.check_settings(names) for _ in range(2)]

    assert [bool(seconds) for seconds in again] == [True, False]
    assert len(home.events("source_unknown")) == 1


def test_sources_in_a_group(home):
    home.ask("/random sea", chat=GROUP)

    assert home.wait_for_event("photo_sent")[0]["source"] == f"tag:{SEA}"
