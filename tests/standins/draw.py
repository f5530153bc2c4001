"""Draws the demo's pictures as the demo does, in a child process."""

import atexit
import shutil
import tempfile
from pathlib import Path

from stashbot.pictures.converter import Drawer
from stashbot.pictures.files import TemporaryFiles

_folder = Path(tempfile.mkdtemp(prefix="stashbot-drawings-"))
_drawer = Drawer(TemporaryFiles(_folder))
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
atexit.register(_drawer.close)

draw = _drawer.draw
