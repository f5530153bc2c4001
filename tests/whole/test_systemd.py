"""The service under a real systemd: started, watched, restarted, reloaded and locked in."""

import json
import os
import re
import socket
import subprocess
import time
from shutil import which

import pytest
from PIL import Image as Pixels

from stashbot.runtime.systemd import LONGEST_INTERVAL_S, Notifier
from tests.conftest import API_KEY, OWNER, TOKEN, images_of, library, needs, picture
from tests.documents import documented
from tests.pictures.awkward import saved
from tests.whole import machine as machines
from tests.whole.machine import booted

UNIT = machines.ROOT / "systemd" / "stashbot.service"
ANALYZE = which("systemd-analyze") or ""

#: The program as install.sh lays it out, with the Python and the packages of the tests.
LAY_OUT = """
mkdir -p /opt/stashbot/.venv/bin /etc/stashbot
cp -r /srv/source/stashbot /srv/source/systemd /opt/stashbot/
cp /srv/source/stashbot.py /srv/source/settings.toml /opt/stashbot/
ln -s /opt/stashbot/systemd/stashbot.sh /usr/local/bin/stashbot
ln -s /srv/python/bin/python3 /opt/stashbot/.venv/bin/python
cp /srv/source/systemd/stashbot.service /etc/systemd/system/
chmod -R go= /etc/stashbot/telegram_token /etc/stashbot/stash_api_key
chmod 755 /etc/stashbot
systemctl daemon-reload
"""
DROP_IN = "/etc/systemd/system/stashbot.service.d/test.conf"
#: Waits for the name of a method in /run/stick, and lets it stick there for ever.
STICKY = """
import importlib, pathlib, threading, time

def stick(*_):
    while True:
        time.sleep(60)

def watch():
    file = pathlib.Path("/run/stick")
    while not file.exists():
        time.sleep(0.05)
    module, kind, method = file.read_text().split()
    setattr(getattr(importlib.import_module(module), kind), method, stick)
    print("it sticks", flush=True)

threading.Thread(target=watch, daemon=True).start()
"""


class Service:
    """The installed bot in a machine, between the stand-ins of a house."""

    def __init__(self, machine, home):
        self.machine, self.home = machine, home
        machine.write("/etc/stashbot/telegram_token", TOKEN + "\n", "600")
        machine.write("/etc/stashbot/stash_api_key", API_KEY, "600")
        machine.write("/srv/sticky/sitecustomize.py", STICKY)
        self.settings()
        self.drop_in()
        machine.run("sh", "-euc", LAY_OUT)

    def settings(self, more="", users=(OWNER,)):
        text = (
            f'[telegram]\nallowed_users = {list(users)}\napi_url = "{self.home.telegram.api_url}"\n'
            f'[stash]\nurl = "{self.home.stash.url}"\n{more}'
        )
        self.machine.write("/etc/stashbot/settings.toml", text)

    def drop_in(self, lines="", path="/srv/packages"):
        text = "[Service]\nRestartSec=100ms\nEnvironment=LD_LIBRARY_PATH=/srv/python/lib\n"
        self.machine.write(DROP_IN, f"{text}Environment=PYTHONPATH={path}\n{lines}\n")
        self.machine.run("systemctl", "daemon-reload")

    def network(self):
        """Allow it the local network and Telegram alone, as the file says."""
        for line in (*documented("install -D"), *documented("systemctl daemon-reload")):
            self.machine.run("sh", "-euc", f"cd /srv/source; {line}")

    def start(self):
        code, _ = self.machine.run("systemctl", "start", "stashbot", check=False)
        return code

    def show(self):
        return self.machine.show("stashbot")

    def wait_for(self, **wanted):
        return self.machine.wait_for("stashbot", timeout=30, **wanted)

    def lines(self, *options):
        """The lines of the bot itself in the journal."""
        entries = self.machine.journal("-u", "stashbot", *options)
        return [entry for entry in entries if entry.get("_TRANSPORT") == "stdout"]

    def events(self, name, *options):
        texts = [line["MESSAGE"] for line in self.lines(*options)]
        found = [json.loads(text) for text in texts if text.startswith("{")]
        return [event for event in found if event["event"] == name]


