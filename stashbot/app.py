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
from .bot.startup import Startup
from .bot.status import StatusReports
from .pictures.candidates import Deck
from .pictures.delivery import Courier
from .pictures.prefetch import Shelf
from .pictures.preparation import Packer
from .pictures.requests import RequestQueue
from .runtime.outage import Outage
from .runtime.pool import Pool
from .runtime.threads import Supervisor
from .schedule.runner import Scheduler
from .schedule.schedules import ChatSchedules
from .settings.keys import Settings
from .stash.client import StashClient
from .store.store import Store
from .telegram.client import TelegramClient
from .telegram.outbox import Outbox
from .telegram.polling import Poller
from .telegram.rate_limit import TELEGRAM_LIMITS, RateLimits
from .votes.rating_sync import RatingSync
from .votes.voting import Voting

log = structlog.get_logger()

#: Threads for pictures, for small messages, and for questions to Stash and ratings.
PUBLISHERS, ANSWERERS, ASKERS = 6, 2, 2
#: How many of each are busy at a time with what nobody waits for: always fewer.
ASIDE = 2, 1, 1
#: Seconds that the threads have for their last turn; within 2 s all is over.
PATIENCE = 1.3


@dataclass(frozen=True)
class App:
    """The bot, put together: `start` it, wait for `daemon`, `end` it."""

    daemon: Supervisor
    store: Store
    schedules: ChatSchedules
    telegram: TelegramClient
    outbox: Outbox
    requests: RequestQueue
    startup: Startup
    receiver: Poller
    scheduler: Scheduler
    reports: StatusReports
    rater: RatingSync
    pictures: Pool
    answers: Pool
    questions: Pool

    def start(self, watchdog: float = 0.0) -> None:
        """Take up what was left behind, and start the threads.

        A thread may be busy for as long as the `watchdog` says, in seconds, those that upload
        for three times as long; 0 is for ever.
        """
        patience = watchdog or math.inf
        unknown = self.store.recover(_now())
        if unknown:
            log.warning("sending_interrupted", pictures=unknown)
        self.schedules.take_over()
        pools = (
            ("publisher", self.pictures, PUBLISHERS),
            ("answerer", self.answers, ANSWERERS),
            ("asker", self.questions, ASKERS),
        )
        for name, pool, threads in pools:
            self.daemon.at_end(pool.close)
            for number in range(1, threads + 1):
                self.daemon.start(f"{name}-{number}", pool.turn, longest_turn_s=3 * patience)
        self.startup.introduce()
        self.startup.resume()
        self.rater.wake()
        self.daemon.start("scheduler", self.scheduler.turn, longest_turn_s=patience)
        receive, is_polling = self.receiver.turn, self.receiver.is_polling
        self.daemon.start("receiver", receive, is_idle=is_polling, longest_turn_s=patience)

    def end(self, patience: float = PATIENCE) -> None:
        """Stop within so many seconds; what is being sent then is left to the next start."""
        self.daemon.end(patience)
        self.store.close()


def build(settings: Settings, rules: RateLimits = TELEGRAM_LIMITS) -> App:
    """Put the parts together, to send as fast as the rules allow.

    Raises StoreError; starts nothing and contacts nobody.
    """
    avoid = timedelta(days=settings.history.avoid_days)
    daemon = Supervisor()
    pictures, answers, questions = map(Pool, ASIDE)
    store = Store(settings.database)
    stash = StashClient(settings.stash.url, settings.stash.api_key, daemon.stop)
    sender = _sender(settings, rules)
    stash.outage.when_back = partial(_hurry, pictures, questions)
    sender.outage.when_back = answers.hurry
    daemon.at_end(sender.close)
    for part in (stash, sender, store):
        daemon.at_thread_end(part.close_thread)

    outbox = Outbox(telegram=sender, store=store, answers=answers, questions=questions, now=_now)
    ways = store, stash, sender, outbox
    publisher = _publisher(settings, *ways, pictures, stash.outage, avoid)
    wake = threading.Event()
    daemon.at_end(wake.set)
    schedules = ChatSchedules(store, settings, wake.set, _now)
    keep = settings.history.keep_days
    scheduler = Scheduler(
        store=store, schedules=schedules, requests=publisher, wake=wake, keep_days=keep, now=_now
    )
    write_ratings = settings.votes.write_ratings
    rater = RatingSync(store, stash, stash.outage, questions, write_ratings=write_ratings)
    voting = Voting(store, settings.votes, rater.wake, _now)
    reports = _reports(settings, store, stash, sender, scheduler)
    access = _access(settings, store, sender, schedules)
    bot = _bot(access, outbox, publisher, reports, schedules, voting)
    startup = _startup(settings, store, sender, outbox, publisher, voting)
    receiver = Poller(sender, bot.handle, daemon.stop, daemon.quit)
    pools = pictures, answers, questions
    talking = sender, outbox, publisher, startup
    return App(daemon, store, schedules, *talking, receiver, scheduler, reports, rater, *pools)


def _bot(
    access: Access,
    outbox: Outbox,
    requests: RequestQueue,
    reports: StatusReports,
    schedules: ChatSchedules,
    voting: Voting,
) -> Bot:
    return Bot(
        access=access,
        outbox=outbox,
        requests=requests,
        reports=reports,
        schedules=schedules,
        voting=voting,
    )


def _access(
    settings: Settings, store: Store, sender: TelegramClient, schedules: ChatSchedules
) -> Access:
    return Access(
        settings=settings.telegram,
        store=store,
        telegram=sender,
        schedules=schedules,
        now=_now,
    )


def _reports(
    settings: Settings,
    store: Store,
    stash: StashClient,
    sender: TelegramClient,
    scheduler: Scheduler,
) -> StatusReports:
    return StatusReports(
        store=store,
        stash=stash,
        telegram=sender,
        settings=settings,
        next_due=scheduler.next_due,
        now=_now,
    )


def _startup(
    settings: Settings,
    store: Store,
    sender: TelegramClient,
    outbox: Outbox,
    publisher: RequestQueue,
    voting: Voting,
) -> Startup:
    return Startup(
        telegram=sender,
        store=store,
        outbox=outbox,
        requests=publisher,
        voting=voting,
        language=settings.telegram.language,
        now=_now,
    )


def _publisher(
    settings: Settings,
    store: Store,
    stash: StashClient,
    sender: TelegramClient,
    outbox: Outbox,
    pool: Pool,
    outage: Outage,
    avoid: timedelta,
) -> RequestQueue:
    photos = settings.photos
    deck = Deck(store, stash, avoid, Random(), _now)
    shelf = Shelf(deck.give_back)
    bot_id, max_side = sender.bot_id, photos.max_side
    packer = Packer(store, deck, stash, shelf, pool, outage, bot_id, max_side, _now)
    courier = Courier(store, deck, packer, sender, photos, _now)
    return RequestQueue(courier, packer, store, sender, outbox, pool, outage, _now)


def _sender(settings: Settings, rules: RateLimits) -> TelegramClient:
    telegram, photos = settings.telegram, settings.photos
    return TelegramClient(
        telegram.token,
        telegram.api_url,
        telegram.proxy,
        spoiler=photos.spoiler,
        protect=photos.protect,
        rules=rules,
    )


def _hurry(*pools: Pool) -> None:
    for pool in pools:
        pool.hurry()


def _now() -> datetime:
    return datetime.now(UTC)
