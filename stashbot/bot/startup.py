"""The work that the bot does once, when it starts. It makes no slow call."""

from __future__ import annotations

from datetime import datetime

from ..pictures.requests import RequestQueue
from ..rules.timetable import GRACE
from ..store.store import Store
from ..telegram.outbox import Outbox
from ..votes.voting import Voting
from .access import Access


def resume(
    *,
    access: Access,
    store: Store,
    requests: RequestQueue,
    voting: Voting,
    outbox: Outbox,
    now: datetime,
) -> None:
    """Resume the requests of the last run, and draw its latest votes. Raises StoreError.

    The settings may have other people now.
    """
    for request in store.waiting_requests():
        if not access.serves(request):
            store.finish_request(request.id, "failed", now)
        elif request.due and now - request.due > GRACE:
            requests.give_up(request, "not running then")
        else:
            requests.accept(request)
    draw_votes(voting, outbox)


def draw_votes(voting: Voting, outbox: Outbox, image_id: int | None = None) -> None:
    """Draw the pictures with the latest votes, or those of an image. Raises StoreError."""
    for chat_id, message_id, look in voting.latest(image_id):
        outbox.redraw(chat_id, message_id, look.rows, look.caption)
