"""The questions of the installer, each with wrong answers."""

import io
import ssl
import sys
import tomllib
from dataclasses import replace
from hashlib import sha256

import pytest

from stashbot.cli import setup
from tests.conftest import API_KEY, TOKEN, library
from tests.standins.certificates import secure, self_signed
from tests.whole.machine import ROOT
from tests.whole.terminal import converse

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def answered(tmp_path, monkeypatch, capsys):
    """A function that answers the questions, a line each: exit code, and both streams."""

    def answered(home, *lines):
        monkeypatch.setenv("STASHBOT_TELEGRAM_API_URL", home.telegram.api_url)
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        return setup.main(tmp_path), "".join(capsys.readouterr())

    return answered


def files(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_stash_without_a_password(house, answered, tmp_path):
    """It is asked for no key: such a Stash refuses each."""
    home = house(library(1), start=False)
    code, said = answered(home, TOKEN, "", home.stash.url)

    assert code == 0, said
    written = files(tmp_path)
    assert tomllib.loads(written["settings.toml"])["stash"]["url"] == home.stash.url
    assert (written["telegram_token"], written["stash_api_key"]) == (TOKEN, "")


def test_key_that_no_answer_makes_right(house, answered, tmp_path):
    """A proxy takes it away; without an answer the address is asked for again."""
    home = house(library(1), start=False, api_key=API_KEY)
    handle = home.stash.server.handle
    home.stash.server.handle = lambda request: handle(
        replace(request, headers=request.headers | {"apikey": ""})
    )
    code, said = answered(home, TOKEN, "", home.stash.url, API_KEY, "", "")

    assert code == 1
    assert "a proxy in front of Stash takes it away" in said
    assert said.count("Stash's address") == 2


def test_same_answers_again(house, answered, tmp_path):
    home = house(library(1), start=False, api_key=API_KEY)
    answered(home, TOKEN, "", home.stash.url, API_KEY)
    before = files(tmp_path)
    code, said = answered(home, "", "", "", "")

    assert code == 0, said
    assert "[unchanged]" in said
    assert API_KEY not in said
    assert files(tmp_path) == before


@pytest.mark.parametrize("way", ["proxy", "none"])
def test_proxy_when_telegram_cannot_be_reached(house, answered, tmp_path, way):
    """The proxy of today is dead; the stand-in for Telegram is its own proxy."""
    dead = NOWHERE.replace("//", "//me:of-the-proxy@")
    (tmp_path / "settings.toml").write_text(f'[telegram]\nproxy = "{dead}"\n')
    home = house(library(1), start=False)
    proxy = home.telegram.api_url if way == "proxy" else ""
    code, said = answered(home, TOKEN, "", "ftp://x", proxy or "none", "", home.stash.url)

    assert code == 0, said
    assert said.count("Does this machine need a proxy?") == 2
    assert "of-the-proxy" not in said
    assert "It must be empty, or an address" in said
    assert tomllib.loads(files(tmp_path)["settings.toml"])["telegram"]["proxy"] == proxy


def test_certificate_that_signs_itself(house, answered, tmp_path):
    """The owner does not trust it first, and then does; the next time it is known."""
    home = house(library(1), start=False)
    certificate = self_signed(tmp_path / "mine.pem", "127.0.0.1")
    url = secure(home.stash.server, certificate)
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text())
    code, said = answered(home, TOKEN, "", url, "no", url, "yes")

    assert code == 0, said
    assert said.count(sha256(der).digest().hex(":").upper()) == 2
    text = (tmp_path / "settings.toml").read_text()
    relative = text.replace(str(tmp_path / "stash.pem"), "stash.pem")
    (tmp_path / "settings.toml").write_text(relative)
    assert answered(home, "", "", "")[0] == 0
    assert (tmp_path / "settings.toml").read_text() == relative
    (tmp_path / "stash.pem").unlink()
    assert answered(home, "", "", "", "yes")[0] == 0
    stash = tomllib.loads(files(tmp_path)["settings.toml"])["stash"]
    assert (stash["url"], stash["ca"]) == (url, str(tmp_path / "stash.pem"))
    assert ssl.PEM_cert_to_DER_cert(files(tmp_path)["stash.pem"]) == der


def test_address_with_signs(house, answered, tmp_path):
    """Those that no address of Stash has are refused at once; the others are kept."""
    home = house(library(1), start=False, prefix="/a&b$c'd;e")
    wrong = [
        f"{home.stash.url}#x",
        f"{home.stash.url}?x",
        "http://me:word@nas",
        "http://[::1",
        "nas",
    ]
    code, said = answered(home, TOKEN, "", *wrong, home.stash.url)

    assert code == 0, said
    assert said.count("  It must ") == len(wrong)
    assert tomllib.loads(files(tmp_path)["settings.toml"])["stash"]["url"] == home.stash.url


def test_certificate_that_trust_does_not_mend(house, answered, tmp_path):
    home = house(library(1), start=False)
    url = secure(home.stash.server, self_signed(tmp_path / "mine.pem", "nas.local"))
    _, said = answered(home, TOKEN, "", url, "yes", url)

    assert said.count("Trust it?") == 1
    assert said.count("Stash: its certificate is for another name.\n  -> put a name") == 2


def test_answers_that_end(house, answered, tmp_path):
    home = house(library(1), start=False)
    code, said = answered(home, TOKEN, "", NOWHERE)

    assert code == 1
    assert "The answers end here." in said
    assert files(tmp_path) == {}


@pytest.mark.parametrize("text", ["[stash", 'stash.url = "x"\n'], ids=["no TOML", "unusual"])
def test_settings_that_cannot_be_changed(house, answered, tmp_path, text):
    home = house(library(1), start=False)
    (tmp_path / "settings.toml").write_text(text)
    code, said = answered(home, TOKEN, "", home.stash.url)

    assert code == 1
    assert "settings.toml: " in said
    assert files(tmp_path)["settings.toml"] == text


def test_secrets_on_a_terminal(house, tmp_path):
    home = house(library(1), start=False, api_key=API_KEY)
    environ = {"STASHBOT_TELEGRAM_API_URL": home.telegram.api_url, "PYTHONPATH": str(ROOT)}
    secret, url = b"not shown): ", home.stash.url
    talk = [(secret, TOKEN), (b"right?", ""), (b"address", url), (secret, API_KEY)]
    seen = converse([sys.executable, "-m", "stashbot.cli.setup", tmp_path], talk, environ)

    assert " answers." in seen
    assert TOKEN not in seen
    assert API_KEY not in seen
    assert files(tmp_path)["stash_api_key"] == API_KEY
