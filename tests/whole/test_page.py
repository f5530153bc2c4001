"""The demo in a real browser."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest

from stashbot.messages.catalogue import TEXTS
from tests.conftest import needs

CHROMIUM = which("chromium") or ""
STASHBOT = Path(__file__).parents[2] / "stashbot.py"
#: A browser without requests of its own to the internet.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]
PHONE = {"width": 360, "height": 740}

pytestmark = needs("Chromium", CHROMIUM)


@pytest.fixture
def demo():
    """The address of a demo in its own process, with an empty chat."""
    environ = {name: value for name, value in os.environ.items() if "STASHBOT" not in name}
    process = subprocess.Popen(
        [sys.executable, STASHBOT, "demo", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environ,
    )
    with process:
        yield re.search(r"http://[\d.:]+", process.stdout.readline())[0]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, demo):
    """The chat page; checks at the end that it logged no error and loaded nothing else."""
    opened = open_page(browser, demo)
    yield opened
    assert opened.troubles == []
    opened.context.close()


def open_page(browser, address, locale="en-GB", **options):
    opened = browser.new_context(locale=locale, **options).new_page()
    opened.troubles = []
    opened.on("console", lambda message: opened.troubles.append(message.text))
    opened.on("pageerror", lambda error: opened.troubles.append(str(error)))
    opened.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((address, "blob:", "data:"))
            else opened.troubles.append(request.url)
        ),
    )
    opened.goto(address)
    return opened


def pictures(page, count):
    """Wait for `count` pictures in the chat; returns their addresses."""
    images = page.get_by_role("log").locator("article img")
    images.nth(count - 1).wait_for()
    return images.evaluate_all("all => all.map(image => image.src)")


def send(page, text):
    page.get_by_label("Message", exact=True).fill(text)
    page.get_by_label("Message", exact=True).press("Enter")


def test_random_and_next(page):
    send(page, "/random")
    [first] = pictures(page, 1)
    bubble = page.get_by_role("log").locator("article").last

    bubble.get_by_role("button", name="➡️").click()

    assert "⭐" in bubble.inner_text() or "🏷" in bubble.inner_text()
    assert len({first, *pictures(page, 2)}) == 2


def test_key_of_the_reply_keyboard(page):
    send(page, "/start")

    page.get_by_role("button", name="🎲 Random picture").click()

    assert len(pictures(page, 1)) == 1
    assert "Tap 🎲 for one" in page.get_by_role("log").inner_text()


def test_album_shares_bubbles(page):
    send(page, "/random 4")
    pictures(page, 4)
    bubbles = page.get_by_role("log").locator("article").filter(has=page.locator("img"))

    assert bubbles.count() < 4


def test_add_and_remove_a_schedule(page):
    log = page.get_by_role("log")

    send(page, "/schedule every 5 minutes")
    log.get_by_text("✅ Every 5 minutes. First: today").wait_for()
    bubble = log.locator("article").last
    bubble.get_by_role("button", name="All").click()
    bubble.get_by_role("button", name="Every 5 minutes").wait_for()
    listed = bubble.inner_text()
    bubble.get_by_role("button", name="Every 5 minutes").click()
    bubble.get_by_role("button").wait_for(state="detached")

    assert "1. Every day at 9:00 ×3 – from my settings file" in listed
    moment = r"(today|tomorrow) at \d\d:\d[05] \(in \d\smin\)"
    assert re.search(rf"2\. Every 5 minutes\s+⏰ {moment}", listed)
    assert "Removed: Every 5 minutes." in bubble.inner_text()
    assert "1. Every day at 9:00 ×3" in bubble.inner_text()


def test_send_button(page):
    page.get_by_label("Message", exact=True).fill("good morning")
    page.get_by_role("button", name="Send", exact=True).click()

    page.get_by_role("log").get_by_text("I don't chat, I send pictures").wait_for()

    assert page.get_by_label("Message", exact=True).input_value() == ""


def test_reload_keeps_the_chat(page):
    send(page, "/random")
    pictures(page, 1)
    send(page, "/random")
    before = pictures(page, 2)

    page.reload()

    assert pictures(page, 2) == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_width_and_colours_on_a_phone(browser, demo, scheme):
    page = open_page(browser, demo, viewport=PHONE, color_scheme=scheme)
    send(page, "/random 3")
    pictures(page, 3)
    colour = page.get_by_role("textbox").evaluate("box => getComputedStyle(box).color")
    ink = sum(map(int, re.findall(r"\d+", colour)[:3]))

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.get_by_label("Message", exact=True).is_visible()
    assert (ink > 3 * 128) == (scheme == "dark")
    page.context.close()


def test_focus_and_enter_without_a_mouse(page):
    send(page, "/random")
    pictures(page, 1)
    page.get_by_role("log").get_by_role("button", name="➡️").focus()

    page.keyboard.press("Enter")

    assert len(pictures(page, 2)) == 2


def test_new_picture_during_smooth_scrolling_is_shown_in_full(page):
    for count in range(1, 5):
        send(page, "/help")
        page.get_by_role("log").get_by_text("/stats –").nth(count - 1).wait_for()
    log = page.get_by_role("log")
    page.wait_for_timeout(700)  # of smooth scrolling
    log.evaluate("log => log.scrollTo(0, 0)")
    send(page, "/random")
    pictures(page, 1)
    page.wait_for_timeout(1500)

    assert log.evaluate("log => log.scrollHeight - log.scrollTop - log.clientHeight") < 2
    assert page.get_by_role("button", name="Scroll to the newest").is_hidden()


def test_new_picture_while_scrolled_up_does_not_scroll(page):
    send(page, "/help")
    send(page, "/random")
    pictures(page, 1)
    log = page.get_by_role("log")
    page.wait_for_timeout(700)  # of smooth scrolling
    log.get_by_role("button", name="➡️").evaluate(
        "key => { key.click(); key.closest('[role=log]').scrollTo(0, 0); }"
    )
    pictures(page, 2)

    assert log.evaluate("log => log.scrollTop") == 0
    assert page.get_by_role("button", name="Scroll to the newest").inner_text() == "1"


@pytest.mark.parametrize("width", [1280, 390])
def test_menu_hides_and_brings_back(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    log = page.get_by_role("log")
    send(page, "/random")
    pictures(page, 1)
    first = log.locator("article").filter(has=page.locator(".buttons")).first

    first.get_by_role("button", name="👎").click()
    first.get_by_role("button", name="👎 ✓").wait_for()
    pictures(page, 2)  # the next one
    first.get_by_role("button", name="🚫 Hide…").click()
    first.get_by_role("button", name="🚫 Hide this picture").click()
    first.get_by_role("button", name="↩️ Bring this picture back").wait_for()
    first.get_by_role("button", name="👎 ✓").click()
    first.get_by_role("button", name="👎 ✓").wait_for(state="detached")
    first.get_by_role("button", name="←").click()
    first.get_by_role("button", name="⋯").wait_for()
    send(page, "/excluded")
    log.get_by_text("Hidden in this chat. Tap one").wait_for()
    listed = log.locator("article").last
    listed.get_by_role("button", name=re.compile("↩️")).click()
    log.get_by_text("Nothing is hidden in this chat.").wait_for()

    labels = first.locator(".buttons").get_by_role("button").all_inner_texts()
    assert labels == ["👍", "👎", "➡️", "⋯"]


@pytest.mark.parametrize("width", [1280, 390])
def test_menu_rates_and_tells(page, width):
    """No label wraps, of the menu and of its answers."""
    page.set_viewport_size({"width": width, "height": 800})
    log = page.get_by_role("log")
    send(page, "/random")
    pictures(page, 1)
    picture = log.locator("article").filter(has=page.locator(".buttons")).first
    picture.get_by_role("button", name="⋯").click()
    picture.get_by_role("button", name="⭐ 4").click()
    picture.get_by_role("button", name="⭐ 4 ✓").wait_for()
    picture.get_by_text("⭐ 4/5").wait_for()
    picture.get_by_role("button", name="ⓘ").click()
    log.get_by_text("In the library since").wait_for()
    picture.get_by_role("button", name="❓").click()
    log.get_by_role("button", name="more of").first.click()
    log.get_by_role("button", name="✓ more of").wait_for()
    picture.get_by_role("button", name="🔎").click()
    pictures(page, 2)
    heights = log.locator(".buttons :is(button, a)").evaluate_all(
        "nodes => nodes.map(node => node.getBoundingClientRect().height)"
    )
    picture.get_by_role("button", name="⭐ 4 ✓").click()
    picture.get_by_role("button", name="⭐ 4", exact=True).wait_for()
    picture.get_by_role("button", name="←").click()
    picture.get_by_role("button", name="⋯").wait_for()

    assert max(heights) < 1.5 * min(heights)


@pytest.mark.parametrize("width", [1280, 390])
def test_buttons_of_an_album(page, width):
    """No label wraps; ➡️ brings as many again, and no vote brings a picture."""
    page.set_viewport_size({"width": width, "height": 800})
    send(page, "/random 3 colour")  # none of those moves: a GIF would go alone
    pictures(page, 3)
    message = page.get_by_role("log").locator("article").filter(has_text="1. ").last
    message.get_by_role("button", name="👍 2").click()
    message.get_by_role("button", name="👍 2 ✓").wait_for()
    message.get_by_role("button", name="👎 3").click()
    message.get_by_role("button", name="👎 3 ✓").wait_for()
    heights = message.locator(".buttons button").evaluate_all(
        "nodes => nodes.map(node => node.getBoundingClientRect().height)"
    )
    message.get_by_role("button", name="➡️ 3").click()

    assert len(pictures(page, 6)) == 6
    assert max(heights) < 1.5 * min(heights)


def test_preferences_are_forgotten_after_two_presses(page):
    log = page.get_by_role("log")
    send(page, "/random")
    pictures(page, 1)
    log.get_by_role("button", name="👍").click()
    pictures(page, 2)
    send(page, "/preferences")
    log.get_by_text("Your taste").wait_for()
    bubble = log.locator("article").last
    learned = bubble.inner_text()

    bubble.get_by_role("button", name="🗑 Forget all of this").click()
    bubble.get_by_role("button", name="Yes, forget").click()
    bubble.get_by_text("Really?").wait_for()
    bubble.get_by_role("button", name="Yes, forget").click()
    log.get_by_text("I have forgotten all votes.").wait_for()

    assert "Liked most" in learned
    assert "👍 1" in learned


def test_statistics_as_a_picture(page):
    log = page.get_by_role("log")
    send(page, "/random")
    pictures(page, 1)
    send(page, "/stats")
    log.get_by_role("button", name="📊").click()
    pictures(page, 2)
    chart = log.locator("article img").last
    chart.evaluate("image => image.decode()")

    assert chart.evaluate("image => image.naturalWidth") == 1080
    assert "Your pictures at a glance" in log.locator("article").last.inner_text()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_stranger_asks_and_the_owner_allows(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    log, you = page.get_by_role("log"), page.get_by_label("You are:")
    send(page, "/start")
    page.get_by_role("button", name="🎲 Random picture").wait_for()
    you.select_option("Cleo")
    page.get_by_role("button", name="Start").click()
    log.get_by_text("I have asked its owner").wait_for()
    you.select_option("Ann")
    log.get_by_text("👤 Cleo").wait_for()
    log.get_by_role("button", name="✅ Allow").click()
    log.get_by_text("✅ Let in.").wait_for()
    you.select_option("Cleo")
    page.get_by_role("button", name="🎲 Random picture").click()
    pictures(page, 1)
    page.reload()
    pictures(page, 1)
    you.select_option("Ben, Friends")
    send(page, "/random")
    pictures(page, 1)
    you.select_option("Ann, Friends")
    log.get_by_text("Ben", exact=True).wait_for()

    assert len(pictures(page, 1)) == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [1280, 390])
def test_settings_and_purge(page, width):
    """No label wraps; the pictures leave the page, and the user's messages stay."""
    page.set_viewport_size({"width": width, "height": 800})
    log = page.get_by_role("log")
    send(page, "/settings")
    log.get_by_text("The settings of this chat.").wait_for()
    settings = log.locator("article").last
    heights = settings.locator(".buttons button").evaluate_all(
        "nodes => nodes.map(node => node.getBoundingClientRect().height)"
    )
    settings.get_by_role("button", name="Time zone").click()
    settings.get_by_role("button", name="Tokyo").click()
    settings.get_by_role("button", name="Time zone: Asia/Tokyo").wait_for()
    send(page, "/random 3")
    pictures(page, 3)
    send(page, "/purge")
    log.get_by_text("Shall I delete my pictures").wait_for()
    question = log.locator("article").last
    question.get_by_role("button", name="Yes, delete").click()
    question.get_by_text("Really?").wait_for()
    question.get_by_role("button", name="Yes, delete").click()
    question.get_by_text("Done, my pictures from the last 48 hours are gone.").wait_for()

    assert max(heights) < 1.5 * min(heights)
    assert log.locator("article img").count() == 0
    assert log.get_by_text("/random 3").is_visible()


