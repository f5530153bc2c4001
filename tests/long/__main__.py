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
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6), metavar="N")
    options = parser.parse_args()
    print(f"{options.kills} kills, --seed {options.seed}", flush=True)
    with house(LIBRARY, **OPTIONS) as home:
        kills = Kills(home, Random(options.seed))
        kills.run(options.kills)
        kills.check(options.kills)
        print(kills.summary())
    with (
        house(conversions.photos(), **conversions.OPTIONS) as home,
        tempfile.TemporaryDirectory() as files,
    ):
        kills = conversions.ConversionKills(home, Path(files), Random(options.seed))
        kills.run(options.conversions)
        kills.check()


if __name__ == "__main__":
    main()
