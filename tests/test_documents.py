"""The documents against the code: commands, settings, events, files and links."""

import ast
import re
from functools import cache

import pytest

from stashbot import __version__
from stashbot.settings.keys import KEYS, SCHEDULE_KEYS
from stashbot.telegram.commands import COMMANDS
from tests.test_architecture import FLOOR, ROOT, SOURCES, nodes

REPOSITORY = ROOT.parent
READMES = [REPOSITORY / "README.md", REPOSITORY / "README.ru.md"]
OPERATIONS, ARCHITECTURE = (
    REPOSITORY / "docs" / f"{name}.md" for name in ("operations", "architecture")
)
DOCUMENTS = [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")]
#: The events that the product promises, with their fields.
EVENTS = {
    "started": {"version"},
    "stopping": {"version"},
    "stopped": {"version", "seconds"},
    "photo_sent": {"chat_id", "user_id", "image_id", "kind", "trigger", "pick_ms", "fetch_ms"}
    | {"send_ms", "bytes", "reused", "source"},
    "photo_failed": {"image_id", "reason"},
    "image_skipped": {"image_id", "reason"},
    "access_denied": {"user_id", "chat_id"},
    "*_down": {"error"},
    "*_up": {"seconds"},
    "flood_wait": {"chat_id", "seconds"},
}


def name_of(path):
    return path.name


def code(path):
    """The blocks and the pieces of code in a document."""
    found = re.findall(r"```\w*\n(.*?)```|`([^`\n]+)`", path.read_text("utf-8"), re.DOTALL)
    return [block or piece for block, piece in found]


def rows(path):
    """The cells of all tables in a document."""
    lines = path.read_text("utf-8").splitlines()
    return [line.split("|")[1:-1] for line in lines if line.startswith("|")]


@cache
def logged():
    """Each call of the log in the sources: event, level and fields; `*` stands for a variable."""
    found = []
    for path in SOURCES:
        for node in nodes(path):
            match node:
                case ast.Call(func=ast.Attribute(ast.Name("log"), level), args=[event, *_]):
                    name = re.sub(r"\{.*?\}", "*", ast.unparse(event).removeprefix("f").strip("'"))
                    fields = {keyword.arg for keyword in node.keywords}
                    level = "error" if level == "exception" else level
                    found.append((name, level, fields))
    return found


@pytest.mark.parametrize("event", EVENTS)
def test_events_have_their_fields(event):
    places = [fields for name, _, fields in logged() if name == event]

    assert places
    assert all(fields == EVENTS[event] for fields in places)


def test_table_of_events():
    """Each event stands there with its level, and each event there exists."""
    table = {
        (event, cells[1].strip())
        for cells in rows(OPERATIONS)
        for event in re.findall(r"`(\w+)`", cells[0])
    }
    events = {(name, level) for name, level, _ in logged() if level != "debug"}
    words = {
        node.value for path in SOURCES for node in nodes(path) if isinstance(node, ast.Constant)
    }
    outages = {f"{service}_{end}" for service in ("stash", "telegram") for end in ("down", "up")}

    assert {one for one in events - table if one[0] not in ("event", "*_down", "*_up")} == set()
    assert {event for event, _ in table} - words == outages


@pytest.mark.parametrize("readme", READMES, ids=name_of)
def test_each_command_stands_in_the_table_of_readme(readme):
    cells = " ".join(cells[0] for cells in rows(readme))

    assert [name for name in COMMANDS if not re.search(rf"`/{name}\b", cells)] == []
    assert {name for each in code(readme) for name in re.findall(r"^/(\w+)", each)} <= {*COMMANDS}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_keys_that_documents_name_exist(document):
    keys = {key.name for key in (*KEYS, *SCHEDULE_KEYS)}
    sections = "|".join({key.section for key in KEYS} - {""})
    named = {each.partition(" = ")[0] for each in code(document)}

    assert {each for each in named if re.fullmatch(rf"({sections})\.\w+", each)} <= keys
    variables = {name for each in named for name in re.findall(r"STASHBOT_[A-Z_]+", each)}
    assert variables <= {key.variable for key in KEYS} | {"STASHBOT_SETTINGS"}


@pytest.mark.parametrize("document", [*READMES, OPERATIONS], ids=name_of)
def test_commands_of_the_service_exist(document):
    script = (REPOSITORY / "systemd" / "stashbot.sh").read_text()
    named = re.findall(r"(?<![\w./])stashbot ([a-z]+)", "\n".join(code(document)))

    assert named
    assert {*named} <= {*re.findall(r"^stashbot (\w+)", script, re.MULTILINE)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_to_files_and_headings(document):
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", document.read_text("utf-8")):
        name, _, heading = target.partition("#")
        text = (document.parent / (name or document.name)).read_bytes()
        titles = re.findall(r"^#+ (.*)", text.decode("utf-8"), re.MULTILINE) if heading else []

        assert not heading or heading in {title.lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_files_that_documents_name_exist(document):
    folders = ("docs", "stashbot", "systemd", "tests")
    there = [f"/{path}/" for name in folders for path in (REPOSITORY / name).rglob("*")]
    there += [f"/{path}/" for path in REPOSITORY.iterdir()]
    named = {
        each for each in code(document) if re.fullmatch(r"\w[\w./-]*(/|\.(py|sql|toml))", each)
    }

    assert {
        each for each in named if not any(f"/{each.strip('/')}/" in path for path in there)
    } == set()


def test_table_of_packages():
    floors = {
        name.strip("/").removesuffix(".py"): int(cells[0])
        for cells in rows(ARCHITECTURE)
        if cells[0].strip().isdecimal()
        for name in re.findall(r"`([\w./]+)`", cells[1])
    }

    assert floors == {name: floor + 1 for name, floor in FLOOR.items()}


def test_changelog_begins_with_this_version():
    headings = re.findall(r"^## (\S+)", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert headings[0] == __version__
