"""Finds the source of a request, as Stash has it now."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ...models import LIBRARY, Place, Request, Source, SourceKind
from ...rules import names, sources
from ...rules.names import Known
from ...settings.keys import Settings
from ...stash.client import StashClient
from ...store.store import Store
from .errors import NoSource, SourceProblem
from .filters import SavedFilters
from .lists import Lists
from .memory import Memory

#: A name in the settings is looked up again after this time.
NAMED_FOR_S = 600.0
#: The most names to choose from.
MOST_OPTIONS = 8


@dataclass(frozen=True)
class Found:
    """The place of a request, the number of its pictures, and whether it was cut to that."""

    place: Place
    count: int
    is_cut: bool = False


class Sources:
    """Finds sources. Thread-safe. Nothing is asked of Stash before a source is used."""

    def __init__(
        self, *, store: Store, stash: StashClient, settings: Settings, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._stash = stash
        default = settings.photos.filter
        self._default = sources.read(default) if default else LIBRARY.source
        self._now = now
        self._named = Memory()
        self.filters = SavedFilters(store=store, stash=stash)
        self._lists = Lists(store=store, stash=stash, now=now)

    def standing(self, chat_id: int) -> Source:
        """Return the source of a chat's pictures if no other is named. Raises StoreError."""
        key, name = self._store.chats.standing(chat_id)
        return replace(sources.from_key(key), name=name) if key else self._default

    def known(self, chat_id: int, key: str) -> Place | None:
        """Return the place of a source as far as it is known without a question to Stash.

        An empty key stands for the chat's standing source. Raises StoreError.
        """
        source = self._source(chat_id, key)
        if source.kind is SourceKind.NAME:
            return self._recall(chat_id, source)
        return self._known(chat_id, source)

    def find(self, request: Request, key: str) -> Found:
        """Return the place of a request as it is now. Raises NoSource, StashError, StoreError."""
        source, is_cut, count = self._source(request.chat_id, key), False, request.count
        if source.kind is SourceKind.NAME:
            source, is_cut, count = self._look_up(request, source)
        shared = sources.feature(source)
        if shared and shared in self._store.exclusions.of(request.chat_id):
            raise NoSource(SourceProblem.HIDDEN, source.name, options=[source])
        return Found(self._place(request.chat_id, source), count, is_cut)

    def named(self, text: str, *, is_shared: bool = False) -> Source:
        """Return the source that a WHAT means. Raises NoSource, StashError.

        With `is_shared`, only a name that images share is meant, and no saved filter.
        """
        source = sources.read(text)
        if source.kind is not SourceKind.NAME:
            return source
        wanted = sources.wanted(source, is_counted=False)
        return self._match(wanted, is_shared=is_shared)[0]

    def check(self, text: str) -> Source:
        """Return the source of a WHAT if its pictures can be asked for; errors as `named`."""
        source = self.named(text)
        return self.filters.place(source).source if source.kind is SourceKind.FILTER else source

    def _source(self, chat_id: int, key: str) -> Source:
        return sources.from_key(key) if key else self.standing(chat_id)

    def _recall(self, chat_id: int, source: Source) -> Place | None:
        named = self._named.recall(source.key)
        return named and self._known(chat_id, named.source)

    def _known(self, chat_id: int, source: Source) -> Place | None:
        match source.kind:
            case SourceKind.FILTER:
                return self.filters.known(source)
            case SourceKind.TODAY | SourceKind.LIKE:
                return self._lists.known(chat_id, source)
            case SourceKind.LIKED | SourceKind.BEST:
                return Place(source, ids=self._store.votes.liked(chat_id))
        return sources.place(source, self._now())

    def _place(self, chat_id: int, source: Source) -> Place:
        match source.kind:
            case SourceKind.FILTER:
                return self.filters.place(source)
            case SourceKind.TODAY:
                return self._lists.today(chat_id, source)
            case SourceKind.LIKE:
                return self._lists.alike(source)
            case SourceKind.LIKED | SourceKind.BEST:
                if not (ids := self._store.votes.liked(chat_id)):
                    raise NoSource(SourceProblem.NOTHING_LIKED)
                return Place(source, ids=ids)
        return sources.place(source, self._now())

    # Names

    def _look_up(self, request: Request, source: Source) -> tuple[Source, bool, int]:
        """Return the source of a NAME, whether its number was cut, and the number of pictures."""
        if request.due or source.key == self._default.key:
            return self._in_settings(source), False, request.count
        wanted = sources.wanted(source)
        try:
            match, is_whole = self._match(wanted)
        except NoSource as error:
            if error.problem is SourceProblem.UNKNOWN and wanted.is_number:
                return self._standing_found(request.chat_id), True, request.count
            raise
        if is_whole and wanted.whole != wanted.words:  # its number is a part of the name
            return match, False, 1
        return match, wanted.is_cut, request.count

    def _standing_found(self, chat_id: int) -> Source:
        standing = self.standing(chat_id)
        return self._in_settings(standing) if standing.kind is SourceKind.NAME else standing

    def _in_settings(self, source: Source) -> Source:
        """Return the source of a name in the settings; it is remembered for a while."""
        max_age_s = math.inf if self._stash.outage.error else NAMED_FOR_S
        if named := self._named.recall(source.key, max_age_s):
            return named.source
        match, _ = self._match(sources.wanted(source, is_counted=False))
        self._named.keep(source.key, Place(match))
        return match

    def _match(self, wanted: sources.Wanted, *, is_shared: bool = False) -> tuple[Source, bool]:
        """Return the one source that matches, and whether its name is the whole text.

        Raises NoSource if there are none, or several.
        """
        words = wanted.words or wanted.whole
        known = self._names(names.spellings(words), is_shared=is_shared)
        if whole := names.whole(wanted.whole, known):
            return self._only(whole, wanted.whole), True
        if wanted.is_number:
            raise NoSource(SourceProblem.UNKNOWN, wanted.whole)
        if found := names.matches(words, known) if wanted.words else []:
            return self._only(found, words), False
        known = self._names(names.pieces(words), is_shared=is_shared)
        near = names.nearest(words, known, MOST_OPTIONS)
        is_other = is_shared and not near
        problem = SourceProblem.UNKNOWN_SHARED if is_other else SourceProblem.UNKNOWN
        raise NoSource(problem, words, options=[_as_source(one) for one in near])

    def _names(self, spellings: Sequence[str], *, is_shared: bool) -> list[Known]:
        known = self._stash.names(spellings)
        return [one for one in known if one.kind != SourceKind.FILTER] if is_shared else known

    def _only(self, found: Sequence[Known], words: str) -> Source:
        options = [_as_source(one) for one in found[:MOST_OPTIONS]]
        if len(found) > 1:
            raise NoSource(SourceProblem.UNCLEAR, words, options=options)
        return options[0]


def _as_source(known: Known) -> Source:
    return Source(SourceKind(known.kind), known.id, known.name)
