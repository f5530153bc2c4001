"""The rows of chats, requests, the history and the library."""

from datetime import datetime, timezone

import pytest

from stashbot.models import Image, Kind, KnownFile, Request, Shuffle, Trigger
from stashbot.store.history import ChatStats
from tests.store.stored import (
    BOT,
    CHAT,
    DAY,
    HOUR,
    NOW,
    OTHER,
    USER,
    arrive,
    ask,
    begin,
    is_gone,
    rows_of,
    show,
)


def test_gone_chat_comes_back(store, path):
    met = [store.chats.meet_chat(CHAT, "en", NOW)[1]]
    store.chats.set_gone(CHAT, "blocked", NOW)
    store.chats.set_gone(CHAT, "chat not found", NOW + HOUR)
    state = rows_of(path, "SELECT gone_since, gone_reason FROM chats")
    met += [store.chats.meet_chat(CHAT, language, NOW)[1] for language in ("en", "ru")]

    assert state == [("2026-05-04 09:00:00.000000", "blocked")]
    assert met == [False, True, False]
    assert rows_of(path, "SELECT gone_since, language FROM chats") == [(None, "ru")]


def test_everything_follows_a_group(store):
    store.chats.meet_chat(CHAT, "ru", NOW)
    show(store, 1, 2)
    waiting = ask(store, count=2)
    store.save_shuffle(CHAT, Shuffle(5, 40))

    for _ in range(2):
        store.chats.move_chat(CHAT, OTHER, NOW)

    assert store.chats.moved_chats() == {OTHER: CHAT}
    assert is_gone(store, CHAT)
    assert not is_gone(store, OTHER)
    assert store.chats.meet_chat(OTHER, "ru", NOW)[1] is False
    assert [(r.id, r.chat_id) for r in store.waiting_requests()][-1] == (waiting.id, OTHER)
    assert store.unavailable(OTHER, [1, 2, 3], NOW - DAY, NOW) == {1, 2}
    assert store.unavailable(CHAT, [1, 2, 3], NOW - DAY, NOW) == set()
    assert store.shuffle(OTHER) == Shuffle(5, 40)
    assert store.shuffle(CHAT) is None


def test_supergroup_that_has_begun(store):
    show(store, 1, chat_id=OTHER, now=NOW + HOUR)
    show(store, 1, 2, now=NOW)
    begin(store, 3)
    begin(store, 3, chat_id=OTHER)
    store.save_shuffle(CHAT, Shuffle(5))
    store.save_shuffle(OTHER, Shuffle(6))

    store.chats.move_chat(CHAT, OTHER, NOW + HOUR)

    assert store.shuffle(OTHER) == Shuffle(6)
    assert store.shown_longest_ago(OTHER, 10, NOW) == [2, 1]
    assert store.shown_longest_ago(CHAT, 10, NOW) == []


def test_standing_source_follows_a_group_once(store):
    store.chats.set_standing(CHAT, "filter:1", "Best")
    store.chats.move_chat(CHAT, OTHER, NOW)
    moved = store.chats.standing(OTHER)
    store.chats.set_standing(OTHER, "", "")
    store.chats.move_chat(CHAT, OTHER, NOW)

    assert moved == ("filter:1", "Best")
    assert store.chats.standing(OTHER) == ("", "")


def test_standing_source_of_a_supergroup_that_has_begun(store):
    store.chats.set_standing(OTHER, "filter:2", "Other")
    store.chats.move_chat(CHAT, OTHER, NOW)

    assert store.chats.standing(OTHER) == ("filter:2", "Other")


def test_update_is_accepted_once(store):
    first = ask(store, update_id=1000, count=3)

    assert first == Request(first.id, CHAT, USER, 3, Trigger.COMMAND, NOW, "en")
    assert ask(store, update_id=1000) is None
    assert store.waiting_requests() == [first]


def test_waiting_requests(store):
    half, untouched, begun, over = (ask(store, count=2) for _ in range(4))
    store.begin(half, [Image(1)], NOW)
    store.begin(begun, [Image(2), Image(3)], NOW)
    store.finish_request(over.id, "failed", NOW)

    assert [(r.id, r.count) for r in store.waiting_requests()] == [(half.id, 1), (untouched.id, 2)]


