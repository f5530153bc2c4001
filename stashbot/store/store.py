"""What outlives the process: chats, requests, the history, walks and known files.

Values in, values out; no rule of the product is decided here. Every moment is an aware
datetime, and `now` is the caller's. Whatever is wrong with the file is a `StoreError`
that names it, and the transaction at hand has left nothing behind.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ..models import Image, Kind, KnownFile, Request, Sent, Shown, Shuffle, Trigger
from . import history
from .database import open_database
from .exclusions import ExclusionStore
from .history import ChatStats, each
from .ratings import RatingQueue
from .schedules import ScheduleStore, resumed
from .tables import MIGRATIONS, Chats, Files, Requests, SentPhotos, SkippedImages, Walks, in_utc
from .votes import VoteStore

# Telegram keeps an update for 24 hours at most (https://core.telegram.org/bots/api
# #getting-updates), so that a request needs no longer memory to be accepted only once.
# The moment of an order is not to be served again by a clock that has been put back.
FINISHED_FOR = timedelta(days=8)

# So many rows go in one transaction, lest others wait long for the lock.
PRUNE_BATCH = 1000


class Store:
    """The database. Thread-safe; a thread that ends calls `close_thread`.

    Each method that writes is one transaction, except `prune`, which is many.
    """

    def __init__(
        self, path: Path, *, busy_ms: int = 5000, migrations: Sequence[str] = MIGRATIONS
    ) -> None:
        """Open or make the file; wait `busy_ms` milliseconds for another writer."""
        self._db = open_database(path, busy_ms=busy_ms, migrations=migrations)
        self.orders = ScheduleStore(self._db)
        self.ratings = RatingQueue(self._db)
        self.votes = VoteStore(self._db, self.ratings)
        self.exclusions = ExclusionStore(self._db)

    def close_thread(self) -> None:
        """Close the calling thread's connection; its next call opens another."""
        self._db.close()

    def close(self) -> None:
        """Close every thread's connection, at the end of all work."""
        self._db.close_all()

    # Chats

    def is_gone(self, chat_id: int) -> bool:
        """Whether the chat cannot be written to, as far as is known."""
        with self._db.reading():
            return (
                Chats.select(Chats.chat_id)
                .where(Chats.chat_id == chat_id, Chats.gone_since.is_null(False))
                .exists(self._db)
            )

    def meet_chat(self, chat_id: int, language: str, now: datetime) -> bool:
        """Note that the chat writes to us, and whether it had been gone until now.

        If it had, its standing orders go on from now.
        """
        known = Chats.select(Chats.language, Chats.gone_since).where(Chats.chat_id == chat_id)
        with self._db.reading():
            row = known.tuples().first(self._db)
        if row == (language, None):
            return False
        present = {"language": language, "gone_since": None, "gone_reason": None}
        with self._db.writing():
            Chats.insert(chat_id=chat_id, **present).on_conflict(
                conflict_target=[Chats.chat_id], update=present
            ).execute(self._db)
            was_gone = row is not None and row[1] is not None
            if was_gone:
                resumed(chat_id, now).execute(self._db)
        return was_gone

    def set_gone(self, chat_id: int, reason: str, now: datetime) -> None:
        """Note that the chat cannot be written to; the first reason stays."""
        with self._db.writing():
            self._set_gone(chat_id, reason, now)

    def move_chat(self, old: int, new: int, now: datetime) -> None:
        """Let all that a chat has follow it to its new id; again does no harm."""
        with self._db.writing():
            language = Chats.select(Chats.language).where(Chats.chat_id == old).scalar(self._db)
            Chats.insert(chat_id=new, language=language or "", moved_from=old).on_conflict(
                conflict_target=[Chats.chat_id], update={Chats.moved_from: old}
            ).execute(self._db)
            self._set_gone(old, f"moved to {new}", now)
            # The messages of the new chat have numbers of their own.
            its = Requests.update(chat_id=new, after_message=None)
            its.where(Requests.chat_id == old).execute(self._db)
            for update in history.moved(old, new):
                update.execute(self._db)
            self._move_walk(old, new)
            self.votes.move(old, new)
            self.exclusions.move(old, new)

    def moved_chats(self) -> dict[int, int]:
        """The old id of each chat that has moved, by its new one."""
        moved = Chats.select(Chats.chat_id, Chats.moved_from).where(Chats.moved_from.is_null(False))
        with self._db.reading():
            return dict(moved.tuples().execute(self._db))

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
        after: Shown | None = None,
    ) -> Request | None:
        """Accept a request; None if one was accepted for this update before.

        One `after` a picture is accepted only while that is the chat's newest and nobody has
        asked for another.
        """
        same = Requests.select(Requests.id).where(Requests.update_id == update_id)
        with self._db.writing():
            if update_id is not None and same.exists(self._db):
                return None
            if after and not self._may_follow(chat_id, after):
                return None
            id = Requests.insert(
                update_id=update_id,
                chat_id=chat_id,
                user_id=user_id,
                count=count,
                trigger=trigger,
                requested_at=now,
                language=language,
                state="waiting",
                after_message=after and after.message_id,
            ).execute(self._db)
        return Request(id, chat_id, user_id, count, trigger, now, language)

    def waiting_requests(self) -> list[Request]:
        """The requests with pictures not yet begun, oldest first; `count` is how many."""
        with self._db.reading():
            rows = list(history.left_over().execute(self._db))
        return [
            Request(id, chat_id, user_id, count, Trigger(trigger), *others)
            for id, chat_id, user_id, count, trigger, *others in rows
        ]

    def finish_request(self, request_id: int, state: str, now: datetime) -> None:
        """Close a request as 'done' or 'failed': nothing more is sent for it."""
        with self._db.writing():
            self._finish(Requests.id == request_id, state, now)

    def recover(self, now: datetime) -> int:
        """Tidy up after a crash, before anything is sent; how many pictures were under way.

        Those may have arrived: they count as seen, and are not sent again. Requests
        that have nothing left to begin are done.
        """
        with self._db.writing():
            sending = SentPhotos.select(SentPhotos.id).where(history.IS_SENDING).tuples()
            self.votes.show([id for (id,) in sending.execute(self._db)])
            unknown: int = (
                SentPhotos.update(state="unknown").where(history.IS_SENDING).execute(self._db)
            )
            self._finish(Requests.count <= history.begun(), "done", now)
        return unknown

    # The history

    def begin(self, request: Request, images: Sequence[Image], now: datetime) -> dict[int, int]:
        """Note that images are about to be sent to a chat; their rows, by image id.

        Images that the chat has excluded meanwhile, or that are being sent to it already, get no
        row.
        """
        sending = history.claimed(request.chat_id).where(
            SentPhotos.image_id.in_(each([image.id for image in images]))
        )
        with self._db.writing():
            refused = {image_id for (image_id,) in sending.tuples().execute(self._db)}
            refused |= self.exclusions.excluded_of(request.chat_id, images)
            wanted = [image for image in images if image.id not in refused]
            if wanted:
                self.votes.remember(wanted)
            return {
                image.id: SentPhotos.insert(
                    image_id=image.id,
                    sent_at=now,
                    user_id=request.user_id,
                    title=image.title,
                    chat_id=request.chat_id,
                    request_id=request.id,
                    state="sending",
                ).execute(self._db)
                for image in wanted
            }

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
        same shape only. The request `ends`, if any, is done.
        """
        with self._db.writing():
            for row_id, image, sent in arrived:
                SentPhotos.update(
                    state="sent", sent_at=now, kind=sent.file.kind, message_id=sent.message_id
                ).where(SentPhotos.id == row_id).execute(self._db)
                Files.insert(
                    bot_id=bot_id,
                    image_id=image.id,
                    fingerprint=image.fingerprint,
                    shape=shape,
                    kind=sent.file.kind,
                    file_id=sent.file.file_id,
                    saved_at=now,
                ).on_conflict_replace().execute(self._db)
            self.votes.show([row_id for row_id, _, _ in arrived])
            if ends is not None:
                self._finish(Requests.id == ends.id, "done", now)

    def withdraw(self, row_ids: Collection[int]) -> None:
        """Forget pictures that certainly did not arrive: they are free again."""
        with self._db.writing():
            SentPhotos.delete().where(SentPhotos.id.in_(each(row_ids))).execute(self._db)

    def lose(self, row_ids: Collection[int], now: datetime) -> None:
        """Note that pictures may have arrived: they count as seen."""
        with self._db.writing():
            SentPhotos.update(state="unknown", sent_at=now).where(
                SentPhotos.id.in_(each(row_ids))
            ).execute(self._db)
            self.votes.show(row_ids)

    def unavailable(
        self, chat_id: int, image_ids: Collection[int], since: datetime, now: datetime
    ) -> set[int]:
        """Those of the images, however many, that should not be sent now.

        The chat saw them at or after `since`, or they are on their way to it, or skipped.
        """
        asked = {
            "chat_id": chat_id,
            "asked": json.dumps(list(image_ids)),
            "since": in_utc(since),
            "now": in_utc(now),
        }
        with self._db.reading():
            return {image_id for (image_id,) in self._db.run(history.UNAVAILABLE, asked)}

    def shown_longest_ago(
        self, chat_id: int, limit: int, now: datetime, *, without: Collection[int] = ()
    ) -> list[int]:
        """Image ids, least recently shown first, without those under way or skipped."""
        with self._db.reading():
            oldest = history.shown_longest_ago(chat_id, limit, now, without).execute(self._db)
            return [image_id for (image_id,) in oldest]

    def pictures_since(self, since: datetime) -> int:
        """How many pictures all chats were sent since then."""
        with self._db.reading():
            return int(history.sent_since(since).scalar(self._db))

    def chat_stats(
        self, chat_id: int, today_start: datetime, week_start: datetime, seen_since: datetime
    ) -> ChatStats:
        """Count the chat's pictures, and find the last one."""
        with self._db.reading():
            title, sent_at = history.last(chat_id).first(self._db) or ("", None)
            return ChatStats(
                today=history.pictures(chat_id, today_start).scalar(self._db),
                week=history.pictures(chat_id, week_start).scalar(self._db),
                total=history.pictures(chat_id).scalar(self._db),
                seen=history.images(chat_id, seen_since).scalar(self._db),
                last_title=title,
                last_at=sent_at,
            )

    def unsendable(self, chat_id: int, since: datetime, now: datetime) -> int:
        """The number of images that are skipped and that the chat has not seen since."""
        with self._db.reading():
            return int(history.unsendable(chat_id, since, now).scalar(self._db))

    # The library

    def shuffle(self, chat_id: int) -> Shuffle | None:
        """The chat's position in the library; None if it has none yet."""
        saved = Walks.select(Walks.seed, Walks.offset, Walks.exhausted_at, Walks.newest_id).where(
            Walks.chat_id == chat_id
        )
        with self._db.reading():
            row = saved.tuples().first(self._db)
        return row and Shuffle(*row)

    def save_shuffle(self, chat_id: int, shuffle: Shuffle) -> None:
        """Keep the chat's position in the library."""
        with self._db.writing():
            Walks.insert(chat_id=chat_id, **asdict(shuffle)).on_conflict_replace().execute(self._db)

    def skip_image(self, image_id: int, reason: str, until: datetime) -> None:
        """Leave an image out, for every chat, until a moment."""
        with self._db.writing():
            SkippedImages.insert(
                image_id=image_id, reason=reason, until=until
            ).on_conflict_replace().execute(self._db)

    def known_file(self, bot_id: int, image: Image, shape: str) -> KnownFile | None:
        """The file that Telegram has of this image, as it is now and in this shape."""
        known = Files.select(Files.kind, Files.file_id).where(
            Files.bot_id == bot_id,
            Files.image_id == image.id,
            Files.fingerprint == image.fingerprint,
            Files.shape == shape,
        )
        with self._db.reading():
            row = known.tuples().first(self._db)
        return row and KnownFile(Kind(row[0]), row[1])

    def forget_file(self, bot_id: int, image_id: int) -> None:
        """Drop a file_id that Telegram does not take any more."""
        with self._db.writing():
            Files.delete().where(Files.bot_id == bot_id, Files.image_id == image_id).execute(
                self._db
            )

    # The file

    def prune(self, now: datetime, keep_days: int) -> int:
        """Drop what is of no more use; how many pictures left the history for their age.

        Finished requests go after eight days, skipped images when they may be sent again.
        """
        with self._db.writing():
            Requests.delete().where(Requests.finished_at < now - FINISHED_FOR).execute(self._db)
            SkippedImages.delete().where(SkippedImages.until <= now).execute(self._db)
        pruned = 0
        while batch := self._prune_history(now - timedelta(days=keep_days)):
            pruned += batch
        with self._db.writing():
            self.votes.prune()
        return pruned

    def size_bytes(self) -> int:
        """How large the database is."""
        with self._db.reading():
            return int(self._db.pragma("page_count") * self._db.pragma("page_size"))

    def check_integrity(self) -> str | None:
        """Read the whole file; the first damage that is found, None if it is sound."""
        with self._db.reading():
            found = str(self._db.pragma("quick_check(1)"))
        return None if found == "ok" else found

    # Parts of the transactions above

    def _may_follow(self, chat_id: int, after: Shown) -> bool:
        its = Requests.select(Requests.id).where(Requests.chat_id == chat_id)
        # What the clock sends besides is not what the vote has asked for.
        is_asked_for = (
            (Requests.state == "waiting")
            & (Requests.trigger != Trigger.SCHEDULE)
            & (Requests.count > history.begun())
        )
        is_followed = (Requests.after_message == after.message_id) | is_asked_for
        if its.where(is_followed).exists(self._db):
            return False
        image_id, message_id = history.newest(chat_id).first(self._db) or (0, 0)
        if message_id is None:  # nobody has told us that it arrived, but whoever presses has it
            return bool(image_id == after.image_id)
        return bool(message_id == after.message_id)

    def _set_gone(self, chat_id: int, reason: str, now: datetime) -> None:
        gone = {"gone_since": now, "gone_reason": reason}
        Chats.insert(chat_id=chat_id, **gone).on_conflict(
            conflict_target=[Chats.chat_id], update=gone, where=Chats.gone_since.is_null()
        ).execute(self._db)

    def _move_walk(self, old: int, new: int) -> None:
        own = Walks.select(Walks.chat_id).where(Walks.chat_id == new)
        if not own.exists(self._db):
            Walks.update(chat_id=new).where(Walks.chat_id == old).execute(self._db)
        Walks.delete().where(Walks.chat_id == old).execute(self._db)

    def _finish(self, which: Any, state: str, now: datetime) -> None:
        change = {"state": state, "finished_at": now}
        if state == "failed":  # then a picture is owed as before
            change["after_message"] = None
        Requests.update(change).where(Requests.state == "waiting", which).execute(self._db)

    def _prune_history(self, before: datetime) -> int:
        old = SentPhotos.select(SentPhotos.id).where(SentPhotos.sent_at < before)
        with self._db.writing():
            delete = SentPhotos.delete().where(SentPhotos.id.in_(old.limit(PRUNE_BATCH)))
            return int(delete.execute(self._db))
