"""The parts that handle a picture that was sent."""

from __future__ import annotations

from dataclasses import dataclass

from ..votes.buttons import PictureButtons
from ..votes.hiding import Hiding
from ..votes.voting import Voting
from .about import About


@dataclass(frozen=True)
class PictureParts:
    """The votes on it, its buttons, what can be hidden of it, and the answers about it."""

    voting: Voting
    buttons: PictureButtons
    hiding: Hiding
    about: About