def test_note_above_all_buttons(page):
    page.set_viewport_size(PHONE)
    send(page, "/random")
    pictures(page, 1)
    page.emulate_media(reduced_motion="reduce")
    page.evaluate("toast('a long note '.repeat(8))")
    top = page.get_by_role("log").bounding_box()["y"]
    note = page.locator(".toast.shown").bounding_box()

    assert note["y"] >= 0
    assert note["y"] + note["height"] <= top


def test_long_label_is_cut_in_one_line(page):
    page.set_viewport_size(PHONE)
    send(page, "/random")
    pictures(page, 1)
    key = page.get_by_role("log").get_by_role("button", name="⋯")
    height = key.bounding_box()["height"]
    key.evaluate("key => { key.textContent = 'A name of many words '.repeat(5); }")

    wide = page.get_by_role("log").get_by_role("button", name="A name")
    assert wide.bounding_box()["height"] == height
    assert wide.evaluate("key => getComputedStyle(key).textOverflow") == "ellipsis"


def test_picture_takes_its_room_before_it_is_there(page):
    held = []

    def hold(route):
        held.append(route)

    page.route("**/page/files/*", hold)
    send(page, "/random")
    pictures(page, 1)
    article = page.get_by_role("log").locator("article").last
    empty = article.bounding_box()

    for route in held:
        route.continue_()
    article.locator("img").evaluate("image => image.decode()")

    assert article.bounding_box()["height"] == pytest.approx(empty["height"])