def test_recovery(store, path):
    begun, half = ask(store), ask(store, count=3)
    store.begin(begun, [Image(1)], NOW)
    store.begin(half, [Image(2)], NOW)

    assert store.recover(NOW + HOUR) == 2
    assert store.recover(NOW + HOUR) == 0
    assert store.unavailable(CHAT, [1, 2, 3], NOW, NOW) == {1, 2}
    assert [(r.id, r.count) for r in store.waiting_requests()] == [(half.id, 2)]
    assert rows_of(path, "SELECT state FROM requests") == [("done",), ("waiting",)]


def test_row_of_a_sent_picture(store, path):
    show(store, 5, now=datetime(2026, 5, 4, 12, 0, tzinfo=timezone(3 * HOUR)))

    sql = "SELECT id, image_id, sent_at, user_id, title, strftime('%H', sent_at) FROM sent_photos"
    assert rows_of(path, sql) == [(1, 5, "2026-05-04 09:00:00.000000", USER, "No. 5", "09")]
    sql = "SELECT state, kind, message_id, is_latest FROM sent_photos"
    assert rows_of(path, sql) == [("sent", "photo", 501, 1)]


@pytest.mark.parametrize("column", ["image_id", "sent_at", "request_id"])
def test_index(store, path, column):
    sql = "EXPLAIN QUERY PLAN SELECT * FROM sent_photos WHERE column = 1"
    plan = rows_of(path, sql.replace("column", column))

    assert f"USING INDEX sent_photos_{column} " in plan[0][-1]


def test_naive_time_is_refused(store):
    with pytest.raises(ValueError, match="names no time zone"):
        ask(store, now=NOW.replace(tzinfo=None))

    assert store.waiting_requests() == []


def test_settling_ends_the_request(store, path):
    request = ask(store, count=2)
    images = [Image(1), Image(2)]
    arrive(store, store.begin(request, images, NOW).values(), images, NOW + HOUR, ends=request)

    assert rows_of(path, "SELECT state, finished_at FROM requests") == [
        ("done", "2026-05-04 10:00:00.000000")
    ]


def test_an_image_that_is_being_sent_gets_no_second_row(store, path):
    begin(store, 1)

    assert len(begin(store, 2, 1)) == 1
    assert rows_of(path, "SELECT image_id FROM sent_photos") == [(1,), (2,)]
    assert begin(store, 1, chat_id=OTHER)


def test_withdrawn_picture_is_free(store):
    show(store, 1, now=NOW - 2 * DAY)
    show(store, 2, now=NOW - DAY)
    old = begin(store, 1, now=NOW)
    store.withdraw(old)

    assert store.unavailable(CHAT, [1, 2], NOW - HOUR, NOW) == set()
    assert store.shown_longest_ago(CHAT, 10, NOW) == [1, 2]
    assert begin(store, 3) != old  # the id of its row is not given again


def test_lost_picture_counts_as_seen(store, path):
    store.lose(begin(store, 1, now=NOW), NOW + HOUR)

    assert store.unavailable(CHAT, [1], NOW + HOUR, NOW + HOUR) == {1}
    assert store.shown_longest_ago(CHAT, 10, NOW) == [1]
    assert rows_of(path, "SELECT state FROM sent_photos") == [("unknown",)]


def test_unavailable(store):
    show(store, 1, now=NOW - 31 * DAY)
    show(store, 2, now=NOW - 30 * DAY)
    show(store, 3, now=NOW - DAY, chat_id=OTHER)
    begin(store, 4, now=NOW - 40 * DAY)
    store.skip_image(5, "gone", NOW + DAY)
    store.skip_image(6, "gone", NOW)
    store.skip_image(7, "gone", NOW + DAY)

    assert store.unavailable(CHAT, [1, 2, 3, 4, 5, 6], NOW - 30 * DAY, NOW) == {2, 4, 5}
    assert store.unavailable(CHAT, range(300_000), NOW - DAY, NOW) == {4, 5, 7}


