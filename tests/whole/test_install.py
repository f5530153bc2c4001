"""The installer and /usr/local/bin/stashbot, in a machine with a systemd of its own."""

import os
import random
import re
import subprocess
import time
from shutil import which

import pytest

from tests.conftest import API_KEY, TOKEN, at_length, library, needs
from tests.documents import documented
from tests.whole.machine import ROOT, booted

WHEELS = ROOT / ".ci" / "wheels"
#: Each question answered wrongly once: the token in two ways, the name, the address, the key.
ANSWERS = (
    f"no token\n1:unknown\n{TOKEN}\nno\n{TOKEN}\n\nhttp://127.0.0.1:9\n{{url}}\nwrong\n{API_KEY}\n"
)
COMMAND = "/usr/local/bin/stashbot"

#: A remedy for a machine without Python, by its /etc/os-release.
PYTHONS = {
    "ID=debian": "apt install python3-venv",
    "ID=linuxmint\nID_LIKE='ubuntu debian'": "apt install python3-venv",
    "ID=fedora": "dnf install python3\n",
    'ID="almalinux"\nID_LIKE="rhel centos fedora"': "dnf install python3.11\n",
    "ID=arch": "pacman -S python\n",
    "ID=alpine": "with its modules venv and ensurepip",
}

#: A Python below a home directory, and a link to it.
AT_HOME = (
    "mkdir -p /root/py/bin /root/py/lib; cp -r /usr/lib/python3.11 /root/py/lib;"
    " cp /usr/bin/python3.11 /root/py/bin"
)
LINKED = "ln -s /root/py/bin/python3.11 /usr/local/bin"

with_wheels = needs("the wheels that .ci/run fetches", WHEELS.exists())


class Installer:
    """install.sh in a machine where Telegram is the stand-in, and pip knows these wheels alone."""

    def __init__(self, machine, home):
        self.machine, self.home = machine, home
        self.environ = [f"STASHBOT_TELEGRAM_API_URL={home.telegram.api_url}"]
        machine.run("systemctl", "set-environment", *self.environ)

    def command(self, *arguments, source="/srv/source"):
        """Run it with a strict umask."""
        pip = ("PIP_NO_INDEX=1", "PIP_FIND_LINKS=/srv/source/.ci/wheels")
        strict = ("sh", "-c", 'umask 077 && exec "$@"', "sh")
        script = f"{source}/{documented('systemd/install.sh')[0]}"
        return (*strict, "env", *pip, *self.environ, script, *arguments)

    def __call__(self, *arguments, given="", source="/srv/source"):
        """Its exit code, and its output."""
        command = self.command(*arguments, source=source)
        return self.machine.run(*command, check=False, given=given, timeout=200)

    def first(self):
        """Install it, and become its owner in the way that it names."""
        code, said = self(given=ANSWERS.format(url=self.home.stash.url))
        assert code == 0, said
        [line] = documented("stashbot logs today")
        assert f"See the link for you: sudo {line}\n" in said
        shown = self.machine.wait_until(lambda: self.shell(line)[1], "a code")
        self.home.say("/start " + re.search(r"\?start=(\d{8})", shown)[1])
        return said

    def shell(self, line, given=""):
        """The exit code and the output of a line of the documents."""
        environ = " ".join(self.environ)
        script = f"export PATH=$PATH:/usr/local/bin {environ}; {line}"
        return self.machine.run("sh", "-c", script, check=False, given=given)

    def has(self, path):
        return self.machine.run("test", "-e", path, check=False)[0] == 0

    def newer(self, line):
        """Make a newer version whose program begins with this line; its folder."""
        copy = "cd /srv/source; cp -r docs stashbot systemd LICENSE *.* /tmp/newer"
        script = (
            f'rm -rf /tmp/newer; mkdir /tmp/newer; {copy}; sed -i "2i $1" /tmp/newer/stashbot.py'
        )
        self.machine.run("sh", "-euc", script, "sh", line)
        return "/tmp/newer"

    def killed(self, seconds):
        """Begin an upgrade, and kill it after so many seconds; None: while the bot is not there."""
        command = self.machine.inside(*self.command())
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        if seconds is None:
            is_down = lambda: self.machine.show("stashbot")["ActiveState"] != "active"  # noqa: E731
            self.machine.wait_until(is_down, "the swap", timeout=60)
            self.machine.run("systemctl", "kill", "--signal=KILL", "stashbot-upgrade")
        else:
            time.sleep(seconds)
        os.killpg(process.pid, 9)
        process.wait(10)
        self.machine.wait_for("stashbot-upgrade", ActiveState="inactive")


