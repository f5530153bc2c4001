"""The shell of the documents: each line is run by a test that reads it from here.

A line is whole, without `sudo` and without its comment. Inline code is one if it calls a program.
"""

import os
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = sorted([*ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md")])
FILES += [ROOT / "systemd" / "network.conf", ROOT / "settings.toml"]
#: Blocks of code: with ``` around them, or indented, also in a comment.
BLOCK = re.compile(r"(?ms)^```sh\n(.*?)^```|^ {4}(\S[^\n]*)|^# {3}(\S[^\n]*)")
PROGRAMS = {"apt", "docker", "git", "journalctl", "openssl", "podman", "ssh", "stashbot"}
PROGRAMS |= {"python3", "systemctl", ".venv/bin/python"}


def documented(start=""):
    """The lines that begin so, in the order of the documents; at least one."""
    found = [line for line in _lines() if line.startswith(start)]
    assert found, start
    return found


@cache
def _lines():
    found = []
    for file in FILES:
        text = file.read_text("utf-8")
        blocks = map("".join, BLOCK.findall(text))
        found += "\n".join(blocks).replace("\\\n", "").split("\n")
        rest = re.sub(r"(?ms)^```.*?^```", "", text)
        found += filter(_is_shell, re.findall("`([^`]+)`", rest))
    return [*dict.fromkeys(" ".join(_plain(line).split()) for line in found if line)]


def _is_shell(piece):
    first, *more = _plain(piece).split() or [""]
    is_script = "/" in first and (ROOT / first).is_file() and os.access(ROOT / first, os.X_OK)
    return is_script or bool(more and first in PROGRAMS)


def _plain(line):
    return line.partition("  #")[0].replace("sudo ", "")
