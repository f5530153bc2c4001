"""
The architecture, executable: who may import whom, and how long a function may be.
"""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import stashbot

ROOT = Path(stashbot.__file__).parent
FLOORS = [
    {"errors", "models", "lean"},
    {"picker", "taste", "ballots", "texts", "pixels", "refusals", "pacing", "timetable"}
    | {"database", "tables"},
    {"media", "keys", "history", "orders", "ratings", "exclusions", "buttons", "pulse"},
    {"votes"},
    {"settings", "store", "stash", "sender", "daemon", "logs", "outage", "systemd"},
    {"deck", "outbox", "reports", "schedules", "voting", "rater"} | {"shelf", "freight"},
    {"packer"},
    {"courier"},
    {"publisher"},
    {"presses"},
    {"bot", "receiver", "scheduler", "check"},
    {"app"},
    {"main"},
]
FLOOR = {module: number for number, floor in enumerate(FLOORS) for module in floor}
#: The demo stands apart: it is below `main`, and knows the errors at most.
DEMO = {"errors", "models"}
#: Who may speak to which system, by the package that speaks to it.
SEAMS = {
    "requests": {"stash", "sender", "refusals"},
    "urllib3": {"stash", "refusals"},
    "sgqlc": {"stash"},
    "telebot": {"sender", "bot", "presses", "receiver", "lean"},
    "peewee": {"history", "orders", "votes", "ratings", "tables", "database"},
    "playhouse": {"tables", "database"},
    "sqlite3": {"database"},
    "PIL": {"pixels", "demo"},
    "graphql": {"demo"},
    "schedule": {"scheduler"},
    "cronsim": {"timetable"},
}
GENERATED = {ROOT / "stash" / "schema.py", ROOT / "stash" / "operations.py"}
SOURCES = sorted(path for path in ROOT.rglob("*.py") if path.name != "__init__.py")
CHECKED = [path for path in SOURCES if path not in GENERATED]


def room(path):
    """The top-level module or package that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def name_of(path):
    return str(path.relative_to(ROOT))


def imports(path):
    """Each import of a file, wherever in it, as a dotted name; ours begin with `stashbot.`."""
    package = ["stashbot", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = [*start, *(node.module or "").split(".")] if node.module else start
            yield from (".".join([*base, alias.name]) for alias in node.names)


def our_modules(path):
    parts = [name.split(".") for name in imports(path)]
    return {names[1] for names in parts if names[0] == "stashbot" and len(names) > 1} - {
        room(path),
        "__version__",
    }


@pytest.mark.parametrize("path", CHECKED, ids=name_of)
def test_imports_point_down(path):
    """
    Every module has a floor, and imports only from lower ones.
    """
    if room(path) == "demo":
        assert our_modules(path) <= DEMO
    else:
        below = {name for name in FLOOR if FLOOR[name] < FLOOR[room(path)]}
        assert our_modules(path) - ({"demo"} if room(path) == "main" else set()) <= below


@pytest.mark.parametrize("package", ["demo", "stash"])
def test_imports_inside_a_package_make_no_circle(package):
    """
    A package has floors of its own.
    """
    inside = {
        path.stem: {name.split(".")[2] for name in imports(path) if f".{package}." in name}
        for path in SOURCES
        if room(path) == package
    }

    TopologicalSorter(inside).prepare()  # or raises CycleError


@pytest.mark.parametrize("path", CHECKED, ids=name_of)
def test_each_outside_system_has_its_seam(path):
    """
    Nobody speaks to an outside system but the module that is there for it.
    """
    packages = {name.split(".")[0] for name in imports(path)}
    foreign = {name for name, rooms in SEAMS.items() if room(path) not in rooms}

    assert not packages & foreign


@pytest.mark.parametrize("path", CHECKED, ids=name_of)
def test_functions_are_short(path):
    """
    No function has more than 40 lines.
    """
    long = [
        (node.name, node.end_lineno - node.lineno + 1)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= 40
    ]

    assert not long


@pytest.mark.parametrize("path", CHECKED, ids=name_of)
def test_nothing_sleeps_in_the_bot(path):
    """
    Every wait of the bot is a wait for its end; the stand-ins alone may sleep.
    """
    if room(path) != "demo":
        assert "time.sleep" not in path.read_text("utf-8")


def test_nothing_large_is_loaded_in_vain():
    """
    Pillow waits for the first picture that needs it; what the demo needs is not loaded at all.
    """
    code = "import sys, stashbot.main; print(*(name.partition('.')[0] for name in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"PIL", "graphql"} & set(run.stdout.split())
    assert "telebot" in run.stdout