@pytest.fixture
def install(machine, house):
    return Installer(machine, house(library(60), start=False, api_key=API_KEY))


@booted
@with_wheels
def test_life_of_an_installation(install):
    """From nothing to a picture, looked after, removed with its history kept, and purged."""
    run, home = install.machine.run, install.home
    said = install.first()
    home.ask("/random 3", count=3)
    _, modes = run("sh", "-c", "cd /etc/stashbot; stat -c '%n %a %U' *")
    _, settings = run("cat", "/etc/stashbot/settings.toml")

    assert "It must be the bot's token" in said
    assert "Telegram does not know this token." in said
    assert said.count("The bot is @stash_demo_bot, right?") == 2
    assert "Stash: Connection refused." in said
    assert "Stash: it refuses this API key." in said
    assert "It runs." in said
    assert f'url = "{home.stash.url}"\n' in settings
    assert not {TOKEN, API_KEY} & set(re.split(r"[\s'\"]+", said))
    assert modes.splitlines() == [
        "settings.toml 644 root",
        "stash_api_key 600 root",
        "telegram_token 600 root",
    ]

    _, checked = install.shell(*documented("stashbot check"))
    _, status = install.shell(*documented("stashbot status"))
    _, helped = install.shell(*documented("stashbot --help"))
    _, followed = install.shell(documented("stashbot logs -f")[0] + " | head -n 1")
    _, failed = install.shell(*documented("stashbot logs errors"))
    _, logged = run(COMMAND, "logs", "today")

    assert "stashbot.db is sound" in checked
    assert "active (running)" in status
    assert "stashbot restore FILE" in helped
    assert "stashbot" in followed
    assert '"photo_sent"' in logged
    assert "No entries" in failed
    assert run(COMMAND, "logs", "sideways", check=False)[0] == 2

    before = install.machine.show("stashbot")["MainPID"]
    code, said = install.shell(*documented("stashbot reconfigure"), given="\n" * 4)

    assert (code, run("cat", "/etc/stashbot/settings.toml")[1]) == (0, settings)
    assert install.machine.wait_for("stashbot", SubState="running")["MainPID"] != before

    install.shell(*documented("systemctl disable --now"))

    assert install.machine.show("stashbot")["ActiveState"] == "inactive"

    [line] = documented("systemd/install.sh --uninstall")
    code, said = install(*line.split()[1:])

    assert code == 0, said
    assert not install.has("/opt/stashbot")
    assert not install.has(COMMAND)
    assert install.machine.show("stashbot")["LoadState"] == "not-found"

    code, said = install()
    home.say("/stats")

    assert code == 0, said
    assert "3 in all\n" in home.wait_for_text("Pictures in this chat")

    code, said = install("--uninstall", "--purge")

    assert code == 0, said
    places = ("/opt", "/etc", "/var/lib/private", "/var/lib", "/var/cache/private", "/var/cache")
    assert not [place for place in places if install.has(f"{place}/stashbot")]


