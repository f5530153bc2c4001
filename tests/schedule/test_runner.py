"""The scheduler: served and missed moments, through a year of trouble."""

import io
import json
import threading
from bisect import bisect_right
from datetime import datetime, timedelta
from itertools import takewhile
from random import Random

import pytest

from stashbot import logs
from stashbot.models import Trigger
from stashbot.rules.timetable import GRACE
from stashbot.schedule.runner import AGAIN, LONGEST_WAIT_S, Scheduler
from stashbot.schedule.schedules import ChatSchedules
from stashbot.settings.load import load
from stashbot.store.store import Store
from tests.conftest import TOKEN, at_length, utc
from tests.store.stored import CHAT, NOW, OTHER, locked, rows_of, show

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LEAST = {"STASHBOT_TELEGRAM_TOKEN": TOKEN, "STASHBOT_TELEGRAM_ALLOWED_USERS": str(CHAT)}


class Clockwork:
    """A scheduler on a database, without its thread, and with a clock that the test moves.

    `requests` are those that it has made; `crash` and `start` end and begin a life of it.
    """

    def __init__(self, folder, *schedules, zone="Europe/Berlin", now=NOW):
        self.now = now
        self.requests, self.prepared = [], []
        self.path = folder / "stashbot.db"
        file = folder / "settings.toml"
        tables = "".join(
            f'[[schedule]]\nchat = {chat}\nwhen = "{when}"\ntimezone = "{schedule_zone}"\n'
            for chat, when, schedule_zone in (
                schedule + ("",) * (3 - len(schedule)) for schedule in schedules
            )
        )
        file.write_text(f'timezone = "{zone}"\n{tables}', "utf-8")
        self.settings = load(file, LEAST)
        self.log_stream = io.StringIO()
        logs.configure("info", "json", (), stream=self.log_stream)
        self.start()

    def start(self):
        self.store = Store(self.path, busy_ms=1, defaults=self.settings.chat)
        self.store.people.set_fixed(self.settings.telegram.allowed_users, ())
        self.wake = threading.Event()
        self.schedules = ChatSchedules(self.store, self.settings, self.wake.set, lambda: self.now)
        self.scheduler = Scheduler(
            store=self.store,
            schedules=self.schedules,
            requests=self,
            wake=self.wake,
            keep_days=730,
            now=lambda: self.now,
        )
        self.schedules.take_over()
        self.scheduler.work()

    def accept(self, request):
        self.requests.append(request)

    def prefetch(self, chat_id, source):
        self.prepared.append(chat_id)

    def crash(self):
        self.store.close()

    def go_to(self, moment):
        """Let the time pass, with a look at each moment for which something is planned."""
        while (planned := self.scheduler._jobs.next_run) <= moment:
            self.now = max(self.now, planned)
            self.scheduler.work()
        self.now = moment

    def jump_to(self, moment):
        """Set the clock, or wake up from sleep; the thread looks at it sooner or later."""
        self.now = moment
        self.scheduler.work()

    def events(self, name):
        lines = map(json.loads, self.log_stream.getvalue().splitlines())
        return [line for line in lines if line["event"] == name]

    @property
    def served(self):
        return [(request.chat_id, request.when, request.due) for request in self.requests]


@pytest.fixture
def clockwork(tmp_path):
    built = []

    def build(*schedules, **options):
        built.append(Clockwork(tmp_path, *schedules, **options))
        return built[-1]

    yield build
    for each in built:
        each.crash()


# One thing at a time; 4 May 2026, 09:00 UTC, is a Monday, 11:00 in Berlin.


def test_schedule_is_served_when_it_is_due(clockwork):
    clock = clockwork((CHAT, "daily 12:30"))
    clock.go_to(NOW + 3 * DAY)

    assert [due for _, _, due in clock.served] == [
        utc(f"2026-05-{day:02} 10:30") for day in (4, 5, 6)
    ]
    first = clock.requests[0]
    assert (first.chat_id, first.user_id, first.count) == (CHAT, CHAT, 1)
    assert (first.trigger, first.requested_at) == (Trigger.SCHEDULE, utc("2026-05-04 10:30"))
    [fired, *_] = clock.events("schedule_fired")
    assert (fired["chat_id"], fired["when"]) == (CHAT, "daily 12:30")
    assert datetime.fromisoformat(fired["due"]) == utc("2026-05-04 10:30")
    assert not clock.events("schedule_missed")


