"""Schedules that were removed: kept for a week, and then gone."""

from datetime import timedelta

from stashbot.store.schedules import KEPT
from tests.store.stored import CHAT, NOW, OTHER

SECOND = timedelta(seconds=1)


def test_removed_schedules_are_kept_for_a_week(store):
    old, new = (store.schedules.add(CHAT, when, 1, NOW) for when in ("9:00", "10:00"))
    store.schedules.remove([old], NOW)
    store.schedules.remove([new], NOW + KEPT)
    kept = store.schedules.removed(CHAT, NOW)
    store.schedules.remove([store.schedules.add(OTHER, "9:00", 1, NOW)], NOW + KEPT + SECOND)

    assert [each.id for each in kept] == [old.id]
    assert store.schedules.removed(CHAT, NOW) == []
    assert [each.id for each in store.schedules.removed(CHAT, NOW + KEPT)] == [new.id]


def test_a_removed_schedule_is_not_due_and_counts_anew_when_it_is_back(store):
    schedule = store.schedules.add(CHAT, "9:00", 1, NOW)
    store.schedules.remove([schedule], NOW)
    claimed = store.schedules.claim(schedule, NOW, "en", NOW)
    active = store.schedules.active()
    store.schedules.restore([schedule], NOW + SECOND)

    assert claimed is None
    assert active == []
    assert [each.handled_until for each in store.schedules.of(CHAT)] == [NOW + SECOND]


def test_a_removed_schedule_that_is_added_again_stays_when_the_others_come_back(store):
    store.schedules.remove([store.schedules.add(CHAT, "9:00", 1, NOW)], NOW)
    added = store.schedules.add(CHAT, "9:00", 1, NOW)

    assert store.schedules.removed(CHAT, NOW) == []
    assert store.schedules.of(CHAT) == [added]