def test_focus_ring_with_the_keyboard_only(page):
    ring = "node => getComputedStyle(node).outlineStyle"
    send(page, "/random")
    pictures(page, 1)
    box = page.get_by_label("Message", exact=True)
    key = page.get_by_role("log").get_by_role("button", name="⋯")
    box.click()
    plain = box.evaluate(ring)
    key.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")

    assert plain == "none"
    assert key.evaluate(ring) == "solid"


def test_formatted_text(page):
    html = page.evaluate(
        r"""() => {
          const kinds = ["bold", "code", "spoiler", "expandable_blockquote"];
          const entities = kinds.map((type, n) => ({ type, offset: 2 * n, length: 1 }));
          const box = document.createElement("div");
          box.append(...format("a b c d\ne", entities));
          return box.innerHTML;
        }"""
    )

    assert re.sub(r' (class=""|role\S+|tabindex\S+|aria-label="[^"]*")', "", html) == (
        '<b>a</b> <code>b</code> <span class="cover"><span>c</span></span>'
        ' <blockquote class="long">d</blockquote>e'
    )


@pytest.fixture(params=["en-GB", "ru-RU"])
def talk(request, browser, demo):
    """The page in each language, and the bot's sentences in it."""
    page, texts = open_page(browser, demo, request.param), TEXTS[request.param[:2]]
    type_in(page, "/start")
    page.get_by_role("button", name=texts("button.random")).wait_for()
    yield page, texts
    assert page.troubles == []
    page.context.close()


