"""The container's image, as .ci/run builds it: its root is read-only, and its process the first.

`buildah run` knows no read-only root, so unshare and chroot enter the image.
"""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conftest import API_KEY, TOKEN, library, needs
from tests.documents import documented
from tests.whole.machine import ROOT
from tests.whole.program import BARE, wait_until

#: The image's files, and its description.
FILES, ABOUT = ROOT / ".ci" / "image" / "files", ROOT / ".ci" / "image" / "about.json"
ENTER = """
mount --bind "$FILES" "$FILES"
mount -o remount,bind,ro "$FILES"
mount -t proc none "$FILES/proc"
mount --rbind /dev "$FILES/dev"
for name in run tmp; do mount -t tmpfs -o mode=1777 none "$FILES/$name"; done
mkdir "$FILES/run/secrets"
printf %s "$TOKEN" >"$FILES/run/secrets/telegram_token"
mount --bind "$DATA" "$FILES/data"
exec chroot --userspec="$USER" "$FILES" env -i "$@"
"""


class Container:
    """Runs the image with these settings; ends, by force if need be, with the block."""

    def __init__(self, data, settings):
        about = json.loads(ABOUT.read_text())["Docker"]["config"]
        self.health = about["Healthcheck"]["Test"][1]
        names = [f"{name}={value}" for name, value in settings.items()]
        spaces = (
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "sh",
            "-euc",
            ENTER,
            "sh",
        )
        self.process = subprocess.Popen(
            [*spaces, *about["Env"], *names, *about["Entrypoint"]],
            env=os.environ
            | {"FILES": FILES.resolve(), "DATA": data, "TOKEN": TOKEN, "USER": about["User"]},
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:  # it does not end the bot, which has another user
            os.kill(self.bot, signal.SIGKILL)
        self.process.wait(10)

    @property
    def bot(self):
        """The process id of the bot."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(path.read_text())

    def run(self, script):
        """The exit code of a line of shell inside."""
        enter = ("nsenter", "-t", str(self.bot), "--mount", "--pid", "--root", "--wd")
        return subprocess.run([*enter, "sh", "-c", script], env=BARE, check=False).returncode

    def is_healthy(self):
        return self.run(self.health) == 0

    def age(self):
        """Let its last sign of life be ten minutes old."""
        self.run("touch -d '10 minutes ago' /tmp/heartbeat")


@pytest.fixture
def settings(house):
    home = house(library(5), start=False, api_key=API_KEY)
    mine = {"TELEGRAM_TOKEN", "DATABASE_PATH"}
    return home, {
        name: value
        for name, value in home.environ.items()
        if name.removeprefix("STASHBOT_") not in mine
    } | {"WATCHDOG_USEC": "2000000"}


@needs("root, and the image that .ci/run builds", ABOUT.exists() and os.geteuid() == 0)
def test_container(settings, tmp_path):
    """It serves, tells a living bot from a stuck one, and has its history after a restart."""
    home, environ = settings
    data = tmp_path / "data"
    data.mkdir()
    shutil.chown(data, 10001, 10001)
    with Container(data, environ) as container:
        home.ask()

        assert container.is_healthy()
        assert container.run("touch /opt/stashbot/x") != 0
        assert Path(f"/proc/{container.bot}").stat().st_uid == 10001

        [line] = documented("docker exec stashbot ")
        save = line.removeprefix("docker exec stashbot ").replace(">", ">/tmp/")
        container.run("export $(tr '\\0' '\\n' </proc/1/environ); cd /opt/stashbot; " + save)

        assert container.run("head -c 15 /tmp/stashbot.db | grep -q 'SQLite format 3'") == 0

        container.age()
        wait_until(container.is_healthy, "a sign of life")
        os.kill(container.bot, signal.SIGSTOP)
        container.age()

        assert not container.is_healthy()

        os.kill(container.bot, signal.SIGCONT)
        os.kill(container.bot, signal.SIGTERM)

        assert container.process.wait(10) == 0

    with Container(data, environ):
        home.say("/stats")

        assert "1 in all\n" in home.wait_for_text("Pictures in this chat")
