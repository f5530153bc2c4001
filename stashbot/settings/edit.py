"""Changes single values in the text of settings.toml; comments and all other lines stay."""

from __future__ import annotations

import json
import re
import tomllib
from copy import deepcopy
from typing import Any


def value_of(document: dict[str, Any], name: str) -> str:
    """Return the text of a key such as `stash.url`; empty if the document has none."""
    section, option = name.split(".")
    table = document.get(section)
    return str(table.get(option, "")) if isinstance(table, dict) else ""


def with_value(text: str, name: str, value: str) -> str:
    """Return the text of settings.toml with this value of a key such as `stash.url`.

    Raises ValueError if the text is no TOML, or has the key in a form that is not known here.
    """
    document = tomllib.loads(text)
    if value_of(document, name) == value:
        return text
    section, option = name.split(".")
    # The escapes of a JSON string are escapes of TOML too.
    line = f"{option} = {json.dumps(value, ensure_ascii=False)}\n"
    if section not in document:
        changed = f"{text.rstrip()}\n\n[{section}]\n{line}".lstrip()
    else:
        header = rf"^[ \t]*\[[ \t]*{section}[ \t]*\][^\n]*(?:\n|\Z)"
        before, heading, body = re.split(f"({header})", text, maxsplit=1, flags=re.MULTILINE)
        table, *rest = re.split(r"(?m)^(?=[ \t]*\[)", body, maxsplit=1)
        old = rf"(?m)^[ \t]*{option}[ \t]*=[^\n]*(?:\n|\Z)"
        table, count = re.subn(old, lambda _: line, table)
        changed = "".join([before, heading, "" if count else line, table, *rest])
    _check(changed, document, section, option, value)
    return changed


def _check(changed: str, document: dict[str, Any], section: str, option: str, value: str) -> None:
    """Raise ValueError if more or less than one value has changed."""
    wanted = deepcopy(document)
    wanted.setdefault(section, {})[option] = value
    if tomllib.loads(changed) != wanted:
        raise ValueError(f"{section}.{option} is written in an unusual way")
