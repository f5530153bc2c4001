"""Keeps libraries from loading what they may never need, and what weighs much.

telebot looks for Pillow, which waits for the first picture that needs it. requests loads what
guesses the encoding of text (4 MiB), while all that we read is JSON, or bytes. structlog
looks for greenlets, which we have none of. To be imported before anything that imports one
of them, as each looks only once.
"""

from __future__ import annotations

import sys
import warnings

_HIDDEN = [
    name for name in ("PIL", "charset_normalizer", "chardet", "greenlet") if name not in sys.modules
]

for _name in _HIDDEN:
    sys.modules[_name] = None  # type: ignore[assignment]  # so that an import of it fails
try:
    with warnings.catch_warnings(action="ignore", category=Warning):
        import structlog  # noqa: F401
        import telebot.service_utils  # noqa: F401
finally:
    for _name in _HIDDEN:
        del sys.modules[_name]
