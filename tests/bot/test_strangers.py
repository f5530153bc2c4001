"""Random updates of people that the bot does not serve."""

from random import Random

import pytest

from tests.conftest import at_length
from tests.long.updates import RandomUpdates


@pytest.mark.timeout(400)
@pytest.mark.parametrize("owner", ["1001,1002", ""], ids=["owner", "no owner"])
def test_random_updates(house, owner):
    home = house(STASHBOT_TELEGRAM_ALLOWED_USERS=owner)
    updates = RandomUpdates(home, Random(20_260))
    updates.run(at_length(4000, 500))

    updates.check(has_owner=bool(owner))