def test_picture_is_prepared_before_it_is_due(clockwork):
    clock = clockwork((CHAT, "daily 12:30"))
    clock.go_to(utc("2026-05-04 10:28:59"))
    before = list(clock.prepared)
    clock.go_to(utc("2026-05-04 10:29"))
    clock.jump_to(utc("2026-05-04 10:29:01"))
    on_time = list(clock.prepared)
    clock.go_to(NOW + 2 * DAY)

    assert (before, on_time) == ([], [CHAT])
    assert clock.prepared == [CHAT, CHAT]
    assert len(clock.served) == 2


@pytest.mark.parametrize(("count", "prepared"), [(1, [CHAT]), (3, [])])
def test_due_within_a_minute(clockwork, count, prepared):
    clock = clockwork(now=utc("2026-05-04 10:29:30"))
    clock.store.schedules.add(CHAT, "30 12 * * *", count, clock.now)
    clock.wake.set()
    clock.scheduler.work()

    assert clock.prepared == prepared
    assert not clock.served


def test_new_schedule_has_no_past(clockwork):
    clock = clockwork((CHAT, "daily 10:59"))
    clock.jump_to(NOW + MINUTE)

    assert clock.served == []
    assert not clock.events("schedule_missed")


def test_quiet_hours_send_one_picture_at_their_end(clockwork):
    """An hourly schedule rests from 22 to 7 in Berlin; a restart in the night changes nothing."""
    clock = clockwork((CHAT, "every 1 hour"), (OTHER, "daily 23:00"))
    for chat in (CHAT, OTHER):
        clock.store.chats.change(chat, "quiet", "22:00-07:00", clock.now)
    clock.schedules.changed()
    clock.go_to(utc("2026-05-05 00:10"))
    clock.crash()
    clock.start()
    clock.go_to(utc("2026-05-05 06:00"))

    hours = [f"2026-05-04 {hour}:00" for hour in range(10, 20)]
    hours += ["2026-05-05 05:00", "2026-05-05 06:00"]
    assert [due for chat, _, due in clock.served if chat == CHAT] == list(map(utc, hours))
    assert [due for chat, _, due in clock.served if chat == OTHER] == [utc("2026-05-05 05:00")]
    assert clock.prepared.count(OTHER) == 1
    assert not clock.events("schedule_missed")


def test_quiet_hours_that_are_taken_back(clockwork):
    clock = clockwork((CHAT, "daily 22:30"))
    clock.store.chats.change(CHAT, "quiet", "22:00-07:00", clock.now)
    clock.schedules.changed()
    clock.go_to(utc("2026-05-04 20:45"))
    before = list(clock.served)
    clock.store.chats.change(CHAT, "quiet", "0", clock.now)
    clock.schedules.changed()
    clock.scheduler.work()

    assert before == []
    assert [due for _, _, due in clock.served] == [utc("2026-05-04 20:30")]


def test_new_time_zone_of_a_chat(clockwork):
    """In Tokyo it is 18:00 now: the time that has passed there is neither served nor missed."""
    clock = clockwork()
    clock.store.schedules.add(CHAT, "daily 17:30", 1, clock.now)
    clock.now += MINUTE
    clock.store.chats.change(CHAT, "timezone", "Asia/Tokyo", clock.now)
    clock.schedules.changed()
    clock.go_to(NOW + DAY)

    assert [due for _, _, due in clock.served] == [utc("2026-05-05 08:30")]
    assert not clock.events("schedule_missed")


def test_clock_that_was_a_year_ahead(clockwork):
    clock = clockwork((CHAT, "every 1 hour"))
    clock.jump_to(NOW + 365 * DAY)
    clock.jump_to(NOW + MINUTE)
    clock.go_to(NOW + 2 * HOUR)

    assert [due for _, _, due in clock.served][-2:] == [NOW + HOUR, NOW + 2 * HOUR]


def test_job_that_raises(clockwork):
    clock = clockwork((CHAT, "daily 12:30"), (OTHER, "daily 12:30"))
    accept, broken = clock.accept, [True]

    def buggy(request):
        if broken:
            broken.clear()
            raise ZeroDivisionError
        accept(request)

    clock.accept = buggy
    with pytest.raises(ZeroDivisionError):
        clock.go_to(utc("2026-05-04 10:30"))
    clock.go_to(utc("2026-05-05 10:31"))

    assert [due for chat, _, due in clock.served if chat == OTHER] == [
        utc("2026-05-04 10:30"),
        utc("2026-05-05 10:30"),
    ]
    assert [due for chat, _, due in clock.served if chat == CHAT][-1] == utc("2026-05-05 10:30")
    # The request of the first is in the database, and taken up at the next start.
    assert rows_of(clock.path, "SELECT count(*) FROM requests") == [(4,)]


