"""The parts that handle a picture that was sent."""

from __future__ import annotations

from dataclasses import dataclass

from ..votes.buttons import PictureButtons
from ..votes.hiding import Hiding
from ..votes.voting import Voting
from ..votes.why import Why
from .about import About


@dataclass(frozen=True)
class PictureParts:
    """The parts for votes, for buttons, for hiding, and to explain and to describe a picture."""

    voting: Voting
    buttons: PictureButtons
    hiding: Hiding
    why: Why
    about: About
