"""`python -m tests.bench [--json] [--only PART]`: see the package."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict

from . import crowd, growth, inside, large, rounds, sources, talk, taste
from .standins import FILES, Distance
from .table import Measured, show

Parts = Mapping[str, Callable[[Distance], Iterator[Measured]]]

PARTS: Parts = {
    "everyday": rounds.everyday,
    "large": large.large,
    "crowd": crowd.crowd,
    "talk": talk.talk,
    "inside": lambda _: inside.remembering(),
    "sources": lambda _: sources.sources(),
}


class Unmeasured(Exception):
    """A part of the benchmark timed out."""


def main(arguments: Sequence[str] | None = None, parts: Parts = PARTS) -> int:
    """Measure, print and return the exit code."""
    options = _options(arguments, parts)
    wanted = [options.only] if options.only else [*parts, "growth", "taste"]
    distance = Distance(options.telegram / 1000, options.stash / 1000)
    tell = _as_json if options.json else _as_text
    try:
        return tell(_seen(parts, wanted, distance), wanted, distance)
    except Unmeasured as error:
        print(error, file=sys.stderr)
        return 2


def _options(arguments: Sequence[str] | None, parts: Parts) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--only", choices=[*parts, "growth", "taste"])
    for name, default in (("telegram", 80), ("stash", 10)):
        text = f"milliseconds of a round trip (default {default})"
        parser.add_argument(f"--{name}", type=float, default=default, metavar="MS", help=text)
    return parser.parse_args(arguments)


def _seen(parts: Parts, wanted: Collection[str], distance: Distance) -> Iterator[Measured]:
    for name, measure in parts.items():
        if name in wanted:
            with _measuring(name):
                yield from measure(distance)


@contextmanager
def _measuring(part: str) -> Iterator[None]:
    """Name the part that times out."""
    try:
        yield
    except (TimeoutError, AssertionError) as error:  # the program's own waits assert
        reason = str(error).partition(";")[0]  # the rest lists all calls
        raise Unmeasured(f"{part} could not be measured: {reason}") from error


def _as_text(seen: Iterator[Measured], wanted: Collection[str], distance: Distance) -> int:
    telegram, stash = distance.telegram * 1000, distance.stash * 1000
    _say(f"Telegram {telegram:g} ms and Stash {stash:g} ms away; the large files:")
    for name in FILES if "large" in wanted else [large.PHOTO]:
        _say(f"{name:20} {len(FILES[name]()) / 1e6:5.1f} MB")
    _say("")
    broken = show(seen, as_json=False, say=_say)
    if "growth" in wanted:
        _say("")
        with _measuring("growth"):
            growth.show(growth.cases(distance), _say)
    if "taste" in wanted:
        _say("")
        taste.main()
    return broken


def _as_json(seen: Iterator[Measured], wanted: Collection[str], distance: Distance) -> int:
    found: dict[str, object] = {"distance": asdict(distance)}
    broken = show(seen, as_json=True, say=lambda text: found.update(budgets=json.loads(text)))
    if "growth" in wanted:
        with _measuring("growth"):
            found["growth"] = [asdict(case) for case in growth.cases(distance)]
    if "taste" in wanted:
        found["taste"] = asdict(taste.simulate())
    print(json.dumps(found, indent=1))
    return broken


def _say(text: str, end: str = "\n") -> None:
    print(text, end=end, flush=True)


if __name__ == "__main__":
    sys.exit(main())