def test_shown_longest_ago(store):
    for days, image_id in (9, 1), (8, 2), (7, 3), (6, 4), (5, 5), (4, 1):
        show(store, image_id, now=NOW - days * DAY)
    show(store, 6, now=NOW - 20 * DAY, chat_id=OTHER)
    begin(store, 3, now=NOW)
    store.skip_image(4, "gone", NOW + DAY)

    assert store.shown_longest_ago(CHAT, 10, NOW) == [2, 5, 1]
    assert store.shown_longest_ago(CHAT, 1, NOW) == [2]
    assert store.shown_longest_ago(CHAT, 10, NOW + DAY) == [2, 4, 5, 1]


def test_chat_stats(store):
    for days, image_id in (40, 1), (20, 2), (6, 1), (0, 3):
        show(store, image_id, now=NOW - days * DAY)
    show(store, 8, 9, chat_id=OTHER)
    begin(store, 4, now=NOW)

    days = NOW - HOUR, NOW - 7 * DAY, NOW - 30 * DAY
    assert store.chat_stats(-1, *days) == ChatStats(0, 0, 0, 0, "", None)
    assert store.chat_stats(CHAT, *days) == ChatStats(1, 2, 4, 3, "No. 3", NOW)


def test_pictures_a_day(store):
    starts = [NOW - DAY, NOW, NOW + HOUR]
    for moment in (NOW - DAY - HOUR, NOW - DAY, NOW - HOUR, NOW, NOW + HOUR):
        show(store, 1, now=moment)
    show(store, 2, chat_id=OTHER)
    begin(store, 3, now=NOW)

    assert store.pictures.per_day(CHAT, starts) == [2, 1]


def test_shuffle(store):
    assert store.shuffle(CHAT) is None

    store.save_shuffle(CHAT, Shuffle(1))
    store.save_shuffle(CHAT, Shuffle(2, 80, NOW, 900))

    assert store.shuffle(CHAT) == Shuffle(2, 80, NOW, 900)
    assert store.shuffle(OTHER) is None


@pytest.mark.parametrize(
    ("bot_id", "image", "shape"),
    [
        pytest.param(BOT + 1, Image(1, fingerprint="abc"), "2560", id="another bot"),
        pytest.param(BOT, Image(2, fingerprint="abc"), "2560", id="another image"),
        pytest.param(BOT, Image(1, fingerprint="xyz"), "2560", id="changed content"),
        pytest.param(BOT, Image(1, fingerprint="abc"), "1280", id="another shape"),
    ],
)
def test_known_file(store, bot_id, image, shape):
    same = Image(1, fingerprint="abc")
    arrive(store, begin(store, 1), [same])

    assert store.known_file(BOT, same, "2560") == KnownFile(Kind.PHOTO, "file1")
    assert store.known_file(bot_id, image, shape) is None
    store.forget_file(BOT, 1)
    assert store.known_file(BOT, same, "2560") is None


def test_prune(store, path):
    with store._db.writing():
        store._db.connection().executemany(
            "INSERT INTO sent_photos (image_id, sent_at, user_id, chat_id) VALUES (?, ?, ?, ?)",
            [(image_id, "2024-01-01 00:00:00.000000", USER, CHAT) for image_id in range(2500)],
        )
    show(store, 2, now=NOW - 10 * DAY)
    show(store, 3, now=NOW - DAY)

    assert store.prune(NOW, keep_days=5) == 2501
    assert rows_of(path, "SELECT image_id, is_latest FROM sent_photos") == [(3, 1)]


def test_prune_finished_requests_and_skipped_images(store, path):
    past = NOW - 9 * DAY
    finished, recent, waiting = (ask(store, now=past) for _ in range(3))
    arrive(store, store.begin(finished, [Image(1)], NOW).values(), [Image(1)], past, ends=finished)
    store.finish_request(recent.id, "done", NOW - 7 * DAY)
    store.skip_image(1, "gone", NOW)
    store.skip_image(2, "gone", NOW + HOUR)
    store.skip_image(2, "still gone", NOW + DAY)
    store.prune(NOW, keep_days=30)

    assert rows_of(path, "SELECT id FROM requests") == [(recent.id,), (waiting.id,)]
    assert rows_of(path, "SELECT image_id, request_id FROM sent_photos") == [(1, None)]
    assert rows_of(path, "SELECT image_id, reason FROM skipped_images") == [(2, "still gone")]


def test_sound_file(store, path):
    show(store, *range(10))
    damage, size = store.check_integrity(), store.size_bytes()
    store.close()

    assert damage is None
    assert size == path.stat().st_size
