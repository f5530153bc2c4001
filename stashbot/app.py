"""The one place where the parts meet: how they are put together, started and ended."""

from __future__ import annotations

import math
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

import structlog

from .alerts.watch import LOOK_S, Alerts
from .bot.about import About
from .bot.access import Access
from .bot.charts import Charts
from .bot.chats import ChatParts, ChatSettings
from .bot.commands import Bot
from .bot.deletion import PAUSE_S, Deletion
from .bot.filters import Filters
from .bot.pictures import PictureParts
from .bot.startup import draw_votes, resume
from .bot.status import StatusReports
from .models import Priority
from .pictures.candidates import Candidates
from .pictures.converter import Converter, Drawer
from .pictures.delivery import Delivery
from .pictures.files import TemporaryFiles, cache_folder
from .pictures.late_writes import LateWrites
from .pictures.media import Media
from .pictures.notices import Notices
from .pictures.originals import Originals
from .pictures.preparation import Preparation
from .pictures.requests import RequestQueue
from .pictures.sources.finding import Sources
from .runtime.pool import Pool
from .runtime.threads import Supervisor
from .schedule.runner import Scheduler
from .schedule.schedules import ChatSchedules
from .settings.keys import Settings, names_in
from .stash.client import StashClient
from .stash.http import TIMEOUTS, Timeouts
from .store.store import Store
from .telegram.client import TelegramClient
from .telegram.outbox import Outbox
from .telegram.polling import Poller
from .telegram.rate_limit import TELEGRAM_LIMITS, RateLimits
from .telegram.uploads import Uploads
from .votes.albums import AlbumMessages
from .votes.buttons import PictureButtons
from .votes.hiding import Hiding
from .votes.rating_sync import RatingSync
from .votes.voting import Voting
from .votes.why import Why

log = structlog.get_logger()

#: Threads that serve requests.
PICTURE_THREADS = 6
#: Threads for texts and edits.
ANSWER_THREADS = 2
#: Threads for `/stats` and `/status`, and for ratings.
QUESTION_THREADS = 2
#: Jobs of a priority and all lower ones that run at once: some threads stay free for pictures
#: that need nothing of Stash.
PICTURE_LIMITS = {Priority.USER: 5, Priority.SCHEDULE: 5, Priority.BACKGROUND: 2}
ANSWER_LIMITS = {Priority.BACKGROUND: 1}
QUESTION_LIMITS = {Priority.SCHEDULE: 1}
#: Seconds that the threads have for their last turn; within 2 s all is over.
LAST_TURN_S = 1.3


