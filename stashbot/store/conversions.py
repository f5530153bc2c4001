"""The images that were being converted when the bot died: they may be the cause."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from .database import Database
from .tables import Conversions

#: For this time after the last death.
REMEMBERED = timedelta(days=1)


class ConversionStore:
    """The deaths of the bot, by the image that was being converted. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def note_death(self, image_ids: Collection[int], now: datetime) -> None:
        """Note that the bot died while these images were being converted.

        The count of another image starts anew: it is not what the bot dies of.
        """
        others = Conversions.image_id.not_in(image_ids)
        with self._db.writing():
            self._db.write(Conversions.delete().where(others))
            for image_id in image_ids:
                death = Conversions.insert(image_id=image_id, deaths=1, last_at=now)
                count = {Conversions.deaths: Conversions.deaths + 1, Conversions.last_at: now}
                self._db.write(
                    death.on_conflict(conflict_target=[Conversions.image_id], update=count)
                )

    def deaths(self, image_id: int, now: datetime) -> int:
        """How often running the bot died while this image was being converted."""
        its = Conversions.image_id == image_id
        deaths = Conversions.select(Conversions.deaths)
        row = self._db.row(deaths.where(its, Conversions.last_at > now - REMEMBERED))
        return row[0] if row else 0

    def forget(self, image_id: int) -> None:
        """Forget the deaths: the image was not the cause."""
        self._db.write(Conversions.delete().where(Conversions.image_id == image_id))
