"""The shell of the documents: no line that no test or script runs."""

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from shutil import which

import pytest

from stashbot.settings.edit import with_value
from tests.conftest import OWNER, TOKEN, at_length, library, needs, only_at_length
from tests.documents import ROOT, documented
from tests.whole.program import BARE

WHEELS = ROOT / ".ci" / "wheels"
#: Lines for programs that the tests may not use, or that the machine lacks: a stand-in takes them.
#: Each program with the options of its manual.
ELSEWHERE = {
    "apt install": "",
    "docker build": "-t",
    "docker compose": "-f -d",
    "docker exec": "",
    "docker logs": "",
    "docker rm": "-f",
    "docker run": "-d -i -v --env-file --name --read-only --restart --rm --tmpfs",
    "docker start": "",
    "docker stop": "",
    "git pull": "",
    "podman build": "--format -t",
    "podman secret create": "",
    "ssh": "-N -D",
}
FOREIGN = [
    *documented("apt "),
    *documented("docker "),
    *documented("git "),
    *documented("podman "),
    *documented("ssh "),
]
#: Lines for developers that take minutes, with an end that makes them short.
LONG = [
    documented(".venv/bin/python -m pytest tests/")[0] + " --collect-only -q -n 0",
    documented(".venv/bin/python -m tests.long")[0] + " --help",
    documented(".venv/bin/python -m tests.bench")[0] + " --help",
    "bash -n " + documented(".ci/run")[0],
]
STAND_IN = """#!/usr/bin/python3
import json, os, sys
name = os.path.basename(sys.argv[0])
with open(os.environ["CALLS"], "a") as file:
    print(json.dumps([name, *sys.argv[1:]]), file=file)
print("pairing_code")
"""


def test_each_line_is_run_by_a_test_or_a_script():
    called = [
        node.args[0].value
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "documented" and node.args
    ]
    # .ci/run has the commands of the documents, or reads them there.
    script = (ROOT / ".ci" / "run").read_text()
    assert "python3 -m venv.*pytest.*" in script
    [whole] = [line for line in documented("python3 -m venv") if "pytest" in line]
    commands = {*script.splitlines(), *whole.split(" && "), whole}

    assert all(called)
    assert [
        line
        for line in documented()
        if not line.startswith(tuple(called)) and not {*line.split(" && ")} <= commands
    ] == []


@pytest.fixture
def checkout(tmp_path):
    """A folder with the files of the repository, and the environment of the tests as .venv."""
    unwanted = shutil.ignore_patterns(".*", "__pycache__", "*.db*")
    folder = shutil.copytree(ROOT, tmp_path / "checkout", ignore=unwanted)
    shutil.copytree(ROOT / ".ci", folder / ".ci", ignore=shutil.ignore_patterns("wheels", "image"))
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@contextmanager
def shell(line, folder, **environ):
    """A line of shell in a folder, which is ended as by Ctrl-C."""
    process = subprocess.Popen(
        ["bash", "-euc", line],
        cwd=folder,
        env=BARE | environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process.stdout
        finally:
            os.killpg(process.pid, signal.SIGINT)


def first(lines, part):
    """The first line with this part."""
    read = []
    for line in lines:
        read.append(line)
        if part in line:
            return line
    raise AssertionError(read)


def test_bot_without_root(house, checkout):
    """Token and address in the file, tried, started, and its owner by the link in the log."""
    home = house(library(3), start=False)
    settings = checkout / "settings.toml"
    text = with_value(settings.read_text("utf-8"), "telegram.token", TOKEN)
    settings.write_text(with_value(text, "stash.url", home.stash.url), "utf-8")
    server = {"STASHBOT_TELEGRAM_API_URL": home.telegram.api_url}
    run, check = sorted(documented(".venv/bin/python stashbot.py"))

    with shell(check, checkout, **server) as said:
        assert "The bot can start." in said.read()
    with shell(run, checkout, **server) as said:
        link = json.loads(first(said, "pairing_code"))["link"]
        home.say("/start " + re.search(r"start=(\d{8})", link)[1])
        home.wait_for_text("owner")
        home.ask()


def test_settings_in_the_environment(house, checkout):
    home = house(library(3), start=False)
    [line] = documented("STASHBOT_TELEGRAM_TOKEN=")
    mine = {"123456789": str(OWNER), "123:abc": TOKEN, "http://nas:9999": home.stash.url}
    for theirs, value in mine.items():
        line = line.replace(theirs, value, 1)

    with shell(line, checkout, STASHBOT_TELEGRAM_API_URL=home.telegram.api_url):
        home.ask()


@only_at_length
@pytest.mark.parametrize("line", LONG, ids=lambda line: " ".join(line.split()[-2:]))
def test_line_for_developers(checkout, line):
    done = subprocess.run(line.split(), cwd=checkout, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@needs("Chromium, and STASHBOT_TEST_ALL=1", which("chromium") and at_length(full=True, short=False))
def test_picture_of_readme(checkout):
    picture = checkout / "docs" / "demo.png"
    picture.unlink()
    [line] = documented(".venv/bin/python docs/pictures.py")
    with shell(line, checkout) as said:
        said.read()

    assert picture.read_bytes().startswith(b"\x89PNG")


@needs("the wheels that .ci/run fetches", WHEELS.exists())
def test_demo_from_nothing(checkout):
    (checkout / ".venv").unlink()
    [line] = documented("python3 -m venv .venv && .venv/bin/pip install -q -r requirements.txt")
    wheels = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(WHEELS)}
    with shell(f"{line} --port 0", checkout, **wheels) as said:
        assert "http://127.0.0.1:" in first(said, "http://")


@pytest.mark.parametrize("line", FOREIGN)
def test_line_for_a_program_that_is_not_here(tmp_path, line):
    """Its words reach the program, its options exist, and words for the bot mean something."""
    for name in {key.split()[0] for key in ELSEWHERE}:
        (tmp_path / name).write_text(STAND_IN)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "stashbot.db").touch()
    calls = tmp_path / "calls"
    environ = {"PATH": f"{tmp_path}:{BARE['PATH']}", "CALLS": str(calls)}
    with shell(line, tmp_path, **environ) as said:
        said.read()
    words = json.loads(calls.read_text())
    [start] = [key for key in ELSEWHERE if f"{line} ".startswith(f"{key} ")]
    bot = " ".join(words).partition("stashbot.py ")[2]
    if start == "docker run":
        bot = " ".join(words[words.index("stashbot", words.index("stashbot.env")) + 1 :])

    assert {word for word in words if word[0] == "-" and word != "-"} <= {*ELSEWHERE[start].split()}
    assert bot in ("", "backup -", "restore -")
