"""Single values that the installer changes in the text of settings.toml."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashbot.settings.edit import value_of, with_value
from tests.whole.machine import ROOT

TEMPLATE = (ROOT / "settings.toml").read_text()
PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z")))


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ('[stash]\nurl = "x" # mine\n', '[stash]\nurl = "NEW"\n'),
        ("# bare", '# bare\n\n[stash]\nurl = "NEW"\n'),
        ("", '[stash]\nurl = "NEW"\n'),
        ("[stash]\n[log]\nlevel = 'info'", "[stash]\nurl = \"NEW\"\n[log]\nlevel = 'info'"),
        ("[log]\nurl = 1\n[ stash ]\n", '[log]\nurl = 1\n[ stash ]\nurl = "NEW"\n'),
        ("[stash]\nurl = 'NEW' # same\n", "[stash]\nurl = 'NEW' # same\n"),
        ('[stash]\npublic_url = "x"\n', '[stash]\nurl = "NEW"\npublic_url = "x"\n'),
    ],
    ids=["there", "no table", "empty", "no key", "other table", "same", "like another"],
)
def test_value_in_a_text(text, changed):
    assert with_value(text, "stash.url", "NEW") == changed


@pytest.mark.parametrize(
    "text",
    [
        'stash.url = "x"\n',
        'stash = { url = "x" }\n',
        '[stash]\nurl = """\nx"""\n',
        "[stash\n",
    ],
    ids=["dotted", "inline", "several lines", "no TOML"],
)
def test_text_that_is_left_to_its_owner(text):
    with pytest.raises(ValueError):
        with_value(text, "stash.url", "NEW")


@given(PRINTABLE)
def test_any_value_in_our_own_file(value):
    changed = with_value(TEMPLATE, "stash.url", value)

    assert value_of(tomllib.loads(changed), "stash.url") == value
    assert len(changed.splitlines()) == len(TEMPLATE.splitlines())
