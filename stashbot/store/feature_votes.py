"""Votes on features in the database: a user wants more or less of a name in a chat.

Such a vote counts in its chat alone, and enters the same sums as the votes on images.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..models import Facet, Feature, Press, Vote, VoteCounts
from ..rules import votes as rules
from ..rules.preferences import TOTAL
from .database import Database
from .tables import FeatureVotes
from .votes import ADD_COUNTS

_OF_CHAT = """
    SELECT facet, feature_id, name, SUM(vote = 'like'), SUM(vote = 'dislike')
    FROM feature_votes WHERE chat_id = ? AND vote IS NOT NULL GROUP BY facet, feature_id
"""


class FeatureVoteStore:
    """The votes on features. Thread-safe; each method that writes is one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def cast(self, press: Press, feature: Feature, now: datetime) -> tuple[Vote | None, bool]:
        """Take a press: the user's vote on the feature after it, and whether it was changed.

        The rules are those of votes on images.
        """
        with self._db.writing():
            last = self._last(press, feature)
            if last and rules.is_redelivered(last, press, now):
                return last.vote, False
            opinion = rules.after(last, press, now)
            is_changed = rules.is_change(last, press, opinion)
            if is_changed:
                self._replace(last, press, feature, opinion.vote, now)
            elif last:
                read = FeatureVotes.update(update_id=press.update_id)
                self._db.write(read.where(*_its(press, feature)))
            return opinion.vote, is_changed

    def of(self, chat_id: int) -> dict[Feature, VoteCounts]:
        """The votes on each feature that has any in a chat."""
        return {
            Feature(Facet(facet), id, name): VoteCounts(*counts)
            for facet, id, name, *counts in self._db.run(_OF_CHAT, (chat_id,))
        }

    def _last(self, press: Press, feature: Feature) -> rules.StoredVote | None:
        columns = (FeatureVotes.vote, FeatureVotes.taken_back, FeatureVotes.voted_at)
        last = FeatureVotes.select(FeatureVotes.chat_id, *columns, FeatureVotes.update_id)
        row = self._db.row(last.where(*_its(press, feature)))
        return row and rules.StoredVote(0, *row)

    def _replace(
        self,
        last: rules.StoredVote | None,
        press: Press,
        feature: Feature,
        vote: Vote | None,
        now: datetime,
    ) -> None:
        before = last.vote if last else None
        row = FeatureVotes.insert(
            chat_id=press.chat_id,
            user_id=press.user_id,
            facet=feature.facet,
            feature_id=feature.id,
            name=feature.name,
            vote=vote,
            taken_back=None if vote else before,
            voted_at=now,
            update_id=press.update_id,
        )
        self._db.write(row.on_conflict_replace())
        change = [(vote is each) - (before is each) for each in (Vote.LIKE, Vote.DISLIKE)]
        for each in (TOTAL, feature):
            values = (press.chat_id, each.facet, each.id, each.name, *change)
            self._db.run(ADD_COUNTS.format(rows="VALUES (?, ?, ?, ?, ?, ?, 0)"), values)


def _its(press: Press, feature: Feature) -> tuple[Any, ...]:
    """The conditions for the user's vote on a feature in the chat of a press."""
    return (
        FeatureVotes.chat_id == press.chat_id,
        FeatureVotes.user_id == press.user_id,
        FeatureVotes.facet == feature.facet,
        FeatureVotes.feature_id == feature.id,
    )
