"""`python -m tests.long`: kill the program many times, and check its promises afterwards."""

import argparse
import sys
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random, SystemRandom

from tests.conftest import House
from tests.long import conversions
from tests.long.kills import LIBRARY, OPTIONS, Kills
from tests.long.updates import RandomUpdates


@contextmanager
def house(pictures, **options):
    with tempfile.TemporaryDirectory() as folder:
        home = House(Path(folder), pictures, **options)
        sys.excepthook = sys.__excepthook__  # the bot logs an error; show it here
        with closing(home):
            yield home


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.long")
    parser.add_argument("--kills", type=int, default=100, metavar="N", help="default: 100")
    parser.add_argument("--conversions", type=int, default=100, metavar="N", help="default: 100")
    parser.add_argument("--updates", type=int, default=100_000, metavar="N", help="default: 100000")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6), metavar="N")
    options = parser.parse_args()
    print(f"{options.kills} kills, --seed {options.seed}", flush=True)
    with house(LIBRARY, **OPTIONS) as home:
        kills = Kills(home, Random(options.seed))
        kills.run(options.kills)
        kills.check(options.kills)
        print(kills.summary())
    for owner in ("1001,1002", ""):
        with house([], STASHBOT_TELEGRAM_ALLOWED_USERS=owner) as home:
            updates = RandomUpdates(home.start(), Random(options.seed))
            updates.run(options.updates // 2)
            updates.check(has_owner=bool(owner))
    with (
        house(conversions.photos(), **conversions.OPTIONS) as home,
        tempfile.TemporaryDirectory() as files,
    ):
        kills = conversions.ConversionKills(home, Path(files), Random(options.seed))
        kills.run(options.conversions)
        kills.check()


if __name__ == "__main__":
    main()
