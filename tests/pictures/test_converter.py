"""The child process that converts pictures: its limits, its end, and those who wait for it."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
import structlog
from PIL import Image as Pixels

from stashbot.errors import Interrupted
from stashbot.pictures import converter as module
from stashbot.pictures.child.conversion import ADDRESS_SPACE
from stashbot.pictures.converter import ConversionFailed, Converter, Drawer
from stashbot.pictures.files import TemporaryFiles
from tests.pictures.awkward import awkward, saved
from tests.whole.program import children, wait_until

SECRET = "4242:a-token-of-the-tests"


@pytest.fixture
def files(tmp_path):
    return TemporaryFiles(tmp_path)


@pytest.fixture
def converter(files):
    converter = Converter(files)
    yield converter
    converter.close()


@pytest.fixture
def convert(converter, tmp_path):
    """A function that converts a file; returns the answer."""

    def convert(data, *, pixels=10_000, max_side=100):
        source = tmp_path / f"source-{threading.get_ident()}"
        source.write_bytes(data)
        target = source.with_suffix(".out")
        options = {"max_side": max_side, "pixels": pixels, "orientation": 0}
        return converter.convert(7, source, target, **options)

    return convert


def the_child(parent=None):
    wait_until(lambda: children(parent), "a child runs")
    return children(parent)[0]


@pytest.fixture
def hang(converter, tmp_path):
    """A function that converts a pipe without a writer: the child waits for it until it ends."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    options = {"max_side": 100, "pixels": 10_000, "orientation": 0}
    return lambda: converter.convert(7, pipe, tmp_path / "never", **options)


@cache
def large_png():
    """A PNG that takes some tenths of a second."""
    return saved(Pixels.new("L", (9000, 9000), 90), "PNG", compress_level=1)


@contextmanager
def background(call):
    """Run a call in a thread; gives a list for its result or error."""
    outcome = []

    def run():
        try:
            outcome.append(call())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield outcome
    finally:
        thread.join(30)
        assert not thread.is_alive()


def test_one_child_serves_one_job_after_the_other(convert):
    answers = [convert(awkward("png with alpha")) for _ in range(3)]

    assert [answer["form"] for answer in answers] == ["photo"] * 3
    assert len(children()) == 1


def test_the_limits_of_the_child(convert, tmp_path, monkeypatch):
    monkeypatch.setenv("STASHBOT_TELEGRAM_TOKEN", SECRET)
    with (tmp_path / "open").open("w"):
        convert(awkward("png with alpha"))
        process = Path("/proc", str(the_child()))

    limits = (process / "limits").read_text()
    for name, limit in (("address space", ADDRESS_SPACE), ("core file size", 0)):
        [line] = [line for line in limits.splitlines() if f"Max {name}" in line]
        assert line.split()[-2] == line.split()[-3] == str(limit)
    assert (process / "oom_score_adj").read_text().strip() == "1000"
    assert SECRET.encode() not in (process / "environ").read_bytes()
    assert (process / "cwd").readlink().parent == tmp_path
    opened = [str(each.readlink()) for each in (process / "fd").iterdir()]
    assert all(each.startswith(("pipe:", "/dev/null", "anon_inode:")) for each in opened), opened


def test_what_libraries_print_is_no_answer(convert):
    convert(awkward("png with alpha"))

    printed = Path("/proc", str(the_child()), "fd", "1")
    assert str(printed.readlink()) == "/dev/null"