class App:
    """The bot, put together: `start` it, wait for its `supervisor`, `end` it."""

    def __init__(self, settings: Settings, limits: RateLimits, timeouts: Timeouts) -> None:
        self.settings = settings
        self.supervisor = Supervisor()
        self.picture_pool = Pool(PICTURE_LIMITS)
        self.answer_pool = Pool(ANSWER_LIMITS)
        self.question_pool = Pool(QUESTION_LIMITS)
        self.store = Store(settings.database, defaults=settings.chat)
        fixed = settings.telegram
        self.store.people.set_fixed(fixed.allowed_users, fixed.allowed_chats)
        self.stash = self._stash(timeouts)
        self.telegram = self._telegram(limits)
        for close in (self.stash.close_thread, self.telegram.close_thread, self.store.close):
            self.supervisor.at_thread_end(close)
        self.outbox = self._outbox()
        self.uploads = Uploads(telegram=self.telegram, outbox=self.outbox, pool=self.picture_pool)
        avoid = timedelta(days=settings.history.avoid_days)
        self.candidates = Candidates(
            store=self.store, stash=self.stash, avoid=avoid, random=Random(), now=_now
        )
        self.sources = Sources(store=self.store, stash=self.stash, settings=settings, now=_now)
        self.notices = Notices(
            store=self.store, outbox=self.outbox, stash=self.stash, settings=settings
        )
        self.files = TemporaryFiles(cache_folder(settings.database))
        self.media = self._media()
        self.buttons = PictureButtons(self.store, self.settings)
        self.requests = self._requests()
        self._wake = threading.Event()
        self.supervisor.at_end(self._wake.set)
        self.schedules = ChatSchedules(self.store, settings, self._wake.set, _now)
        self.scheduler = self._scheduler()
        self.rating_sync = self._rating_sync()
        self.pictures = self._pictures()
        self.rating_sync.when_other = partial(draw_votes, self.pictures.voting, self.outbox)
        self.reports = self._reports()
        self.filters = self._filters()
        self.chats = self._chats()
        self.alerts = self._alerts()
        self.poller = self._poller()

    def start(self, watchdog: float = 0.0) -> None:
        """Take up the work that the last process left, and start the threads.

        A thread may be busy for as long as the `watchdog` says, in seconds, those that upload
        for three times as long; 0 is for ever.
        """
        longest_turn = watchdog or math.inf
        unknown = self.store.recover(_now())
        if unknown:
            log.warning("sending_interrupted", pictures=unknown)
        if interrupted := self.files.interrupted():
            self.store.conversions.note_death(interrupted, _now())
            self.candidates.postpone(interrupted)
        self.files.empty()
        self.schedules.take_over()
        self._start_pools(3 * longest_turn)
        self.access.introduce()
        resume(
            access=self.access,
            store=self.store,
            requests=self.requests,
            voting=self.pictures.voting,
            outbox=self.outbox,
            now=_now(),
        )
        self.question_pool.submit(self.access.pairing.announce)
        self.question_pool.submit(partial(self.filters.check_settings, names_in(self.settings)))
        self.rating_sync.wake()
        submit = partial(self.question_pool.submit, priority=Priority.BACKGROUND)
        submit(self.chats.deletion.turn, PAUSE_S, retry_s=PAUSE_S)
        submit(self.alerts.turn, LOOK_S, retry_s=LOOK_S)
        start = self.supervisor.start
        start("scheduler", self.scheduler.turn, longest_turn_s=longest_turn)
        is_polling = self.poller.is_polling
        start("receiver", self.poller.turn, is_idle=is_polling, longest_turn_s=longest_turn)

    def _start_pools(self, longest_turn_s: float) -> None:
        pools = (
            ("publisher", self.picture_pool, PICTURE_THREADS),
            ("answerer", self.answer_pool, ANSWER_THREADS),
            ("asker", self.question_pool, QUESTION_THREADS),
        )
        for name, pool, threads in pools:
            self.supervisor.at_end(pool.close)
            for number in range(1, threads + 1):
                name_of_one = f"{name}-{number}"
                self.supervisor.start(name_of_one, pool.turn, longest_turn_s=longest_turn_s)

    def end(self, timeout_s: float = LAST_TURN_S) -> None:
        """Stop within so many seconds; pictures that are being sent are left to the next start."""
        self.supervisor.end(timeout_s)
        self.files.remove()
        self.store.close()

    # The parts

    def _stash(self, timeouts: Timeouts) -> StashClient:
        settings, stop = self.settings.stash, self.supervisor.stop
        stash = StashClient(settings.url, settings.api_key, stop, ca=settings.ca, pace=timeouts)
        stash.outage.when_back = partial(_hurry, self.picture_pool, self.question_pool)
        return stash

    def _telegram(self, limits: RateLimits) -> TelegramClient:
        settings = self.settings.telegram
        telegram = TelegramClient(settings.token, settings.api_url, settings.proxy, limits=limits)
        telegram.outage.when_back = partial(_hurry, self.picture_pool, self.answer_pool)
        self.supervisor.at_end(telegram.close)
        return telegram

    def _outbox(self) -> Outbox:
        return Outbox(
            telegram=self.telegram,
            store=self.store,
            answers=self.answer_pool,
            questions=self.question_pool,
            now=_now,
        )

    def _rating_sync(self) -> RatingSync:
        return RatingSync(
            store=self.store,
            stash=self.stash,
            pool=self.question_pool,
            write_ratings=self.settings.votes.write_ratings,
        )

    def _filters(self) -> Filters:
        return Filters(
            store=self.store,
            stash=self.stash,
            sources=self.sources,
            notices=self.notices,
            schedules=self.schedules,
            hiding=self.pictures.hiding,
        )

    def _pictures(self) -> PictureParts:
        voting = Voting(
            store=self.store,
            buttons=self.buttons,
            settings=self.settings,
            wake=self.rating_sync.wake,
            now=_now,
        )
        originals = Originals(
            store=self.store,
            stash=self.stash,
            media=self.media,
            notices=self.notices,
            uploads=self.uploads,
        )
        why = Why(self.store, self.settings, _now)
        about = About(
            store=self.store, stash=self.stash, notices=self.notices, originals=originals, why=why
        )
        return PictureParts(voting, self.buttons, Hiding(self.store, _now), why, about)

    def _chats(self) -> ChatParts:
        settings = ChatSettings(store=self.store.chats, schedules=self.schedules, now=_now)
        deletion = Deletion(store=self.store, telegram=self.telegram, outbox=self.outbox, now=_now)
        return ChatParts(self.schedules, settings, deletion)

    def _media(self) -> Media:
        converter = Converter(self.files)
        self.supervisor.at_end(converter.close)
        return Media(self.files, converter, self.settings.photos.max_side)

    def _requests(self) -> RequestQueue:
        preparation = Preparation(
            store=self.store,
            stash=self.stash,
            candidates=self.candidates,
            pool=self.picture_pool,
            media=self.media,
            bot_id=self.telegram.bot_id,
            now=_now,
        )
        albums = AlbumMessages(
            store=self.store, telegram=self.telegram, outbox=self.outbox, buttons=self.buttons
        )
        delivery = Delivery(
            store=self.store,
            telegram=self.telegram,
            preparation=preparation,
            photos=self.settings.photos,
            writes=LateWrites(self.picture_pool),
            after_album=albums.follow,
            now=_now,
        )
        return RequestQueue(
            store=self.store,
            preparation=preparation,
            delivery=delivery,
            sources=self.sources,
            notices=self.notices,
            pool=self.picture_pool,
            now=_now,
        )

    def _scheduler(self) -> Scheduler:
        return Scheduler(
            store=self.store,
            schedules=self.schedules,
            requests=self.requests,
            wake=self._wake,
            keep_days=self.settings.history.keep_days,
            now=_now,
        )

    def _reports(self) -> StatusReports:
        return StatusReports(
            store=self.store,
            stash=self.stash,
            telegram=self.telegram,
            settings=self.settings,
            next_due=self.scheduler.next_due,
            now=_now,
        )

    def _charts(self) -> Charts:
        drawer = Drawer(self.files)
        self.supervisor.at_end(drawer.close)
        return Charts(
            reports=self.reports, drawer=drawer, uploads=self.uploads, chats=self.store.chats
        )

    def _alerts(self) -> Alerts:
        return Alerts(store=self.store, notices=self.notices, telegram=self.telegram, now=_now)

    def _poller(self) -> Poller:
        stop, quit = self.supervisor.stop, self.supervisor.quit
        token = self.settings.placed("telegram.token")
        return Poller(self.telegram, self._bot().handle, stop, quit, token)

    def _bot(self) -> Bot:
        self.access = Access(
            settings=self.settings.telegram,
            store=self.store,
            telegram=self.telegram,
            schedules=self.schedules,
            outbox=self.outbox,
            requests=self.requests,
            now=_now,
        )
        return Bot(
            access=self.access,
            filters=self.filters,
            outbox=self.outbox,
            requests=self.requests,
            charts=self._charts(),
            chats=self.chats,
            pictures=self.pictures,
        )


def build(
    settings: Settings, limits: RateLimits = TELEGRAM_LIMITS, timeouts: Timeouts = TIMEOUTS
) -> App:
    """Put the parts together, to send as fast as the limits allow.

    `timeouts` are those of Stash. Raises StoreError; starts nothing and contacts no machine.
    """
    return App(settings, limits, timeouts)


def _hurry(*pools: Pool) -> None:
    for pool in pools:
        pool.hurry()


def _now() -> datetime:
    return datetime.now(UTC)
