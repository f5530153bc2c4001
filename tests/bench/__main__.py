"""`python -m tests.bench [--json] [--only PART]`: see the package."""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
from collections.abc import Callable, Iterator

from . import growth, inside, rounds, taste
from .standins import large
from .table import Seen, show

PARTS: dict[str, Callable[[], Iterator[Seen]]] = {
    "everyday": rounds.everyday,
    "crowd": rounds.crowd,
    "inside": inside.remembering,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--only", choices=[*PARTS, "growth", "taste"])
    options = parser.parse_args()
    wanted = [options.only] if options.only else [*PARTS, "growth", "taste"]
    if not options.json:
        print("Telegram 80 ms and Stash 10 ms away;", end=" ")
        print(f"the large photo has {len(large()) / 1e6:.1f} MB\n", flush=True)
    seen = itertools.chain.from_iterable(PARTS[part]() for part in wanted if part in PARTS)
    if options.json:
        return _as_json(list(seen), wanted)
    broken = show(seen, as_json=False, say=_say)
    if "growth" in wanted:
        print()
        growth.show(_say)
    if "taste" in wanted:
        print()
        taste.main()
    return broken


def _as_json(seen: list[Seen], wanted: list[str]) -> int:
    found: dict[str, object] = {}
    broken = show(seen, as_json=True, say=lambda text: found.update(budgets=json.loads(text)))
    if "growth" in wanted:
        found["growth"] = {name: statistics.median(values) for name, values in growth.rows()}
    if "taste" in wanted:
        outcome = taste.simulate()
        found["taste"] = {"before": outcome.before, "after": outcome.after, "tags": outcome.tags}
    print(json.dumps(found, indent=1))
    return broken


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
