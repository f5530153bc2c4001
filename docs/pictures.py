"""Make docs/demo.png, the picture in README, from the chat page of the demo.

Two phones side by side, with two pixels for each of CSS: light with a vote, and dark with the
menu unfolded. Run it as `.venv/bin/python docs/pictures.py`; it needs Chromium. The pictures are
random: run it again for others.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

import pyvips
from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(__file__).parent
WIDTH = 390
SCALE = 2
GAP = 56  # pixels around each phone
BACK = [236, 234, 246]
#: The height at which nothing in the chat is cut.
HEIGHT = """() => {
  const log = document.querySelector("#log");
  return innerHeight - log.clientHeight + log.lastChild.getBoundingClientRect().bottom
    - log.firstChild.getBoundingClientRect().top + 32;
}"""


def main() -> None:
    with _demo() as address, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=which("chromium"))
        phones = [_voted(chromium, address), _unfolded(chromium, f"{address}#1")]
        height = max(round(phone.evaluate(HEIGHT)) for phone in phones)
        for phone in phones:
            phone.set_viewport_size({"width": WIDTH, "height": height})
        shots = [pyvips.Image.pngload_buffer(phone.screenshot())[:3] for phone in phones]
        chromium.close()
    row = pyvips.Image.arrayjoin(shots, shim=GAP, background=BACK)
    both = row.embed(
        GAP, GAP, row.width + 2 * GAP, row.height + 2 * GAP, extend="background", background=BACK
    )
    even = (both / 4).floor() * 4 + 3  # the last two bits are hardly seen, and half of the file
    even.cast("uchar").pngsave(str(FOLDER / "demo.png"), compression=9, filter="none", keep="none")


@contextmanager
def _demo() -> Iterator[str]:
    """Run the demo. Yields its address."""
    command = [sys.executable, FOLDER.parent / "stashbot.py", "demo", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield re.search(r"http://[\d.:]+", process.stdout.readline())[0]
        finally:
            process.send_signal(signal.SIGINT)


def _voted(chromium: Browser, address: str) -> Page:
    page = _opened(chromium, address, "light", "/random beach")
    page.get_by_role("button", name="👍").click()
    page.get_by_role("button", name="👍 ✓").wait_for()
    page.get_by_role("button", name="➡️").nth(1).wait_for()
    return _loaded(page)


def _unfolded(chromium: Browser, address: str) -> Page:
    page = _opened(chromium, address, "dark", "/random cat")
    page.get_by_role("button", name="⋯").click()
    page.get_by_role("button", name="←").wait_for()
    return _loaded(page)


def _opened(chromium: Browser, address: str, scheme: str, text: str) -> Page:
    """The page of a user who has said this and got a picture."""
    page = chromium.new_page(
        viewport={"width": WIDTH, "height": 800},
        color_scheme=scheme,
        locale="en-GB",
        device_scale_factor=SCALE,
        reduced_motion="reduce",
    )
    page.goto(address)
    page.get_by_role("textbox").fill(text)
    page.get_by_role("textbox").press("Enter")
    page.get_by_role("button", name="⋯").wait_for()
    return page


def _loaded(page: Page) -> Page:
    """The page with all pictures loaded, and without a note."""
    page.wait_for_function(
        "[...document.querySelectorAll('#log img')].every(each => each.complete)"
    )
    page.locator(".toast.shown").wait_for(state="detached")
    return page


if __name__ == "__main__":
    main()