@booted
@with_wheels
@pytest.mark.timeout(900)  # a dozen upgrades
def test_upgrades(install):
    """A version that does not start is taken back, and a killed upgrade leaves a working bot."""
    run, home = install.machine.run, install.home
    run(
        "sh",
        "-euc",
        "cd /var/lib; mkdir -p private; mount -t tmpfs -o size=4M,mode=700 none private",
    )
    install.first()
    home.ask()
    # An earlier installer has made a folder.
    run("sh", "-euc", "cd /opt; rm stashbot; mv stashbot-a stashbot")
    code, said = install(source=install.newer("# newer"))

    assert code == 0, said
    assert run("sed", "-n", "2p", "/opt/stashbot/stashbot.py")[1] == "# newer\n"
    assert run("ls", "/opt")[1].count("stashbot") == 2

    broken = install.newer("# broken")
    run("sed", "-i", "s/^tzlocal==.*[0-9]/tzlocal==0.1/", f"{broken}/systemd/requirements.lock")
    code, said = install(source=broken)
    home.ask()

    assert code == 1
    assert "pip could not install them." in said
    assert said.endswith("This version is removed; nothing else has changed.\n")
    assert run("ls", "/opt")[1].count("stashbot") == 2

    older = "/var/lib/private/stashbot/stashbot.db-20260101T000000Z"
    run("sh", "-euc", f"head -c 2500000 /dev/zero >{older}")  # most of the disk
    code, said = install()
    run("rm", older)
    home.ask()

    assert code == 1
    assert "The history cannot be copied, and the old version runs again." in said
    assert not install.has("/var/lib/private/stashbot.old")

    began = time.monotonic()
    spoils = (
        "import os, sqlite3; path = os.environ.get('STATE_DIRECTORY');"
        " path and sqlite3.connect(path + '/stashbot.db').execute('PRAGMA user_version = 99');"
        " path and exit(1)"
    )
    code, said = install(source=install.newer(spoils))
    seconds = time.monotonic() - began
    home.say("/stats")

    assert code == 1
    assert "The new version does not start, and the old one runs again." in said
    assert "3 in all\n" in home.wait_for_text("Pictures in this chat")
    assert run("sed", "-n", "2p", "/opt/stashbot/stashbot.py")[1] == "# newer\n"

    for moment in [None, *(random.uniform(0, seconds) for _ in range(at_length(10, 2)))]:
        install.killed(moment)
        home.ask()
        install.shell(*documented("systemctl restart"))

    code, said = install()
    assert code == 0, said
    assert run("ls", "/opt")[1].count("stashbot") == 2


@booted
@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--sideways",), "What is --sideways?"),
        (("--reconfigure",), "It is not installed."),
        (("--help",), "ask all questions again"),
    ],
    ids=lambda value: str(value[0]),
)
def test_installer_that_stops(install, arguments, word):
    code, said = install(*arguments)

    assert code == (arguments != ("--help",))
    assert word in said
    assert not install.has("/opt/stashbot")


@booted
def test_machine_whose_units_cannot_be_written(install):
    """As those of NixOS."""
    folder = "/etc/systemd/system"
    seal = f"mount --bind {folder} {folder}; mount -o remount,bind,ro {folder}"
    install.machine.run("sh", "-euc", seal)
    code, said = install()

    assert code == 1
    assert "Run the bot in a container instead" in said


@booted
def test_machine_without_a_python(install):
    """Its python3 is too old, and the other one is below a home directory."""
    hide = "cd /usr/bin; rm -f python3* ../local/bin/python3*; ln -s /bin/false python3"
    install.machine.run("sh", "-euc", f"{AT_HOME}; {hide}; {LINKED}")
    install.machine.run("rm", "/etc/os-release")
    said = {}
    for system in PYTHONS:
        install.machine.write("/etc/os-release", system)
        said[system] = install()

    assert {code for code, _ in said.values()} == {1}
    assert all(text.startswith("There is no Python 3.11 or newer") for _, text in said.values())
    assert not {system for system, word in PYTHONS.items() if word not in said[system][1]}


def test_lock_has_every_requirement():
    wanted = re.findall(r"(?m)^(\S+==\S+)", (ROOT / "requirements.txt").read_text())
    locked = (ROOT / "systemd" / "requirements.lock").read_text()

    assert wanted
    assert [each for each in wanted if f"\n{each.lower()} " not in locked] == []


@needs("shellcheck", which("shellcheck"))
def test_shell_is_clean():
    scripts = [*(ROOT / "systemd").glob("*.sh"), ROOT / documented(".ci/run")[0]]
    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")
