"""An https:// Stash whose certificate signs itself."""

import ssl
import subprocess
from hashlib import sha256
from urllib.parse import urlsplit

import pytest
import trustme

from stashbot.errors import StashProblem
from stashbot.stash.client import StashClient
from tests.documents import documented
from tests.standins.certificates import secure, self_signed
from tests.standins.http import Server
from tests.stash.scripted import IMAGE, KEY, PICTURE, downloaded, problem

LOCAL = "127.0.0.1"


@pytest.fixture
def serve(script):
    """A function that starts a Stash with a certificate; its address."""
    servers = []

    def start(certificate):
        servers.append(Server(script))
        return secure(servers[-1], certificate)

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def ask(stop):
    """A function that makes a client of an address; `ca` is a file to trust."""
    clients = []

    def client(url, ca=""):
        clients.append(StashClient(url, KEY, stop, ca=str(ca)))
        return clients[-1]

    yield client
    for each in clients:
        each.close_thread()


def test_certificate_that_the_settings_name(serve, ask, tmp_path):
    mine = self_signed(tmp_path / "mine.pem", LOCAL)
    client = ask(serve(mine), mine)

    assert client.server().version == "0.30.1"
    assert downloaded(client, IMAGE, 1 << 20) == PICTURE


def test_certificate_of_an_unknown_authority_that_the_settings_name(serve, ask, tmp_path):
    """The file has the server's certificate, and not that of the authority."""
    leaf = trustme.CA().issue_cert(LOCAL)
    mine = tmp_path / "mine.pem"
    leaf.cert_chain_pems[0].write_to_path(mine)
    leaf.private_key_pem.write_to_path(mine.with_suffix(".key"))

    assert ask(serve(mine), mine).server().version == "0.30.1"


def test_certificate_fetched_by_the_lines_of_the_documents(serve, ask, tmp_path):
    mine, file = self_signed(tmp_path / "mine.pem", LOCAL), tmp_path / "stash.pem"
    url = serve(mine)
    for line in documented("openssl "):
        here = line.replace("nas:9999", urlsplit(url).netloc)
        here = here.replace("/etc/stashbot/stash.pem", str(file))
        shown = subprocess.run(["bash", "-euc", here], capture_output=True, text=True, check=True)
    der = ssl.PEM_cert_to_DER_cert(mine.read_text())

    assert shown.stdout.rstrip().endswith(f"={sha256(der).digest().hex(':').upper()}")
    assert ask(url, file).server().version == "0.30.1"


NOT_TRUSTED = "is not trusted; if it is Stash's, name a PEM file with it in stash.ca"
EXPIRED = "has expired; give Stash a new one, and put it into the file of stash.ca if it is there"
OTHER_NAME = "is for another name; put a name that it has into stash.url, or give Stash another one"
EARLY = "is not valid yet; set the clocks of this machine and of that with Stash"


@pytest.mark.parametrize(
    ("names", "valid", "is_named", "reason"),
    [
        pytest.param([LOCAL], (-1, 30), False, NOT_TRUSTED, id="unknown"),
        pytest.param([LOCAL], (-30, -1), True, EXPIRED, id="expired"),
        pytest.param([LOCAL], (1, 30), True, EARLY, id="not valid yet"),
        pytest.param(["nas.local"], (-1, 30), True, OTHER_NAME, id="other name"),
        pytest.param(["127.0.0.2"], (-1, 30), True, OTHER_NAME, id="other address"),
    ],
)
def test_certificate_that_cannot_be_trusted(
    serve, ask, script, tmp_path, names, valid, is_named, reason
):
    mine = self_signed(tmp_path / "mine.pem", *names, valid=valid)
    client = ask(serve(mine), mine if is_named else "")

    assert problem(client.server) == (StashProblem.CERTIFICATE, f"its certificate {reason}")
    assert not script.requests


def test_another_certificate_than_the_settings_name(serve, ask, script, tmp_path):
    other = self_signed(tmp_path / "other.pem", LOCAL)
    url = serve(self_signed(tmp_path / "mine.pem", LOCAL))

    assert problem(ask(url, other).server)[0] is StashProblem.CERTIFICATE
    assert not script.requests


def test_certificate_of_the_machine(serve, ask, tmp_path, monkeypatch):
    """An authority that the machine trusts needs no setting, with one of its own or without."""
    authority = trustme.CA()
    leaf = authority.issue_cert(LOCAL)
    mine, machine = tmp_path / "mine.pem", tmp_path / "machine.pem"
    leaf.cert_chain_pems[0].write_to_path(mine)
    leaf.private_key_pem.write_to_path(mine.with_suffix(".key"))
    authority.cert_pem.write_to_path(machine)
    monkeypatch.setenv(ssl.get_default_verify_paths().openssl_cafile_env, str(machine))
    url, other = serve(mine), self_signed(tmp_path / "other.pem", LOCAL)

    assert ask(url).server().version == "0.30.1"
    assert ask(url, other).server().version == "0.30.1"
