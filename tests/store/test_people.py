"""The people in the database."""

import pytest

from stashbot.models import Person, Standing
from stashbot.store.people import MOST_WAITING
from stashbot.store.store import Store
from tests.store.stored import CHAT, DAY, HOUR, NOW, ask

GUEST = Person(0, 77, Standing.WAITING, "Anna", "anna", "en", NOW)


def new(chat_id, **changes):
    values = {"standing": Standing.WAITING, "name": f"Person {chat_id}"} | changes
    return Person(0, chat_id, **values)


def test_request_and_its_answer_after_a_restart(path, store):
    person = store.people.add(GUEST, NOW)
    store.people.change(person.id, "allow", NOW)
    store.close()
    again = Store(path)

    [kept] = again.people.known.others

    assert (kept.standing, kept.name, kept.told_at) == (Standing.ADMITTED, "Anna", NOW)
    assert again.people.known.has(77)
    again.close()


def test_second_request_keeps_the_buttons_of_the_first(store):
    first = store.people.add(GUEST, NOW)
    second = store.people.add(new(77, name="Anna B", told_at=NOW + DAY), NOW + DAY)

    assert second.id == first.id
    assert [each.name for each in store.people.known.others] == ["Anna B"]


@pytest.mark.parametrize(
    "actions", [["allow", "ignore"], ["ignore", "allow"], ["lift"], ["remove"]], ids=" ".join
)
def test_action_that_does_not_fit_the_standing(store, actions):
    person = store.people.add(GUEST, NOW)
    *before, last = actions
    for action in before:
        assert store.people.change(person.id, action, NOW)
    known = store.people.known

    assert store.people.change(person.id, last, NOW) is None
    assert store.people.known == known


def test_button_of_a_removed_person_who_has_asked_again(store):
    old = store.people.add(GUEST, NOW).id
    store.people.change(old, "allow", NOW)
    store.people.change(old, "remove", NOW)
    store.people.add(GUEST, NOW)

    assert store.people.change(old, "allow", NOW) is None
    assert not store.people.known.has(77)


def test_requests_of_a_removed_person_are_given_up(store):
    person = store.people.add(new(CHAT), NOW)
    store.people.change(person.id, "allow", NOW)
    store.chats.move_chat(CHAT, CHAT + 2, NOW)
    for chat_id in (CHAT, CHAT + 1, CHAT + 2):
        ask(store, chat_id)

    store.people.change(person.id, "remove", NOW)

    assert [request.chat_id for request in store.waiting_requests()] == [CHAT + 1]


def test_only_so_many_wait(store):
    asked = store.people.add(GUEST, NOW - HOUR)
    friend = store.people.add(new(78), NOW - HOUR)
    store.people.change(friend.id, "ignore", NOW)
    for number in range(2 * MOST_WAITING):
        store.people.add(new(1000 + number), NOW)

    known = store.people.known
    waiting = [each.chat_id for each in known.others if each.standing is Standing.WAITING]
    assert len(waiting) == MOST_WAITING
    assert asked.chat_id in waiting  # or else there would be room for an eleventh question
    assert max(waiting) == 999 + 2 * MOST_WAITING
    assert known.find(78)


def test_settings_name_an_owner_in_place_of_the_paired_one(store):
    store.people.add(new(77, standing=Standing.OWNER), NOW)
    store.people.set_fixed((), ())
    store.people.set_fixed((77, 5), ())
    store.people.set_fixed((), ())
    before = store.people.known.owner
    store.people.set_fixed((5, 6), (-1,))
    store.people.set_fixed((), ())

    assert before == 77
    assert store.people.known.owner is None
    assert store.people.known.has(77)
