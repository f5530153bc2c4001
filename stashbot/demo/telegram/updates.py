"""The queue of updates that the bot fetches by long polling."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from .limits import Refusal

FIRST_UPDATE_ID = 512_340_001
TAIL = 10  # Telegram ignores an offset that is further beyond the newest update


class Updates:
    """Unconfirmed updates, with the rules of getUpdates. Thread-safe. They never expire.

    `changed` guards all state. `confirmed` is called with each confirmed update, under it.
    `waiting` is the poll that waits for an update, None if none does.
    """

    def __init__(
        self, changed: threading.Condition, confirmed: Callable[[dict[str, Any]], None]
    ) -> None:
        self._changed = changed
        self._confirmed = confirmed
        self._queue: list[dict[str, Any]] = []
        self._next_update_id = FIRST_UPDATE_ID
        self._allowed: list[str] = []
        self.waiting: object | None = None
        self._is_stopped = False

    def put_event(self, kind: str, value: dict[str, object]) -> None:
        """Queue an update of this kind if the bot allows the kind."""
        with self._changed:
            if not self._allowed or kind in self._allowed:
                self.put({kind: value})

    def put(self, update: dict[str, Any]) -> None:
        """Queue an update; it gets an update_id if it has none."""
        with self._changed:
            update = {"update_id": self._next_update_id, **update}
            if isinstance(update["update_id"], int):
                self._next_update_id = update["update_id"] + 1
            self._queue.append(update)
            self._changed.notify_all()

    def pending(self) -> list[dict[str, Any]]:
        """The updates that are not confirmed."""
        with self._changed:
            return list(self._queue)

    def allow(self, kinds: list[str]) -> None:
        """Queue only these kinds from now on; all kinds if the list is empty."""
        with self._changed:
            self._allowed = kinds

    def poll(self, offset: int, limit: int, seconds: float) -> list[dict[str, Any]]:
        """Confirm the updates before `offset` and return the next ones, at most `limit`.

        Waits up to `seconds` for the first one. A poll that begins to wait ends an older one
        that still waits: that one is refused with 409.
        """
        with self._changed:
            self._confirm(self._count_before(offset))
            if seconds and not self._queue:
                self._wait(seconds)
            return self._queue[:limit]

    def _wait(self, seconds: float) -> None:
        mine = self.waiting = object()
        self._changed.notify_all()
        self._changed.wait_for(
            lambda: self._queue or self.waiting is not mine or self._is_stopped, seconds
        )
        if self.waiting is not mine:
            raise Refusal(
                409,
                "Conflict: terminated by other getUpdates request; make sure that only one "
                "bot instance is running",
            )
        self.waiting = None

    def stop(self) -> None:
        """End the waiting poll; no later poll waits."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def _count_before(self, offset: int) -> int:
        """The number of queued updates that an offset confirms."""
        ids = [update["update_id"] for update in self._queue]
        if offset > self._next_update_id + TAIL:
            return 0
        return next((n for n, id in enumerate(ids) if id >= offset), len(ids))

    def _confirm(self, count: int) -> None:
        confirmed, self._queue = self._queue[:count], self._queue[count:]
        for update in confirmed:
            self._confirmed(update)