def test_one_schedule_a_day_tries_a_chat_that_is_gone(clockwork):
    clock = clockwork((CHAT, "every 1 hour"), (CHAT, "every 2 hours"))
    clock.store.chats.set_gone(CHAT, "blocked", clock.now)
    tried = []
    for hour in range(1, 24 * 3):
        clock.go_to(NOW + hour * HOUR)
        tried += [due for _, _, due in clock.served[len(tried) :]]
        if tried:  # Telegram refuses the picture at once
            clock.store.chats.set_gone(CHAT, "blocked", clock.now)

    assert len({due.date() for due in tried}) == len(tried) == 2


def test_group_that_has_moved(clockwork):
    """A schedule of the settings follows its group to its new id, over a restart too."""
    clock = clockwork((-5, "every 1 hour"))
    clock.go_to(NOW + HOUR)
    clock.store.chats.move_chat(-5, -1005, clock.now)
    clock.go_to(NOW + 2 * HOUR)
    clock.crash()
    clock.start()
    clock.go_to(NOW + 3 * HOUR)

    assert [chat for chat, _, _ in clock.served] == [-5, -1005, -1005]
    assert {request.user_id for request in clock.requests} == {0}


def test_chat_whose_user_is_no_longer_allowed(clockwork):
    clock = clockwork()
    clock.store.schedules.add(CHAT, "every 1 hour", 1, clock.now)
    clock.store.schedules.add(OTHER, "every 1 hour", 1, clock.now)
    clock.crash()
    clock.start()
    clock.go_to(NOW + HOUR)

    assert [chat for chat, _, _ in clock.served] == [CHAT]


def test_schedules_that_left_the_settings(clockwork):
    clock = clockwork((CHAT, "daily 12:30"), (OTHER, "daily 12:30"))
    clock.go_to(utc("2026-05-04 10:31"))
    waiting = clock.store.waiting_requests()
    clock.schedules._settings = load(None, LEAST)
    clock.schedules.take_over()

    assert len(waiting) == 2
    assert clock.store.waiting_requests() == []
    assert len(clock.events("schedule_removed")) == 2
    assert clock.schedules.entries() == []


def send(clock, *days_ago):
    for days in days_ago:
        show(clock.store, int(days), now=clock.now - days * DAY)


def left(clock):
    return [id for (id,) in rows_of(clock.path, "SELECT image_id FROM sent_photos ORDER BY 1")]


def test_prune_and_integrity_check_every_day(clockwork):
    """The chores come at the start and then once a day, and a failure does not end them."""
    clock = clockwork()
    send(clock, 1.5, 0.5, -0.5, -1.5, -2.5)
    with locked(clock.path):
        clock.go_to(NOW + DAY + MINUTE)
    clock.go_to(NOW + 3 * DAY + MINUTE)

    assert len(clock.events("history_pruned")) == 2
    assert not clock.events("database_damaged")


def test_history_is_pruned_by_a_right_clock(clockwork):
    clock = clockwork()
    send(clock, 800, 735, 731, 30, 1.5)
    clock.crash()
    clock.start()

    assert left(clock) == [1, 30, 731]


