"""The architecture, executable: which package imports which, and how long a function is."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import stashbot

ROOT = Path(stashbot.__file__).parent
#: The packages and the modules beside them, from the ground up. Each imports from lower floors.
FLOORS = [
    {"models", "errors", "logs"},
    {"rules", "messages", "runtime"},
    {"store", "telegram", "stash", "settings"},
    {"pictures", "schedule", "votes"},
    {"bot", "alerts"},
    {"app"},
    {"cli"},
]
FLOOR = {room: number for number, floor in enumerate(FLOORS) for room in floor}
#: The stand-ins know the ground floor only; `cli` is the one package that knows them.
DEMO = {"errors", "models"}
#: The packages that may use a library, by the library.
SEAMS = {
    "requests": {"stash", "telegram", "runtime"},
    "urllib3": {"stash", "telegram", "runtime"},
    "sgqlc": {"stash"},
    "telebot": {"telegram", "bot", "runtime"},
    "peewee": {"store"},
    "playhouse": {"store"},
    "sqlite3": {"store"},
    "PIL": set(),
    "pyvips": {"pictures"},
    "graphql": {"demo"},
    "schedule": {"schedule"},
    "cronsim": {"rules"},
}
MOST_MODULES = 14
MOST_LINES = 350
MOST_FUNCTION_LINES = 40
GENERATED = {ROOT / "stash" / "schema.py", ROOT / "stash" / "operations.py"}
SOURCES = sorted(path for path in ROOT.rglob("*.py") if path.name != "__init__.py")
CHECKED = [path for path in SOURCES if path not in GENERATED]
PACKAGES = sorted({path.parent for path in SOURCES} - {ROOT})


def room(path):
    """The top-level module or package that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def name_of(path):
    return str(path.relative_to(ROOT))


@cache
def nodes(path):
    return list(ast.walk(ast.parse(path.read_text("utf-8"))))


@cache
def imports(path):
    """Each import of a file, wherever in it, as a dotted name; ours begin with `stashbot.`."""
    package = ["stashbot", *path.relative_to(ROOT).parts[:-1]]
    found = []
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = [*start, *(node.module or "").split(".")] if node.module else start
            found += (".".join([*base, alias.name]) for alias in node.names)
    return found


def our_rooms(path):
    parts = [name.split(".") for name in imports(path)]
    ours = {names[1] for names in parts if names[0] == "stashbot" and len(names) > 1}
    return ours - {room(path), "__version__"}


@pytest.mark.parametrize("path", CHECKED, ids=name_of)
def test_imports_point_down(path):
    if room(path) == "demo":
        assert our_rooms(path) <= DEMO
    else:
        below = {name for name in FLOOR if FLOOR[name] < FLOOR[room(path)]}
        assert our_rooms(path) - ({"demo"} if room(path) == "cli" else set()) <= below


@pytest.mark.parametrize("package", PACKAGES, ids=name_of)
def test_imports_inside_a_package_make_no_circle(package):
    prefix = ".".join(["stashbot", *package.relative_to(ROOT).parts, ""])
    inside = {
        path.stem: {
            name.removeprefix(prefix).partition(".")[0]
            for name in imports(path)
            if name.startswith(prefix)
        }
        for path in SOURCES
        if path.parent == package
    }

    TopologicalSorter(inside).prepare()  # or raises CycleError


@pytest.mark.parametrize("path", CHECKED, ids=name_of)
def test_each_library_has_its_packages(path):
    packages = {name.split(".")[0] for name in imports(path)}
    foreign = {name for name, rooms in SEAMS.items() if room(path) not in rooms}

    assert not packages & foreign


@pytest.mark.parametrize("package", [ROOT, *PACKAGES], ids=name_of)
def test_a_folder_has_few_modules(package):
    assert sum(path.parent == package for path in SOURCES) <= MOST_MODULES


@pytest.mark.parametrize("path", CHECKED, ids=name_of)
def test_modules_and_functions_are_short(path):
    long = [
        (node.name, node.end_lineno - node.lineno + 1)
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef)
        and node.end_lineno - node.lineno >= MOST_FUNCTION_LINES
    ]

    assert not long
    assert path.read_text("utf-8").count("\n") <= MOST_LINES


@pytest.mark.parametrize("path", CHECKED, ids=name_of)
def test_nothing_sleeps_in_the_bot(path):
    if room(path) != "demo":
        assert "time.sleep" not in path.read_text("utf-8")


def test_the_bot_starts_without_the_libraries_of_pictures_and_of_the_demo():
    code = "import sys, stashbot.cli.main; print(*(name.partition('.')[0] for name in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"PIL", "pyvips", "graphql"} & set(run.stdout.split())
    assert "telebot" in run.stdout
