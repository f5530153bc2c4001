"""The images that were being converted when the bot died."""

from datetime import timedelta

from tests.store.stored import NOW


def deaths(store, *images, now=NOW):
    return [store.conversions.deaths(image, now) for image in images]


def test_deaths_are_counted_for_each_image(store):
    store.conversions.note_death([7, 8], NOW)
    store.conversions.note_death([7, 8], NOW)

    assert deaths(store, 7, 8, 9) == [2, 2, 0]


def test_a_death_with_other_images_clears_an_image(store):
    store.conversions.note_death([7, 8], NOW)
    store.conversions.note_death([7], NOW)

    assert deaths(store, 7, 8) == [2, 0]


def test_deaths_are_forgotten(store):
    store.conversions.note_death([7, 8], NOW)
    store.conversions.forget(7)

    assert deaths(store, 7, 8) == [0, 1]


def test_deaths_of_yesterday_do_not_count(store):
    store.conversions.note_death([7], NOW)

    assert deaths(store, 7, now=NOW + timedelta(days=1)) == [0]
