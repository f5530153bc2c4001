"""The command line: its commands, the place of the settings, and the demo."""

import json
import re
import signal
import socket
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from stashbot import __version__
from tests.conftest import API_KEY, at_length, jpeg, library
from tests.standins.stash import StashStandIn
from tests.whole.program import PROGRAM, Program, run


def test_version(called):
    assert called("--version") == (0, f"stashbot {__version__}", "")


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--help"], ["run", "check", "demo", "backup", "restore", "--settings", "--version"]),
        (["demo", "--help"], ["--port", "--pictures", "--stash", "8080"]),
    ],
)
def test_help(called, arguments, names):
    code, out, err = called(*arguments)

    assert (code, err) == (0, "")
    assert all(name in out for name in names)


NONSENSE = [["--dance"], ["run", "twice"]]
NONSENSE += [["demo", "--port", port] for port in ("x", "70000")]


def test_nonsense():
    code, out, err = run("dance")

    assert (code, out) == (2, "")
    assert err.startswith("usage: stashbot")
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", NONSENSE, ids=" ".join)
def test_other_nonsense(called, arguments):
    code, out, err = called(*arguments)

    assert (code, out) == (2, "")
    assert err.startswith("usage: stashbot")
    assert "Traceback" not in err


@pytest.mark.parametrize("is_option", [False, True], ids=["variable", "option before variable"])
def test_named_settings(house, tmp_path, is_option):
    home = house(library(3), start=False)
    path = tmp_path / "mine.toml"
    path.write_text('[database]\npath = "named.db"\n')
    environ = {key: value for key, value in home.environ.items() if "DATABASE" not in key}
    environ["STASHBOT_SETTINGS"] = "/no/such.toml" if is_option else str(path)
    with Program(*(["--settings", path] if is_option else []), environ=environ) as bot:
        bot.wait_for_event("started")
        assert bot.stop()[0] == 0

    assert (tmp_path / "named.db").exists()


def test_settings_beside_the_program(tmp_path):
    code, out, err = run(cwd=tmp_path)

    assert (code, out) == (78, "")
    first, *faults = err.splitlines()
    assert first == f"The settings ({PROGRAM.parent / 'settings.toml'}) cannot be used yet:"
    assert [line.split(",")[0].strip() for line in faults] == ["telegram.token"]
    assert list(tmp_path.iterdir()) == []


def test_missing_settings(called, tmp_path):
    missing = tmp_path / "missing.toml"
    code, out, err = called("--settings", missing, "check")

    assert (code, out) == (78, "")
    assert f"{missing}: there is no such file; copy settings.toml to there" in err


def address(demo):
    """The address of the demo's chat page, from its first line."""
    demo.wait_for_line("http://")
    [url] = re.findall(r"http://\S+", demo.stdout[0])
    return urlsplit(url)


def fetch(url, method, path, **fields):
    """Ask the page for something, as a browser does."""
    return requests.request(
        method,
        f"{url.geturl()}{path}",
        json=fields or None,
        headers={"Origin": url.geturl()},
        timeout=10,
    )


def say(url, text):
    assert fetch(url, "POST", "/page/say", text=text).ok


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def sockets(pid):
    """The inodes of the sockets that a process has open."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed in the meantime
            yield link.readlink().name.removeprefix("socket:[").removesuffix("]")


def listeners(pid):
    """The IPv4 and IPv6 hosts that a process listens at, as proc_net_tcp(5) writes them."""
    mine = set(sockets(pid))
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and inode in mine:
                yield local.partition(":")[0]


#: Each other demo ends with SIGINT.
ENDS = at_length([signal.SIGTERM, signal.SIGINT], [signal.SIGTERM])


@pytest.mark.parametrize("number", ENDS, ids=lambda each: each.name)
def test_demo(tmp_path, number):
    port = free_port()
    with Program("demo", "--port", port, environ={"TMPDIR": str(tmp_path)}) as demo:
        url = address(demo)
        page = fetch(url, "GET", "/")
        say(url, "/random")
        demo.wait_for_line("photo_sent")
        hosts = set(listeners(demo.process.pid))
        code, _ = demo.stop(number)

    assert (url.hostname, url.port) == ("127.0.0.1", port)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "<html" in page.text
    assert hosts == {"0100007F"}  # 127.0.0.1, in the machine's own order of bytes
    assert (code, demo.stderr) == (0, [])
    assert json.loads(demo.stdout[-1])["seconds"] < 2
    assert list(tmp_path.iterdir()) == []


def test_demo_has_a_token_of_its_own():
    with Program("demo", "--port", 0) as demo:
        answer = fetch(address(demo), "POST", "/bot4242:demo-of-a-token/getMe")
        demo.stop(signal.SIGINT)

    assert answer.status_code == 401


def test_bot_listens_nowhere(house):
    home = house(start=False)
    with Program(environ=home.environ) as bot:
        home.telegram.wait_for_poll()

        assert list(listeners(bot.process.pid)) == []


def test_demo_with_a_folder(tmp_path):
    (tmp_path / "A view of the sea.jpg").write_bytes(jpeg(1))
    with Program("demo", "--port", 0, "--pictures", tmp_path) as demo:
        say(address(demo), "/random")
        demo.wait_for_line("photo_sent")
        code, _ = demo.stop(signal.SIGINT)

    assert (code, demo.stderr) == (0, [])
    assert [path.name for path in tmp_path.iterdir()] == ["A view of the sea.jpg"]


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("--pictures", "missing", "--pictures missing: "),
        ("--pictures", ".", "--pictures .: "),
        ("--stash", "nonsense", "stash.url"),
    ],
)
def test_demo_with_a_wrong_option(called, tmp_path, monkeypatch, option, value, named):
    monkeypatch.chdir(tmp_path)
    code, out, err = called("demo", "--port", 0, option, value)

    assert (code, out) == (78, "")
    assert named in err
    assert "Traceback" not in err


def test_demo_on_a_port_in_use(called):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, out, err = called("demo", "--port", port)

    assert (code, out) == (1, "")
    assert err == f"Port {port} cannot be used (Address already in use): name another with --port"


def test_packages_are_missing():
    code, out, err = run("check", python=["-S"])

    assert (code, out) == (1, "")
    assert err.startswith("structlog is missing in")
    assert err.endswith("start it with .venv/bin/python stashbot.py")


def test_demo_with_a_real_stash():
    environ = {"STASHBOT_STASH_API_KEY": API_KEY}
    with StashStandIn(library(3), api_key=API_KEY) as stash:
        with Program("demo", "--port", 0, "--stash", stash.url, environ=environ) as demo:
            say(address(demo), "/random")
            demo.wait_for_line("photo_sent")
            data = "vote:like:1:0"
            fetch(address(demo), "POST", "/page/press", message_id=2, data=data)
            demo.wait_for_line('"trigger": "vote"')
            code, _ = demo.stop(signal.SIGINT)
        kinds = {record.kind for record in stash.requests}
        told = [record for record in stash.requests if record.operation == "Rate"]

    assert (code, demo.stderr) == (0, [])
    assert {"graphql", "image"} <= kinds
    assert told == []
    assert API_KEY not in "\n".join(demo.stdout)