@pytest.fixture
def service(machine, house):
    service = Service(machine, house(library(30), start=False, api_key=API_KEY))
    yield service
    # pytest shows it if the test failed.
    print(*(line.get("MESSAGE") for line in service.machine.journal("-u", "stashbot")), sep="\n")


@needs("systemd-analyze", ANALYZE)
def test_exposure():
    done = subprocess.run(
        [ANALYZE, "security", "--offline=true", "--threshold=11", "--no-pager", UNIT],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


@booted
def test_unit_is_understood(service):
    """Also with the drop-in for the network."""
    path = "/etc/systemd/system/stashbot.service"
    service.network()

    assert service.machine.run("systemd-analyze", "verify", "--man=no", path) == (0, "")


@booted
def test_service_serves(service):
    """Also with the drop-in for the network."""
    service.network()
    code = service.start()
    service.home.telegram.wait_for_poll()
    service.home.ask()
    service.home.ask("/random 3", count=3)
    message = next(each for each in service.home.received() if each.buttons)
    service.home.telegram.press(message, "chart", user_id=OWNER)
    sent = service.home.telegram.wait_for(lambda call: "glance" in call.params.get("caption", ""))

    shown = service.show()
    assert (code, shown["ActiveState"], shown["SubState"]) == (0, "active", "running")
    assert re.fullmatch(r"\d+ pictures? today", shown["StatusText"])
    assert [call.status for call in sent] == [200]
    assert len(service.events("photo_sent")) == 4
    _, plain = service.machine.run("journalctl", "-u", "stashbot", "-o", "cat", "-t", "stashbot")
    assert all(json.loads(line)["event"] for line in plain.splitlines())
    assert {line["PRIORITY"] for line in service.lines()} == {"6"}
    _, mode = service.machine.run("stat", "-c", "%a", "/var/lib/stashbot/stashbot.db")
    assert mode.strip() == "600"


@booted
def test_pictures_are_converted_inside_the_sandbox(machine, house):
    """Also one that takes 900 MiB to decode, of which the unit has 512."""
    large = saved(Pixels.effect_noise((6000, 4000), 20), "PNG", compress_level=1)
    hostile = saved(Pixels.new("CMYK", (11_000, 10_000)), progressive=True)
    files = [picture(1, data=large, width=6000, height=4000), picture(2, data=hostile)]
    service = Service(machine, house(files, start=False, api_key=API_KEY))
    service.start()
    service.home.ask("/random 2", count=2)

    calls = {
        image: call.method for call in service.home.telegram.calls for image in images_of(call)
    }
    assert calls == {1: "sendPhoto", 2: "sendDocument"}
    assert service.show()["NRestarts"] == "0"
    assert not service.events("stuck")


@booted
def test_no_key(service):
    service.home.stash.api_key = ""
    service.machine.run("rm", "/etc/stashbot/stash_api_key")
    code = service.start()
    service.home.ask()

    assert code == 0


@booted
def test_priorities_in_the_journal(service):
    service.start()
    service.home.stash.server.pause()
    service.home.say("/random")
    service.home.say("hello", user=6666)
    service.home.wait_for_text("Stash cannot be reached")

    found = [json.loads(line["MESSAGE"])["event"] for line in service.lines("-p", "warning")]
    assert sorted(found) == ["access_denied", "stash_down"]
    assert service.lines("-p", "err") == []
    assert max(len(line["MESSAGE"]) for line in service.lines()) <= 3500


@booted
def test_stop(service):
    service.start()
    began = time.monotonic()
    service.machine.run("systemctl", "stop", "stashbot")
    seconds = time.monotonic() - began

    assert seconds < 2
    assert service.show()["Result"] == "success"
    assert service.events("stopped")


@booted
def test_kill(service):
    service.start()
    before = service.show()["MainPID"]
    service.home.ask()
    service.machine.run("kill", "-9", before)
    service.home.say("/random")

    after = service.wait_for(NRestarts="1", SubState="running")
    service.home.wait_for_images(2)
    assert after["MainPID"] != before


@booted
@pytest.mark.parametrize(
    ("method", "file", "words"),
    [
        ("stashbot.telegram.polling Poller _handle_one", "telegram/polling.py", "/help"),
        ("stashbot.schedule.runner Scheduler work", "schedule/runner.py", "/schedule daily 09:00"),
        ("stashbot.pictures.delivery Delivery _send", "pictures/delivery.py", "/random"),
    ],
    ids=["receiver", "scheduler", "publisher"],
)
def test_stuck_thread(service, method, file, words):
    service.drop_in("WatchdogSec=2", path="/srv/packages:/srv/sticky")
    service.start()
    service.home.telegram.wait_for_poll()
    service.machine.write("/run/stick", method)
    service.machine.wait_until(
        lambda: any(line["MESSAGE"] == "it sticks" for line in service.lines()), "it sticks"
    )
    service.home.say(words)

    service.wait_for(NRestarts="1")
    texts = [line["MESSAGE"] for line in service.lines()]
    assert service.events("stuck")[0]["threads"]
    assert any(re.search(rf'File ".*/stashbot/{file}", line \d+', text) for text in texts)


@booted
def test_outage_is_no_hang(service):
    """While Telegram is away the threads turn all the same, and systemd sees why nothing comes."""
    service.drop_in("WatchdogSec=5")
    service.start()
    service.home.telegram.server.pause()

    shown = service.machine.wait_until(
        lambda: (has := service.show()) and "Telegram is away" in has["StatusText"] and has,
        "a word about Telegram",
    )
    time.sleep(7)
    assert re.search(r"Telegram is away since \d\d:\d\d", shown["StatusText"])
    assert service.show()["NRestarts"] == "0"


@booted
@pytest.mark.parametrize("fault", ["settings", "token"])
def test_fault_that_a_restart_cannot_mend(service, fault):
    """Wrong settings and a refused token end it with 78, once, and `systemctl status` says why."""
    if fault == "settings":
        service.settings("[log]\nlevel = 'loud'\n")
        reason = "log.level"
    else:
        service.machine.write("/etc/stashbot/telegram_token", "1234567:refused", "600")
        reason = "Telegram refuses the token"
    service.start()
    shown = service.wait_for(ActiveState="failed")
    time.sleep(0.5)

    _, status = service.machine.run("systemctl", "status", "stashbot", check=False)
    assert (shown["ExecMainStatus"], service.show()["NRestarts"]) == ("78", "0")
    assert reason in status
    assert any(reason in line["MESSAGE"] for line in service.lines("-p", "err"))


@booted
@needs("jq", which("jq"))
def test_six_lines_for_the_journal(service):
    service.settings("[log]\nlevel = 'debug'\n")
    service.start()
    image = service.home.ask()[0]
    service.home.say("hello", user=6666)
    service.home.wait_for_text("This bot is private", chat=6666)
    service.machine.run("journalctl", "--sync")
    lines = [
        line.replace("123456789", str(OWNER)).replace("42", str(image))
        for line in documented("journalctl ")
    ]
    found = [service.machine.run("sh", "-c", line, check=False)[1] for line in lines]

    assert len(lines) == 6
    assert json.loads(found[0]).keys() == {"chat_id", "image_id", "send_ms"}
    assert "No entries" in found[1]
    assert "photo_sent" in found[2]
    assert "photo_sent" in found[3]
    assert '"user_id": 6666' in found[4]
    assert '"started"' in found[5]


@booted
def test_backup(service):
    """The history is saved while the bot runs, by hand and by cron, and put in its place."""
    service.start()
    service.home.ask()
    [save], [nightly] = documented("stashbot backup"), documented("17 4 * * * root ")
    [restore] = documented("systemctl stop stashbot && stashbot restore")
    path = "export PATH=$PATH:/usr/local/bin"
    service.machine.run("sh", "-euc", f"{path}; {save}")
    service.machine.run(
        "env", "-i", "PATH=/usr/bin:/bin", "sh", "-euc", nightly.split("root ", 1)[1]
    )
    service.home.ask()
    service.machine.run("sh", "-euc", f"{path}; {restore}")
    service.home.say("/stats")

    assert "1 in all\n" in service.home.wait_for_text("Pictures in this chat")


@booted
def test_more_memory(service):
    """By the editor that the line of the documents opens on a terminal."""
    [line] = documented("systemctl edit")
    service.machine.write("/tmp/editor", 'printf "[Service]\nMemoryMax=1G\n" >"$1"')
    editor = "SYSTEMD_EDITOR=sh /tmp/editor"
    service.machine.run("env", editor, "script", "-qec", line, "/dev/null")

    assert service.show()["MemoryMax"] == str(1 << 30)


@booted
def test_check_as_the_service(service):
    """Also without the file of the key."""
    service.home.stash.api_key = ""
    service.machine.run("rm", "/etc/stashbot/stash_api_key")
    service.start()
    service.home.ask()
    _, said = service.machine.run("/usr/local/bin/stashbot", "check")

    assert "is known to the bot" in said
    assert "stashbot.db is sound" in said
    assert "wrong" not in said


@booted
def test_reload(service):
    service.drop_in("WatchdogSec=10")
    service.settings(users=[OWNER])
    service.start()
    before = service.show()["MainPID"]
    service.settings(users=[OWNER, 1002])
    [line] = documented("systemctl reload")
    service.machine.run(*line.split())
    service.machine.wait_until(lambda: service.events("reloaded"), "the reload")
    service.home.ask(user=1002)

    ready = service.wait_for(ActiveState="active", SubState="running")
    pinged = ready["WatchdogTimestampMonotonic"]
    service.machine.wait_until(
        lambda: int(service.show()["WatchdogTimestampMonotonic"]) > int(pinged), "a later ping"
    )
    assert (ready["MainPID"], service.show()["NRestarts"]) == (before, "0")
    assert not service.events("poll_conflict")


@booted
def test_reload_of_wrong_settings(service):
    service.start()
    service.settings("[log]\nlevel = 'loud'\n")
    code, said = service.machine.run("systemctl", "reload", "stashbot", check=False)

    assert code != 0
    assert "failed" in said
    assert any("log.level" in line["MESSAGE"] for line in service.lines("-p", "err"))
    service.home.ask()
    assert service.show()["ActiveState"] == "active"
    assert not service.events("reload_refused")


@booted
def test_secrets_stay_secret(service):
    """The token is in no environment, no line of the journal, and no file that others can read."""
    service.start()
    service.home.ask()
    run = service.machine.run
    pid = service.show()["MainPID"]
    _, user = run("stat", "-c", "%u", f"/proc/{pid}")
    _, environ = run("sh", "-c", f"tr '\\0' '\\n' </proc/{pid}/environ")
    _, journal = run("journalctl", "--no-pager", "-o", "verbose")
    as_it = ["setpriv", "--reuid", user.strip(), "--clear-groups", "cat"]

    assert int(user) > 1000
    for secret in (TOKEN, TOKEN.partition(":")[2], API_KEY):
        assert secret not in environ + journal
    assert run(*as_it, "/etc/stashbot/telegram_token", check=False)[0] != 0
    assert run("systemctl", "show", "stashbot")[1].count(TOKEN) == 0


@pytest.mark.parametrize("is_abstract", [False, True], ids=["file", "abstract"])
def test_words_to_systemd(tmp_path, is_abstract):
    address = f"stashbot-test-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + address if is_abstract else address)
        told = {"NOTIFY_SOCKET": ("@" if is_abstract else "") + address, "WATCHDOG_USEC": "4000000"}
        notifier = Notifier(told)
        notifier.tell(READY=1, STATUS="работает\nи ждёт")
        received = listening.recv(1000).decode()

    assert received == "READY=1\nSTATUS=работает и ждёт"
    assert (notifier.watchdog_s, notifier.interval_s) == (4, 2)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"NOTIFY_SOCKET": "/nowhere"},
        {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "x"},
        {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "9000000", "WATCHDOG_PID": "1"},
    ],
    ids=["no systemd", "no watchdog", "nonsense", "for another"],
)
def test_without_systemd_or_watchdog(environ):
    notifier = Notifier(environ)
    notifier.tell(READY=1)

    assert (notifier.watchdog_s, notifier.interval_s) == (0, LONGEST_INTERVAL_S)


def test_sign_of_life_in_a_container(tmp_path):
    file = tmp_path / "heartbeat"
    notifier = Notifier({"HEARTBEAT_FILE": str(file)})
    notifier.tell(STATUS="stuck")

    assert not file.exists()

    notifier.tell(WATCHDOG=1)

    assert file.exists()
