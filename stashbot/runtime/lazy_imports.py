"""Keeps libraries from loading large packages that the bot does not need.

telebot looks for Pillow, which the bot does not use. requests loads a package that guesses the
encoding of texts (4 MiB), while the bot reads JSON and bytes alone. structlog looks for
greenlets, which the bot does not use. structlog and tenacity load asyncio for functions that the
bot does not call. Import this module before these libraries: each looks only once.
"""

from __future__ import annotations

import sys
import warnings
from types import ModuleType

_HIDDEN = [
    name for name in ("PIL", "charset_normalizer", "chardet", "greenlet") if name not in sys.modules
]

_EMPTY = [name for name in ("asyncio",) if name not in sys.modules]

for _name in _HIDDEN:
    sys.modules[_name] = None  # type: ignore[assignment]  # so that an import of it fails
for _name in _EMPTY:
    sys.modules[_name] = ModuleType(_name)
try:
    with warnings.catch_warnings(action="ignore", category=Warning):
        import structlog  # noqa: F401
        import telebot.service_utils  # noqa: F401
        import tenacity  # noqa: F401
finally:
    for _name in (*_HIDDEN, *_EMPTY):
        del sys.modules[_name]