@pytest.mark.parametrize("is_restarted", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("ahead", [3 * DAY, 800 * DAY, 3653 * DAY], ids=str)
def test_nothing_is_pruned_by_a_clock_that_has_jumped(clockwork, is_restarted, ahead):
    """Also when pictures are sent meanwhile, and when the clock is right again."""
    clock = clockwork()
    sent = [729, 365, 30, 1, 0]
    send(clock, *sent)
    for _ in range(2):
        if is_restarted:
            clock.crash()
            clock.now = NOW + ahead
            clock.start()
        else:
            clock.jump_to(NOW + ahead)
        clock.go_to(NOW + ahead + HOUR)
        show(clock.store, 5000, now=clock.now)
    clock.jump_to(NOW + HOUR)

    assert left(clock) == [*sorted(sent), 5000, 5000]


def test_damage_is_found(clockwork):
    clock = clockwork()
    clock.store.skip_image(1, "x" * 100, NOW + 9 * DAY)
    clock.crash()
    data = bytearray(clock.path.read_bytes())
    page = data.index(b"x" * 100) // 4096 * 4096
    data[page : page + 200] = bytes(200)
    clock.path.write_bytes(data)
    clock.start()
    clock.go_to(NOW + HOUR)

    [line] = clock.events("database_damaged") or clock.events("store_failed")
    assert line["level"] == "error"


def test_waits_for_the_next_schedule(clockwork):
    clock = clockwork((CHAT, "daily 20:00"))

    assert clock.scheduler._pause() == LONGEST_WAIT_S
    clock.go_to(utc("2026-05-04 17:59:59"))
    assert 0 < clock.scheduler._pause() <= 1


# A year

YEAR = utc("2026-01-01 00:00"), utc(at_length("2027-01-01 00:00", "2026-03-10 00:00"))
TIMES = [
    *(("daily {:02}:{:02}", day % 24, 7 * day % 60) for day in range(2)),
    *(("30 2 * * *",), ("every 100 hours",)),
    *(("{} {} * * {}", 11 * day % 60, day % 24, day % 7) for day in range(31)),
    *(("{} 2 {} * *", 2 * day % 60, day + 1) for day in range(14)),
    *(("0 0 29 2 *",),),
]
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]


class Almanac:
    """The right moments of the schedules, found by looking at all moments one by one."""

    def __init__(self, entries):
        self.moments = {}
        self.served = set()
        self.missed = set()
        for entry in entries:
            all_moments = entry.timetable.moments(YEAR[0], entry.zone)
            key = entry.schedule.chat_id, entry.schedule.when
            self.moments[key] = list(takewhile(lambda each: each <= YEAR[1], all_moments))
        self.handled = dict.fromkeys(self.moments, YEAR[0])

    def look(self, now):
        """The bot is there at this moment of the clock, and can do all that it has to do."""
        for key, moments in self.moments.items():
            first = bisect_right(moments, min(self.handled[key], now))
            passed = moments[first : bisect_right(moments, now)]
            if passed and now - passed[-1] <= GRACE:
                self.served.add((*key, passed.pop()))
            self.missed.update((*key, moment) for moment in passed)
            self.handled[key] = now


def trouble(random, clock, almanac):
    """Something happens; the clock goes on, or is set."""
    hours = random.choice([0.1, 0.5, 1, 3, 30, 100]) * random.random() * HOUR
    kind = random.choice(["crash", "off", "sleep", "back", "locked"])
    if kind == "crash":
        clock.crash()
        clock.start()
    elif kind == "off":
        clock.crash()
        clock.now += hours
        clock.start()
    elif kind == "sleep":
        clock.jump_to(clock.now + hours)
    elif kind == "back":
        clock.jump_to(clock.now - min(hours, 6 * HOUR))
    else:
        until = clock.now + min(hours, 10 * MINUTE)
        with locked(clock.path):
            clock.go_to(until)
        clock.go_to(until + AGAIN)
    almanac.look(clock.now)


def test_year_of_trouble(clockwork):
    random = Random(2026)
    schedules = [
        (1000 + number, words.format(*values), ZONES[number % len(ZONES)])
        for number, (words, *values) in enumerate(TIMES)
    ]
    clock = clockwork(*schedules, now=YEAR[0])
    almanac = Almanac(clock.schedules.entries())
    while clock.now < YEAR[1]:
        calm = clock.now + random.random() * 5 * DAY
        while clock.now < min(calm, YEAR[1]):
            clock.go_to(max(clock.now, min(clock.scheduler.next_due() or calm, calm, YEAR[1])))
            clock.scheduler.work()
            almanac.look(clock.now)
        trouble(random, clock, almanac)

    served = [(chat, when, due) for chat, when, due in clock.served if due <= YEAR[1]]
    missed = {
        (line["chat_id"], line["when"], moment)
        for line in clock.events("schedule_missed")
        for moment in almanac.moments[line["chat_id"], line["when"]]
        if datetime.fromisoformat(line["since"]) <= moment <= datetime.fromisoformat(line["due"])
    }
    assert len(schedules) == 50
    assert len(served) == len(set(served))
    assert set(served) == {each for each in almanac.served if each[2] <= YEAR[1]}
    assert {each for each in almanac.missed if each[2] <= YEAR[1]} <= missed
    assert len(served) > at_length(1500, 200)
    assert len(almanac.missed) > at_length(100, 10)
    # Each moment is served or missed.
    every = {(*key, moment) for key, moments in almanac.moments.items() for moment in moments}
    assert {each for each in every if each[2] < clock.now} <= set(served) | missed
