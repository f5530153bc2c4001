"""The images that were being converted when the bot died."""

from datetime import timedelta

from tests.store.stored import NOW


def test_deaths_are_counted_for_each_image(store):
    store.conversions.note_deaths([7, 8], NOW)
    store.conversions.note_deaths([7], NOW)

    assert [store.conversions.deaths(image) for image in (7, 8, 9)] == [2, 1, 0]


def test_deaths_are_forgotten(store):
    store.conversions.note_deaths([7, 8], NOW)
    store.conversions.forget(7)

    assert [store.conversions.deaths(image) for image in (7, 8)] == [0, 1]


def test_deaths_of_yesterday_do_not_count(store):
    store.conversions.note_deaths([7], NOW)
    store.conversions.note_deaths([7], NOW + timedelta(days=1))

    assert store.conversions.deaths(7) == 1
