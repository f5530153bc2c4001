"""The one place where the parts meet: how they are put together, started and ended."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

import structlog

from .bot.access import Access
from .bot.commands import Bot
from .bot.startup import introduce, resume
from .bot.status import StatusReports
from .models import Priority
from .pictures.candidates import Candidates
from .pictures.delivery import Delivery
from .pictures.prefetch import Prefetched
from .pictures.preparation import PhotoFormat, Preparation
from .pictures.requests import RequestQueue
from .runtime.pool import Pool
from .runtime.threads import Supervisor
from .schedule.runner import Scheduler
from .schedule.schedules import ChatSchedules
from .settings.keys import Settings
from .stash.client import StashClient
from .stash.http import TIMEOUTS, Timeouts
from .store.store import Store
from .telegram.client import TelegramClient
from .telegram.outbox import Outbox
from .telegram.polling import Poller
from .telegram.rate_limit import TELEGRAM_LIMITS, RateLimits
from .votes.rating_sync import RatingSync
from .votes.voting import Voting

log = structlog.get_logger()

#: Threads that serve requests.
PICTURE_THREADS = 6
#: Threads for texts and edits.
ANSWER_THREADS = 2
#: Threads for `/stats` and `/status`, and for ratings.
QUESTION_THREADS = 2
#: Jobs of a priority and all lower ones that run at once: some threads stay free for pictures
#: that need nothing of Stash.
PICTURE_LIMITS = {Priority.USER: 4, Priority.SCHEDULE: 3, Priority.BACKGROUND: 2}
ANSWER_LIMITS = {Priority.BACKGROUND: 1}
QUESTION_LIMITS = {Priority.SCHEDULE: 1}
#: Seconds that the threads have for their last turn; within 2 s all is over.
LAST_TURN_S = 1.3


@dataclass(frozen=True)
class Pools:
    """The pools of threads: for pictures, for texts, and for questions and ratings."""

    pictures: Pool
    answers: Pool
    questions: Pool


@dataclass(frozen=True)
class App:
    """The bot, put together: `start` it, wait for its `supervisor`, `end` it."""

    supervisor: Supervisor
    pools: Pools
    store: Store
    telegram: TelegramClient
    outbox: Outbox
    requests: RequestQueue
    schedules: ChatSchedules
    scheduler: Scheduler
    rating_sync: RatingSync
    reports: StatusReports
    voting: Voting
    language: str
    poller: Poller

    def start(self, watchdog: float = 0.0) -> None:
        """Take up the work that the last process left, and start the threads.

        A thread may be busy for as long as the `watchdog` says, in seconds, those that upload
        for three times as long; 0 is for ever.
        """
        longest_turn = watchdog or math.inf
        unknown = self.store.recover(_now())
        if unknown:
            log.warning("sending_interrupted", pictures=unknown)
        self.schedules.take_over()
        pools = (
            ("publisher", self.pools.pictures, PICTURE_THREADS),
            ("answerer", self.pools.answers, ANSWER_THREADS),
            ("asker", self.pools.questions, QUESTION_THREADS),
        )
        start = self.supervisor.start
        for name, pool, threads in pools:
            self.supervisor.at_end(pool.close)
            for number in range(1, threads + 1):
                start(f"{name}-{number}", pool.turn, longest_turn_s=3 * longest_turn)
        introduce(self.telegram, self.outbox, self.language)
        resume(
            store=self.store,
            requests=self.requests,
            voting=self.voting,
            outbox=self.outbox,
            now=_now(),
        )
        self.rating_sync.wake()
        start("scheduler", self.scheduler.turn, longest_turn_s=longest_turn)
        is_polling = self.poller.is_polling
        start("receiver", self.poller.turn, is_idle=is_polling, longest_turn_s=longest_turn)

    def end(self, timeout_s: float = LAST_TURN_S) -> None:
        """Stop within so many seconds; pictures that are being sent are left to the next start."""
        self.supervisor.end(timeout_s)
        self.store.close()


@dataclass(frozen=True)
class _Base:
    """The parts that the others stand on."""

    settings: Settings
    supervisor: Supervisor
    pools: Pools
    store: Store
    stash: StashClient
    telegram: TelegramClient
    outbox: Outbox


def build(
    settings: Settings, limits: RateLimits = TELEGRAM_LIMITS, stash_timeouts: Timeouts = TIMEOUTS
) -> App:
    """Put the parts together and start none; `limits` is the pace. Raises StoreError."""
    base = _base(settings, limits, stash_timeouts)
    requests = _requests(base)
    schedules, scheduler = _schedules(base, requests)
    rating_sync = RatingSync(
        store=base.store,
        stash=base.stash,
        pool=base.pools.questions,
        write_ratings=settings.votes.write_ratings,
    )
    voting = Voting(base.store, settings.votes, rating_sync.wake, _now)
    reports = _reports(base, scheduler)
    bot = Bot(
        access=_access(base, schedules),
        outbox=base.outbox,
        requests=requests,
        reports=reports,
        schedules=schedules,
        voting=voting,
    )
    return App(
        supervisor=base.supervisor,
        pools=base.pools,
        store=base.store,
        telegram=base.telegram,
        outbox=base.outbox,
        requests=requests,
        schedules=schedules,
        scheduler=scheduler,
        rating_sync=rating_sync,
        reports=reports,
        voting=voting,
        language=settings.telegram.language,
        poller=Poller(base.telegram, bot.handle, base.supervisor.stop, base.supervisor.quit),
    )


def _base(settings: Settings, limits: RateLimits, stash_timeouts: Timeouts) -> _Base:
    supervisor = Supervisor()
    pools = Pools(Pool(PICTURE_LIMITS), Pool(ANSWER_LIMITS), Pool(QUESTION_LIMITS))
    store = Store(settings.database)
    url, key = settings.stash.url, settings.stash.api_key
    stash = StashClient(url, key, supervisor.stop, pace=stash_timeouts)
    telegram = TelegramClient(
        settings.telegram.token,
        settings.telegram.api_url,
        settings.telegram.proxy,
        spoiler=settings.photos.spoiler,
        protect=settings.photos.protect,
        limits=limits,
    )
    stash.outage.when_back = partial(_hurry, pools.pictures, pools.questions)
    telegram.outage.when_back = partial(_hurry, pools.pictures, pools.answers)
    supervisor.at_end(telegram.close)
    for close in (stash.close_thread, telegram.close_thread, store.close):
        supervisor.at_thread_end(close)
    outbox = Outbox(
        telegram=telegram,
        store=store.chats,
        answers=pools.answers,
        questions=pools.questions,
        now=_now,
    )
    return _Base(settings, supervisor, pools, store, stash, telegram, outbox)


def _requests(base: _Base) -> RequestQueue:
    candidates = Candidates(
        store=base.store,
        stash=base.stash,
        avoid=timedelta(days=base.settings.history.avoid_days),
        random=Random(),
        now=_now,
    )
    preparation = Preparation(
        store=base.store,
        stash=base.stash,
        candidates=candidates,
        prefetched=Prefetched(),
        pool=base.pools.pictures,
        format=PhotoFormat(base.telegram.bot_id, base.settings.photos.max_side),
    )
    delivery = Delivery(
        store=base.store,
        telegram=base.telegram,
        preparation=preparation,
        photos=base.settings.photos,
        now=_now,
    )
    return RequestQueue(
        store=base.store,
        preparation=preparation,
        delivery=delivery,
        outbox=base.outbox,
        pool=base.pools.pictures,
        now=_now,
    )


def _schedules(base: _Base, requests: RequestQueue) -> tuple[ChatSchedules, Scheduler]:
    wake = threading.Event()
    base.supervisor.at_end(wake.set)
    schedules = ChatSchedules(base.store, base.settings, wake.set, _now)
    scheduler = Scheduler(
        store=base.store,
        schedules=schedules,
        requests=requests,
        wake=wake,
        keep_days=base.settings.history.keep_days,
        now=_now,
    )
    return schedules, scheduler


def _reports(base: _Base, scheduler: Scheduler) -> StatusReports:
    return StatusReports(
        store=base.store,
        stash=base.stash,
        telegram=base.telegram,
        settings=base.settings,
        next_due=scheduler.next_due,
        now=_now,
    )


def _access(base: _Base, schedules: ChatSchedules) -> Access:
    return Access(
        settings=base.settings.telegram,
        store=base.store,
        telegram=base.telegram,
        schedules=schedules,
        now=_now,
    )


def _hurry(*pools: Pool) -> None:
    for pool in pools:
        pool.hurry()


def _now() -> datetime:
    return datetime.now(UTC)
