"""Names on buttons and in texts, with the icons of their kinds. Pure."""

from __future__ import annotations

from ..models import Facet, Feature
from .catalogue import Texts
from .plain_text import cleaned

#: Characters of a name on a button of its own, and in a text.
LONG_NAME = 40
_ICONS = {
    Facet.IMAGE: "🖼",
    Facet.GALLERY: "📁",
    Facet.PERFORMER: "👤",
    Facet.STUDIO: "🎬",
    Facet.TAG: "🏷",
}


def label(feature: Feature, texts: Texts, length: int = LONG_NAME) -> str:
    """An icon and the feature's name, cut to `length` characters."""
    return f"{_ICONS[feature.facet]} {plain(feature, texts, length)}"


def plain(feature: Feature, texts: Texts, length: int = LONG_NAME) -> str:
    """The feature's name, or the words for one without a name, cut to `length` characters."""
    name = cleaned(feature.name) or texts(f"unnamed.{feature.facet}", id=feature.id)
    return shortened(name, length)


def shortened(text: str, length: int) -> str:
    """The text, cut to `length` characters with an ellipsis."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"