def test_below_the_name_stands_bot(talk):
    page, texts = talk

    page.locator(".status").get_by_text("бот" if texts.language == "ru" else "bot").wait_for()


def type_in(page, text):
    page.get_by_role("textbox").fill(text)
    page.get_by_role("textbox").press("Enter")


def first_lines(page, count):
    """Wait for `count` captions; returns the first line of each."""
    pictures = page.get_by_role("log").locator("article").filter(has=page.get_by_text("➡️"))
    pictures.nth(count - 1).wait_for()
    return [text.partition("\n")[0] for text in pictures.locator(".text").all_inner_texts()]


def test_pictures_from_a_tag_until_the_dice(talk):
    page, texts = talk
    following = page.get_by_role("log").get_by_role("button", name="➡️")

    type_in(page, "/random пляж" if texts.language == "ru" else "/random beach")
    for count in (1, 2):
        first_lines(page, count)
        following.last.click()
    first_lines(page, 3)
    page.get_by_role("button", name=texts("button.random")).click()
    *from_tag, last = first_lines(page, 4)

    assert from_tag == ["🏷 beach"] * 3
    assert last != "🏷 beach"


def test_a_saved_filter_is_tried_and_pinned(talk):
    page, texts = talk
    log = page.get_by_role("log")

    type_in(page, "/filters")
    log.get_by_role("button", name="🔖 Закаты").click()
    tried = first_lines(page, 1)
    log.locator("[data-data='pin:3']").click()
    log.get_by_text(texts("filters.pinned", name="🔖 Закаты")).wait_for()
    log.get_by_role("button", name="📌 ✓").wait_for()
    type_in(page, "/random")

    assert tried == ["🔖 Закаты"]
    assert first_lines(page, 2) == ["🔖 Закаты"] * 2


