"""
A machine of its own for a test: a real systemd as the first process of new namespaces.

It lives on a throw-away layer over this machine's file system, and shares its loopback
with it, so that the stand-ins of the test can be reached. Needs root.
"""

import itertools
import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import needs

ROOT = Path(__file__).parents[2]
TOOLS = ("unshare", "nsenter", "setpriv", "pivot_root", "systemctl", "dbus-daemon")
SYSTEMD = Path("/lib/systemd/systemd")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

#: The script of the first process, before it becomes systemd. $LAYER is a folder of this
#: machine, $ROOT, $PYTHON and $PACKAGES have the program.
BOOT = r"""
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t tmpfs none "$LAYER"
mkdir "$LAYER/upper" "$LAYER/work" "$LAYER/root"
new=$LAYER/root
mount -t overlay none -o "lowerdir=/,upperdir=$LAYER/upper,workdir=$LAYER/work" "$new"
mount -t proc -o nosuid,nodev,noexec none "$new/proc"
# Or its systemd-sysctl would change the settings of the machine around it.
for file in sys sysrq-trigger; do
    [ -e "$new/proc/$file" ] || continue
    mount --bind "$new/proc/$file" "$new/proc/$file"
    mount -o remount,bind,ro "$new/proc/$file"
done
mount -t sysfs -o ro,nosuid,nodev,noexec none "$new/sys"
mount -t cgroup2 -o nosuid,nodev,noexec none "$new/sys/fs/cgroup"
mount -t tmpfs -o mode=755,nosuid none "$new/dev"
for name in null zero full random urandom tty; do
    touch "$new/dev/$name"
    mount --bind "/dev/$name" "$new/dev/$name"
done
mkdir "$new/dev/pts" "$new/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 none "$new/dev/pts"
ln -s pts/ptmx "$new/dev/ptmx"
ln -s /proc/self/fd "$new/dev/fd"
for name in dev/shm tmp; do mount -t tmpfs -o mode=1777 none "$new/$name"; done
mount -t tmpfs -o mode=755,nosuid,nodev none "$new/run"
mkdir -p "$new/srv/source" "$new/srv/python" "$new/srv/packages" "$new/old"
for pair in "$ROOT source" "$PYTHON python" "$PACKAGES packages"; do
    mount --bind "${pair% *}" "$new/srv/${pair#* }"
    mount -o remount,bind,ro "$new/srv/${pair#* }"
done
cd "$new"
pivot_root . old
# With private propagation the credentials of a service would stay empty.
exec env -i container=test PATH=$PATH sh -c \
    'umount -l /old; mount --make-rshared /; exec /lib/systemd/systemd --unit=basic.target'
"""

_numbers = itertools.count()


def cgroups():
    """Where the unified hierarchy is mounted; None if there is none that can be written."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split()
        if kind == "cgroup2" and "rw" in options.split(","):
            return Path(where)
    return None


def missing():
    """The parts of a machine that are missing here; empty if it can boot."""
    if os.geteuid() != 0:
        return "root"
    tools = [tool for tool in TOOLS if not shutil.which(tool, path=PATH)]
    if not SYSTEMD.exists():
        tools.append("systemd")
    return ", ".join(tools) or ("" if cgroups() else "a cgroup2 that can be written")


class Machine:
    """Boots at once; `run` and `write` act inside, and `close` ends all of it."""

    def __init__(self):
        self._layer = Path(tempfile.mkdtemp(prefix="machine-", dir="/tmp"))
        self._group = cgroups() / f"stashbot-test-{os.getpid()}-{next(_numbers)}"
        self._group.mkdir()
        environ = os.environ | {
            "LAYER": str(self._layer),
            "ROOT": str(ROOT),
            "PYTHON": sys.base_prefix,
            "PACKAGES": sysconfig.get_path("purelib"),
        }
        join = f"echo $$ >{self._group}/cgroup.procs"
        spaces = "--mount --pid --uts --ipc --cgroup --fork --kill-child=KILL --propagation private"
        boot = f"exec setpriv --pdeathsig KILL unshare {spaces} sh -c {shlex.quote(BOOT)}"
        self._outer = subprocess.Popen(
            ["sh", "-c", f"{join}; {boot}"],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self._pid = self.wait_until(self._first_process, "systemd")
            is_running = ("systemctl", "is-system-running")
            self.wait_until(lambda: not self.run(*is_running, check=False)[0], "it")
        except BaseException:
            self.close()
            raise

    def run(self, *command, check=True, given="", timeout=60):
        """Run a command inside: its exit code, and its output on both streams."""
        done = subprocess.run(
            self.inside(*command),
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert not check or done.returncode == 0, (command, done.returncode, done.stdout)
        return done.returncode, done.stdout

    def inside(self, *command):
        """The command that runs a command inside."""
        enter = ["nsenter", "-t", str(self._pid), "--mount", "--pid", "--uts", "--ipc", "--cgroup"]
        return [*enter, "env", "-i", f"PATH={PATH}", "LANG=C.UTF-8", *map(str, command)]

    def write(self, path, text, mode="644"):
        """Put a file into it, whole from the first look on."""
        place, new = shlex.quote(str(path)), shlex.quote(f"{path}.new")
        script = f'mkdir -p "$(dirname {place})"; cat >{new}; chmod {mode} {new}; mv {new} {place}'
        self.run("sh", "-c", script, given=text)

    def show(self, unit):
        _, text = self.run("systemctl", "show", unit)
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def wait_for(self, unit, timeout=15, **wanted):
        """Wait until a unit has these properties; all that it has."""
        return self.wait_until(
            lambda: (has := self.show(unit)) and wanted.items() <= has.items() and has,
            f"{unit} with {wanted}",
            timeout,
        )

    def journal(self, *options):
        """The entries of the journal, each as a dict."""
        self.run("journalctl", "--sync")
        _, text = self.run("journalctl", "-o", "json", "--all", "--no-pager", *options)
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def close(self):
        """End it as a power cut would; nothing of it stays."""
        with suppress(ProcessLookupError):
            os.killpg(self._outer.pid, 9)
        for child in self._children():
            with suppress(ProcessLookupError):
                os.kill(child, 9)
        self._outer.wait(10)
        self._outer.stdout.close()
        deadline = time.monotonic() + 5
        while self._group.exists() and time.monotonic() < deadline:
            folders = [path for path in self._group.rglob("*") if path.is_dir()]
            for folder in [*sorted(folders, reverse=True), self._group]:
                with suppress(OSError):  # not empty yet
                    folder.rmdir()
            time.sleep(0.02)
        shutil.rmtree(self._layer, ignore_errors=True)

    def _children(self):
        with suppress(OSError):
            path = Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children")
            return list(map(int, path.read_text().split()))
        return []

    def _first_process(self):
        names = {pid: Path(f"/proc/{pid}/comm").read_text().strip() for pid in self._children()}
        return next((pid for pid, name in names.items() if name == "systemd"), None)

    def wait_until(self, condition, name, timeout=20):
        """Wait until the condition holds; its value."""
        deadline = time.monotonic() + timeout
        while True:
            with suppress(OSError):
                if found := condition():
                    return found
            if self._outer.poll() is not None:
                raise AssertionError(f"the machine ended: {self._outer.stdout.read().decode()}")
            assert time.monotonic() < deadline, f"not within {timeout} s: {name}"
            time.sleep(0.03)


MISSING = missing()
booted = needs(f"a machine of its own: {MISSING}", not MISSING)


@pytest.fixture
def machine():
    built = Machine()
    yield built
    built.close()
