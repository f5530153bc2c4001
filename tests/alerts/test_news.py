"""Of which trouble the owner is told now."""

import pytest

from stashbot.alerts.news import AFTER_S, CALM_S, URGENT, Trouble, news

STASH, RATINGS, DISK = Trouble.STASH, Trouble.RATINGS, Trouble.DISK


@pytest.mark.parametrize(
    ("lasting", "told", "is_quiet", "begun", "over"),
    [
        pytest.param({}, (), False, set(), set(), id="all is well"),
        pytest.param({STASH: 599.0}, (), False, set(), set(), id="not for long enough"),
        pytest.param({STASH: 600.0}, (), False, {STASH}, set(), id="long enough"),
        pytest.param({STASH: 9000.0}, {STASH}, False, set(), set(), id="told before"),
        pytest.param({}, {STASH}, False, set(), {STASH}, id="over"),
        pytest.param({RATINGS: 3600.0}, {STASH}, False, {RATINGS}, {STASH}, id="one for another"),
        pytest.param({STASH: 1.0}, {STASH}, False, set(), set(), id="told by the last process"),
        pytest.param({STASH: 9000.0}, (), True, set(), set(), id="quiet"),
        pytest.param({DISK: 0.0}, {STASH}, True, {DISK}, set(), id="quiet, but urgent"),
        pytest.param({}, {DISK, STASH}, True, set(), {DISK}, id="the end of an urgent one"),
    ],
)
def test_news(lasting, told, is_quiet, begun, over):
    assert news(lasting, told, AFTER_S, is_quiet=is_quiet) == (begun, over)


def test_every_trouble_has_its_time():
    assert set(AFTER_S) == set(Trouble) > set(URGENT)
    assert AFTER_S[Trouble.POLLING] >= CALM_S  # else a single conflict would count
