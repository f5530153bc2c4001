"""`python -m tests.bench [--json] [--only PART]`: see the package."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict

from . import crowd, growth, inside, memory, rounds, taste
from .standins import Distance, large
from .table import Seen, show

PARTS: dict[str, Callable[[Distance], Iterator[Seen]]] = {
    "everyday": rounds.everyday,
    "crowd": crowd.crowd,
    "memory": memory.memory,
    "inside": lambda _: inside.remembering(),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--only", choices=[*PARTS, "growth", "taste"])
    for name, default in (("telegram", 80), ("stash", 10)):
        text = f"milliseconds of a round trip (default {default})"
        parser.add_argument(f"--{name}", type=float, default=default, metavar="MS", help=text)
    options = parser.parse_args()
    wanted = [options.only] if options.only else [*PARTS, "growth", "taste"]
    distance = Distance(options.telegram / 1000, options.stash / 1000)
    seen = itertools.chain.from_iterable(PARTS[part](distance) for part in PARTS if part in wanted)
    if options.json:
        return _as_json(list(seen), wanted, distance)
    print(f"Telegram {options.telegram:g} ms and Stash {options.stash:g} ms away;", end=" ")
    _say(f"the large photo has {len(large()) / 1e6:.1f} MB\n")
    broken = show(seen, as_json=False, say=_say)
    if "growth" in wanted:
        _say("")
        growth.show(growth.cases(distance), _say)
    if "taste" in wanted:
        _say("")
        taste.main()
    return broken


def _as_json(seen: list[Seen], wanted: list[str], distance: Distance) -> int:
    found: dict[str, object] = {"distance": asdict(distance)}
    broken = show(seen, as_json=True, say=lambda text: found.update(budgets=json.loads(text)))
    if "growth" in wanted:
        found["growth"] = [asdict(case) for case in growth.cases(distance)]
    if "taste" in wanted:
        found["taste"] = asdict(taste.simulate())
    print(json.dumps(found, indent=1))
    return broken


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
