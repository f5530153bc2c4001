"""Keeps telebot from loading Pillow, which is large and may never be needed.

To be imported before anything that imports telebot, as it looks for Pillow only once.
"""

from __future__ import annotations

import sys

if "PIL" not in sys.modules:
    sys.modules["PIL"] = None  # type: ignore[assignment]  # so that an import of it fails
    try:
        import telebot.service_utils  # noqa: F401
    finally:
        del sys.modules["PIL"]
