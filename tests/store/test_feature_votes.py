"""Votes on features in the database: presses, their counts, moves, and forgetting."""

from datetime import timedelta

import pytest

from stashbot.models import Facet, Feature, Press, Vote, VoteCounts
from stashbot.rules.preferences import TOTAL
from tests.store.stored import NOW

LIKE, DISLIKE = Vote.LIKE, Vote.DISLIKE
ANN, BEN, GROUP = 7, 8, -500
SEA = Feature(Facet.TAG, 3, "sea")


@pytest.fixture
def cast(store):
    """Presses a button for a vote on the sea, ten seconds after the press before."""

    def cast(vote, user=ANN, chat=None, *, number=None):
        cast.number += 1
        update_id, now = number or cast.number, NOW + timedelta(seconds=10 * cast.number)
        press = Press(update_id, chat or user, user, 1, vote)
        return store.feature_votes.cast(press, SEA, now)

    cast.number = 100
    return cast


@pytest.mark.parametrize(
    ("presses", "chat", "vote"),
    [
        pytest.param([LIKE], ANN, LIKE, id="given"),
        pytest.param([LIKE, LIKE], ANN, LIKE, id="given twice"),
        pytest.param([LIKE, DISLIKE], ANN, DISLIKE, id="moved"),
        pytest.param([LIKE, None], ANN, None, id="taken back"),
        pytest.param([LIKE, LIKE], GROUP, None, id="taken back in a group"),
        pytest.param([LIKE, None, DISLIKE], ANN, DISLIKE, id="given anew"),
    ],
)
def test_presses_and_their_counts(store, cast, presses, chat, vote):
    assert [cast(each, chat=chat)[0] for each in presses][-1] is vote

    counted = VoteCounts(int(vote is LIKE), int(vote is DISLIKE))
    assert store.votes.counts(chat, [SEA]) == dict.fromkeys([TOTAL, SEA], counted)
    assert store.feature_votes.of(chat) == ({SEA: counted} if vote else {})


def test_update_that_is_delivered_again(store, cast):
    cast(LIKE, chat=GROUP, number=500)

    assert cast(LIKE, chat=GROUP, number=500) == (LIKE, False)


def test_vote_in_a_group_counts_there_alone(store, cast):
    cast(LIKE, ANN, GROUP)
    cast(LIKE, BEN, GROUP)
    cast(DISLIKE, ANN)

    assert store.feature_votes.of(GROUP) == {SEA: VoteCounts(2, 0)}
    assert store.votes.voted_on(ANN, Facet.TAG) == {SEA: VoteCounts(0, 1)}


def test_group_moves_with_its_votes(store, cast):
    cast(LIKE, chat=GROUP)
    store.chats.move_chat(GROUP, -900, NOW)

    assert store.feature_votes.of(-900) == {SEA: VoteCounts(1, 0)}
    assert cast(None, chat=-900) == (None, True)
    assert store.votes.total(-900) == VoteCounts()


def test_votes_are_forgotten_with_the_others(store, cast):
    cast(LIKE)
    cast(LIKE, chat=GROUP)

    assert store.votes.forget(ANN, None) == 1
    assert not store.feature_votes.of(ANN)
    assert store.votes.total(ANN) == VoteCounts()
    assert store.feature_votes.of(GROUP) == {SEA: VoteCounts(1, 0)}