def test_unsafe_loaders_are_blocked(convert):
    with pytest.raises(ConversionFailed):
        convert(b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')


def test_a_child_that_rested_is_gone_and_another_starts(convert, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "REST_S", 0.3)
    convert(awkward("png with alpha"))
    wait_until(lambda: not children(), "the child has ended")
    wait_until(lambda: not list(tmp_path.glob("work-*")), "its folder is removed")

    assert convert(awkward("png with alpha"))["form"] == "photo"


def test_a_child_that_is_killed_by_chance_costs_nothing(convert, tmp_path):
    convert(awkward("png with alpha"))
    child = the_child()
    os.kill(child, signal.SIGSTOP)  # so that it does not end the job before
    with (
        structlog.testing.capture_logs() as entries,
        background(lambda: convert(awkward("png with alpha"))) as outcome,
    ):
        wait_until(lambda: list(tmp_path.glob("converting-*")), "a job is under way")
        os.kill(child, signal.SIGKILL)

    assert outcome[0]["form"] == "photo"
    assert [each["event"] for each in entries] == ["converter_died"]


def test_a_picture_that_kills_two_children_is_not_converted(convert, hang):
    with background(hang) as outcome:
        killed = set()
        while not outcome:
            for child in set(children()) - killed:
                killed.add(child)
                os.kill(child, signal.SIGKILL)
            time.sleep(0.01)

    assert len(killed) == 2
    assert isinstance(outcome[0], ConversionFailed)
    assert convert(awkward("png with alpha"))["form"] == "photo"


def test_a_child_that_hangs_is_killed_at_the_deadline(convert, monkeypatch):
    convert(awkward("png with alpha"))
    monkeypatch.setattr(module, "DEADLINE_S", 1.0)
    hanging = the_child()
    os.kill(hanging, signal.SIGSTOP)

    with pytest.raises(ConversionFailed, match="too long"):
        convert(awkward("png with alpha"))

    monkeypatch.undo()
    with structlog.testing.capture_logs() as entries:
        assert convert(awkward("png with alpha"))["form"] == "photo"
    assert not entries  # the next picture has both its tries
    assert hanging not in children()


@pytest.mark.parametrize("pixels", [0, 50_000_000], ids=["of unknown size", "large"])
def test_nobody_waits_for_a_picture_that_hangs(converter, convert, pixels):
    convert(awkward("png with alpha"))
    hanging = the_child()
    os.kill(hanging, signal.SIGSTOP)
    with background(lambda: convert(awkward("png with alpha"), pixels=pixels)) as outcome:
        wait_until(lambda: converter._running, "a job is under way")
        convert(awkward("grey png with alpha"))
        still_hangs = not outcome
        os.kill(hanging, signal.SIGKILL)

    assert still_hangs
    assert outcome[0]["form"] == "photo"


@pytest.mark.parametrize(("pixels", "most"), [(10_000, 2), (50_000_000, 1)])
def test_small_pictures_are_converted_side_by_side(converter, convert, monkeypatch, pixels, most):
    monkeypatch.setattr(converter, "_has_two_cores", True)
    monkeypatch.setattr(module, "LONG_S", 60.0)
    data = large_png()
    with (
        background(lambda: convert(data, pixels=pixels)),
        background(lambda: convert(data, pixels=pixels)) as outcome,
    ):
        at_once = 0
        while not outcome:
            at_once = max(at_once, len(converter._running))
            time.sleep(0.01)

    assert at_once == most


def test_the_end_of_the_bot_cuts_a_job_short(converter, convert, tmp_path):
    convert(awkward("png with alpha"))
    os.kill(the_child(), signal.SIGSTOP)  # so that it does not end the job before
    with background(lambda: convert(awkward("png with alpha"))) as outcome:
        wait_until(lambda: list(tmp_path.glob("converting-*")), "a job is under way")
        began = time.monotonic()
        converter.close()
        wait_until(lambda: outcome, "it has ended")

    assert isinstance(outcome[0], Interrupted)
    assert time.monotonic() - began < 5


def test_the_child_dies_with_the_bot(tmp_path):
    code = """
import sys, time
from pathlib import Path
from stashbot.pictures.converter import Converter
from stashbot.pictures.files import TemporaryFiles
files = TemporaryFiles(Path(sys.argv[1]))
source = Path(sys.argv[1], "source")
Converter(files).convert(7, source, source, max_side=9, pixels=9, orientation=1)
"""
    os.mkfifo(tmp_path / "source")  # without a writer: the job never ends
    bot = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    child = the_child(bot.pid)
    bot.kill()
    bot.wait()

    wait_until(lambda: not Path("/proc", str(child)).exists() or is_zombie(child), "it is gone")
    left = TemporaryFiles(tmp_path)
    left.remove()  # it holds what the last process left, until that is known
    assert left.interrupted() == {7}
    left.empty()
    assert list(tmp_path.iterdir()) == []


def is_zombie(process):
    return " Z " in Path("/proc", str(process), "stat").read_text()


SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="60">'
    '<rect width="90" height="60" fill="{}"/></svg>'
)


@pytest.fixture
def drawer(files):
    drawer = Drawer(files)
    yield drawer
    drawer.close()


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "gif"])
def test_our_own_svg_is_drawn(drawer, form):
    data = drawer.draw([SVG.format("red"), SVG.format("blue")][: 2 if form == "gif" else 1], form)

    picture = Pixels.open(io.BytesIO(data))
    assert (picture.format, picture.size) == (form.upper(), (90, 60))
    assert getattr(picture, "n_frames", 1) == (2 if form == "gif" else 1)
    assert picture.convert("RGB").getpixel((9, 9))[0] > 200


def test_the_drawing_child_reads_nothing_but_svg(drawer, tmp_path):
    (tmp_path / "a.png").write_bytes(awkward("png"))
    link = f'<image href="file://{tmp_path}/a.png" width="9" height="9"/></svg>'

    with pytest.raises(OSError, match=r"SVG|svg"):
        drawer.draw([awkward("png").decode("latin-1")], "png")
    drawn = drawer.draw([SVG.format("red").replace("</svg>", link)], "png")
    assert Pixels.open(io.BytesIO(drawn)).convert("RGB").getpixel((4, 4)) == (255, 0, 0)


#: Where fontconfig looks for fonts: nowhere.
NO_FONTS = '<?xml version="1.0"?><fontconfig></fontconfig>'


def test_letters_are_missed_without_fonts(files, drawer, tmp_path, monkeypatch):
    has_letters = drawer.has_letters()
    (tmp_path / "fonts.conf").write_text(NO_FONTS, "ascii")
    monkeypatch.setenv("FONTCONFIG_FILE", str(tmp_path / "fonts.conf"))
    bare = Drawer(files)

    assert has_letters
    assert not bare.has_letters()
    bare.close()


def test_a_child_without_its_libraries_says_why(convert, monkeypatch):
    monkeypatch.setattr(module, "_PROGRAM", "raise ImportError('no libvips here') # {}")

    with structlog.testing.capture_logs() as entries, pytest.raises(ConversionFailed):
        convert(awkward("png with alpha"))

    assert [each["event"] for each in entries] == ["converter_died"] * 2
    assert entries[0]["error"] == "it ended with 1 ImportError: no libvips here"
