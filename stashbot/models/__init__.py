"""The values that the parts of the program give to each other."""

from .chats import OFF, ChatValues, MediaOptions, OwnMessage, QuietHours, as_text
from .files import Kind, KnownFile, Sent, Upload
from .images import Exclusion, Facet, Feature, Image, ImageDetails, Named
from .people import Person, Standing
from .recurrence import WHOLE_WEEK, Recurrence
from .replies import Button, Reply, Rows
from .requests import Album, Priority, Request, Schedule, SentPicture, Shown, Trigger
from .sources import LIBRARY, Place, Shuffle, Source, SourceKind
from .statistics import ChatStatistics
from .votes import Explanation, Press, Reason, Vote, VoteCounts

__all__ = [
    "LIBRARY",
    "OFF",
    "WHOLE_WEEK",
    "Album",
    "Button",
    "ChatStatistics",
    "ChatValues",
    "Exclusion",
    "Explanation",
    "Facet",
    "Feature",
    "Image",
    "ImageDetails",
    "Kind",
    "KnownFile",
    "MediaOptions",
    "Named",
    "OwnMessage",
    "Person",
    "Place",
    "Press",
    "Priority",
    "QuietHours",
    "Reason",
    "Recurrence",
    "Reply",
    "Request",
    "Rows",
    "Schedule",
    "Sent",
    "SentPicture",
    "Shown",
    "Shuffle",
    "Source",
    "SourceKind",
    "Standing",
    "Trigger",
    "Upload",
    "Vote",
    "VoteCounts",
    "as_text",
]