@pytest.mark.parametrize(("misspelt", "name"), [("baech", "🏷 beach"), ("закты", "🔖 Закаты")])
def test_the_name_offered_for_a_misspelt_one(talk, misspelt, name):
    page, texts = talk
    log = page.get_by_role("log")

    type_in(page, f"/random {misspelt}")
    log.get_by_text(texts("source.options_unknown")).wait_for()
    log.get_by_role("button", name=name).click()

    assert first_lines(page, 1) == [name]


def test_a_schedule_from_a_tag(talk):
    page, texts = talk
    words = "ежедневно 09:00 из пляж" if texts.language == "ru" else "daily 09:00 from beach"

    type_in(page, f"/schedule {words}")
    added = page.get_by_role("log").locator("article").filter(has_text="✅")

    assert re.search(r"✅ \w+ \w+ \w+ 9:00 🏷 beach\. ", added.inner_text())
    assert added.get_by_role("button", name=texts("schedule.undo")).is_visible()


def test_the_list_of_commands_reaches_the_last(talk):
    page, texts = talk
    menu = page.get_by_role("listbox")

    page.locator("#commands").click()
    last = menu.get_by_text(texts("command.help"))
    last.scroll_into_view_if_needed()

    assert last.is_visible()
    assert menu.bounding_box()["y"] > 0
