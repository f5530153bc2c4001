"""The database: requests, the history, positions in the library, and known files.

Every moment is an aware datetime, and `now` is the caller's. All trouble with the file is a
`StoreError` that names it, and the transaction at hand has changed nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

from peewee import JOIN, SQL, fn

from ..models import (
    LIBRARY,
    ChatValues,
    Image,
    KnownFile,
    Request,
    Sent,
    Shown,
    Shuffle,
    Source,
    Trigger,
)
from . import history
from .chats import ChatStore, MessageStore
from .conversions import ConversionStore
from .database import open_database, scripts
from .exclusions import ExclusionStore, is_excluded
from .feature_votes import FeatureVoteStore
from .history import IS_SENDING, IS_SETTLED, IS_WAITING, LEFT, ChatStats, insert_request
from .people import PeopleStore
from .pictures import PictureStore
from .ratings import RatingQueue
from .schedules import ScheduleStore
from .tables import Files, Requests, Schedules, SentPhotos, SkippedImages, Walks, in_utc
from .votes import VoteStore

#: Telegram keeps an update for a day (https://core.telegram.org/bots/api#getting-updates). A
#: moment of a schedule must not be served again by a clock that was put back.
FINISHED_FOR = timedelta(days=8)
#: The number of rows that one transaction deletes, so that others need not wait long.
PRUNE_BATCH = 1000
#: The settings of chats where the program has none.
DEFAULTS = ChatValues()
#: The key of the whole library as a source.
ALL = LIBRARY.source.key


class Store:
    """The database. Thread-safe; a thread that ends calls `close`.

    Each method that writes is one transaction, except `prune`, which is many.
    """

    def __init__(self, path: Path, *, busy_ms: int = 5000, defaults: ChatValues = DEFAULTS) -> None:
        """Open or make the file; wait for another writer. Chats have the `defaults` as settings."""
        self.database = self._db = open_database(path, busy_ms=busy_ms, migrations=scripts())
        self.schedules = ScheduleStore(self._db)
        self.ratings = RatingQueue(self._db)
        self.votes = VoteStore(self._db, self.ratings)
        self.feature_votes = FeatureVoteStore(self._db)
        self.exclusions = ExclusionStore(self._db)
        self.chats = ChatStore(self._db, defaults)
        self.pictures = PictureStore(self._db)
        self.people = PeopleStore(self._db)
        self.conversions = ConversionStore(self._db)
        self.messages = MessageStore(self._db)

    def close(self) -> None:
        """Close the calling thread's connection; its next call opens another."""
        self._db.close()

    # Requests

    def add_request(
        self,
        *,
        update_id: int | None,
        chat_id: int,
        user_id: int,
        count: int,
        trigger: Trigger,
        language: str,
        now: datetime,
        source: str = "",
        after: Shown | None = None,
        topic: int = 0,
    ) -> Request | None:
        """Accept a request; None if one was accepted for this update before.

        A request `after` a picture is accepted only while that is the chat's newest and no
        other picture is asked for.
        """
        request = Request(0, chat_id, user_id, count, trigger, now, language, source, topic=topic)
        columns = {"update_id": update_id, "after_message": after and after.message_id}
        with self._db.writing():
            if after and not self._may_follow(chat_id, after):
                return None
            return insert_request(self._db, request, **columns)

    def waiting_requests(self) -> list[Request]:
        """The requests with pictures not yet begun, oldest first; `count` is their number."""
        whose = (Requests.id, Requests.chat_id, Requests.user_id, LEFT)
        what = (Requests.trigger, Requests.requested_at, Requests.language, Requests.source)
        is_silent = fn.COALESCE(Schedules.is_silent, False)
        when = (fn.COALESCE(Schedules.when, ""), Requests.due, is_silent, Requests.topic)
        waiting = (
            Requests.select(*whose, *what, *when)
            .join(Schedules, JOIN.LEFT_OUTER, on=(Schedules.id == Requests.schedule_id))
            .where(IS_WAITING, LEFT > 0)
            .order_by(Requests.id)
        )
        return [Request(*row) for row in self._db.rows(waiting)]

    def finish_request(self, request_id: int, state: str, now: datetime) -> None:
        """Close a request as 'done' or 'failed': nothing more is sent for it."""
        change = {"state": state, "finished_at": now}
        if state == "failed":  # then a later vote may ask for a picture again
            change["after_message"] = None
        its = (Requests.id == request_id) & IS_WAITING
        self._db.write(Requests.update(change).where(its))

    def recover(self, now: datetime) -> int:
        """Tidy up after a crash, before anything is sent; how many pictures were under way.

        Those may have arrived: they count as seen, and are not sent again. Requests
        that have nothing left to begin are done.
        """
        done = Requests.update(state="done", finished_at=now)
        with self._db.writing():
            sending = self._db.rows(SentPhotos.select(SentPhotos.id).where(IS_SENDING))
            self.votes.show([id for (id,) in sending])
            self._db.write(SentPhotos.update(state="unknown").where(IS_SENDING))
            self._db.write(done.where(IS_WAITING, LEFT <= 0))
        return len(sending)

    # The history

    def begin(
        self,
        request: Request,
        images: Sequence[Image],
        now: datetime,
        source: Source = LIBRARY.source,
    ) -> dict[int, int]:
        """Note that images of a source are about to be sent to a chat; their rows, by image id.

        Excluded images, those under way, and those of a request that was given up get no row.
        """
        rows = {}
        with self._db.writing():
            if not self.schedules.is_wanted(request.id):
                return {}
            excluded = self.exclusions.of(request.chat_id)
            wanted = [image for image in images if not is_excluded(image, excluded)]
            self.votes.remember(wanted)
            for image in wanted:
                id = self._db.insert(
                    "sent_photos",
                    image_id=image.id,
                    sent_at=now,
                    user_id=request.user_id,
                    title=image.title,
                    chat_id=request.chat_id,
                    request_id=request.id,
                    state="sending",
                    source=source.key,
                    source_name=source.name,
                )
                if id:
                    rows[image.id] = id
        return rows

    def settle(
        self,
        arrived: Sequence[tuple[int, Image, Sent]],
        now: datetime,
        *,
        bot_id: int,
        shape: str,
        ends: Request | None,
    ) -> None:
        """Note that pictures arrived, each with the row that `begin` gave, and their files.

        `shape` names the form they were uploaded in; their files are known again for the
        same shape only. Several pictures are an album. The request `ends`, if any, is done.
        """
        album = arrived[0][2].message_id if len(arrived) > 1 else None
        with self._db.writing():
            for row_id, image, sent in arrived:
                change = {"kind": sent.file.kind, "message_id": sent.message_id, "album": album}
                row = SentPhotos.update(state="sent", sent_at=now, **change)
                self._db.write(row.where(SentPhotos.id == row_id))
                file = Files.insert(
                    bot_id=bot_id,
                    image_id=image.id,
                    fingerprint=image.fingerprint,
                    shape=shape,
                    saved_at=now,
                    **asdict(sent.file),
                )
                self._db.write(file.on_conflict_replace())
            row_ids = [row_id for row_id, _, _ in arrived]
            self.votes.show(row_ids)
            self.messages.add_pictures(row_ids)
            if ends is not None:
                self.finish_request(ends.id, "done", now)

    def withdraw(self, row_ids: Collection[int]) -> None:
        """Forget pictures that certainly did not arrive: they are free again."""
        self._db.write(SentPhotos.delete().where(SentPhotos.id.in_(list(row_ids))))

    def lose(self, row_ids: Collection[int], now: datetime) -> None:
        """Note that pictures may have arrived: they count as seen."""
        lost = SentPhotos.update(state="unknown", sent_at=now)
        with self._db.writing():
            self._db.write(lost.where(SentPhotos.id.in_(list(row_ids))))
            self.votes.show(row_ids)

    def unavailable(
        self, chat_id: int, image_ids: Collection[int], since: datetime, now: datetime
    ) -> set[int]:
        """The images, of any number, that should not be sent now.

        The chat saw them at or after `since`, or they are on their way to it, or skipped.
        """
        times = {"since": in_utc(since), "now": in_utc(now)}
        asked = {"chat_id": chat_id, "asked": json.dumps(list(image_ids)), **times}
        return {image_id for (image_id,) in self._db.run(history.UNAVAILABLE, asked)}

    def shown_longest_ago(
        self, chat_id: int, limit: int, now: datetime, *, without: Collection[int] = ()
    ) -> list[int]:
        """Image ids, least recently shown first, without those under way or skipped."""
        # One parameter for all ids: SQLite limits the number of parameters.
        ids = SQL("(SELECT value FROM json_each(?))", [json.dumps(list(without))])
        oldest = history.latest(chat_id, SentPhotos.image_id).where(
            IS_SETTLED,
            SentPhotos.image_id.not_in(history.skipped(now)),
            SentPhotos.image_id.not_in(ids),
        )
        rows = self._db.rows(oldest.order_by(SentPhotos.sent_at).limit(limit))
        return [image_id for (image_id,) in rows]

    def last_shown(self, chat_id: int, image_ids: Collection[int]) -> list[tuple[str, int]]:
        """The time at which each of these images, of any number, was last shown, and its id."""
        asked = {"chat_id": chat_id, "asked": json.dumps(list(image_ids))}
        return self._db.run(history.LAST_SHOWN, asked)

    def pictures_since(self, since: datetime) -> int:
        """The number of pictures that all chats were sent since then."""
        sent = SentPhotos.select(fn.COUNT(SentPhotos.id))
        [(count,)] = self._db.rows(sent.where(SentPhotos.sent_at >= since, IS_SETTLED))
        return int(count)

    def chat_stats(
        self, chat_id: int, today_start: datetime, week_start: datetime, seen_since: datetime
    ) -> ChatStats:
        sent_at, count = SentPhotos.sent_at, fn.COUNT(SentPhotos.id)
        # SQLite reads one index for all four.
        numbers = SentPhotos.select(
            count.filter(sent_at >= today_start),
            count.filter(sent_at >= week_start),
            count,
            count.filter((SentPhotos.is_latest == 1) & (sent_at >= seen_since)),
        ).where(SentPhotos.chat_id == chat_id, IS_SETTLED)
        last = history.latest(chat_id, SentPhotos.title, sent_at).where(IS_SETTLED)
        return ChatStats(*self._db.row(numbers), *(self._db.row(last) or ("", None)))

    def unsendable(self, chat_id: int, since: datetime, now: datetime) -> int:
        """The number of images in Stash that are skipped and that the chat has not seen since."""
        seen = SentPhotos.select(SentPhotos.id).where(
            SentPhotos.chat_id == chat_id,
            SentPhotos.image_id == SkippedImages.image_id,
            SentPhotos.sent_at >= since,
        )
        skipped = history.skipped(now).where(
            SkippedImages.reason != history.NOT_IN_STASH, ~fn.EXISTS(seen)
        )
        return len(self._db.rows(skipped))

    # The library

    def shuffle(self, chat_id: int, source: str = ALL) -> Shuffle | None:
        """The chat's position in a source; None if it has none yet."""
        position = (Walks.seed, Walks.offset, Walks.exhausted_at, Walks.newest_id)
        its = (Walks.chat_id == chat_id) & (Walks.source == source)
        row = self._db.row(Walks.select(*position).where(its))
        return row and Shuffle(*row)

    def save_shuffle(self, chat_id: int, shuffle: Shuffle, source: str = ALL) -> None:
        position = Walks.insert(chat_id=chat_id, source=source, **asdict(shuffle))
        self._db.write(position.on_conflict_replace())

    def skip_image(self, image_id: int, reason: str, until: datetime) -> None:
        """Leave an image out, for every chat, until a moment."""
        skipped = SkippedImages.insert(image_id=image_id, reason=reason, until=until)
        self._db.write(skipped.on_conflict_replace())

    def known_file(self, bot_id: int, image: Image, shape: str) -> KnownFile | None:
        """The file that Telegram has of this image, as it is now and in this shape."""
        known = Files.select(Files.kind, Files.file_id).filter(
            bot_id=bot_id, image_id=image.id, fingerprint=image.fingerprint, shape=shape
        )
        row = self._db.row(known)
        return row and KnownFile(*row)

    def forget_file(self, bot_id: int, image_id: int) -> None:
        """Drop a file_id that Telegram does not take any more."""
        its = (Files.bot_id == bot_id) & (Files.image_id == image_id)
        self._db.write(Files.delete().where(its))

    # The file

    def prune(self, now: datetime, keep_days: int) -> int:
        """Drop old rows; the number of pictures that left the history for their age."""
        self._db.write(Requests.delete().where(Requests.finished_at < now - FINISHED_FOR))
        self._db.write(SkippedImages.delete().where(SkippedImages.until <= now))
        oldest, pruned = now - timedelta(days=keep_days), 0
        old = SentPhotos.select(SentPhotos.id).where(SentPhotos.sent_at < oldest)
        batch = SentPhotos.delete().where(SentPhotos.id.in_(old.limit(PRUNE_BATCH)))
        while deleted := self._db.write(batch):
            pruned += deleted
        self.votes.prune()
        self.messages.prune(now)
        return pruned

    def size_bytes(self) -> int:
        with self._db.reading():
            return int(self._db.pragma("page_count") * self._db.page_size)

    def check_integrity(self) -> str | None:
        return self._db.check_integrity()

    def _may_follow(self, chat_id: int, after: Shown) -> bool:
        # A scheduled picture does not replace the one that the vote asks for.
        is_asked_for = IS_WAITING & (Requests.trigger != Trigger.SCHEDULE) & (LEFT > 0)
        its = Requests.select(Requests.id).where(Requests.chat_id == chat_id)
        if self._db.row(its.where(is_asked_for)):
            return False
        newest = history.latest(chat_id, SentPhotos.image_id, SentPhotos.message_id)
        image_id, message_id = self._db.row(newest) or (0, 0)
        if message_id is None:  # its arrival is not confirmed, but a user votes on it
            return bool(image_id == after.image_id)
        return bool(message_id == after.message_id)
