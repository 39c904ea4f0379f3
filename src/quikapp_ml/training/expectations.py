"""What is expected of every table that models learn from: declared here, checked by `quality` between the tasks.

`FAIL` stops the pipeline, and keeps models that learnt from the table from going forward. `QUARANTINE` takes the rows
out of the table and keeps them aside with the reason; it is for tables that are made anew each night only, as the row
would come back otherwise. How many rows are enough to learn from is the recipes' to say: a young workspace is no fault.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.tables import (
    ACTIVITIES,
    CHANNELS,
    EVENTS,
    MEMBERSHIPS,
    MESSAGES,
    REACTIONS,
    READS,
    REPORTS,
    SENTIMENT_LABELS,
    SPAM_LABELS,
    USERS,
)
from quikapp_ml.training.feature_history import FEATURE_TABLES
from quikapp_ml.training.silver_state_sql import MEMBERSHIP_EVENTS
from quikapp_ml.training.user_vectors import USER_EMBEDDINGS

CLOCKS_DIFFER = timedelta(days=1)
"""How far ahead of this clock a sender's may be."""


class Outcome(StrEnum):
    """What happens when an expectation is not met."""

    FAIL = "fail"
    QUARANTINE = "quarantine"


@dataclass(frozen=True)
class NotNull:
    """The column has a value in every row."""

    column: str

    def __str__(self) -> str:
        return f"{self.column} is given"


@dataclass(frozen=True)
class InRange:
    """Values lie between two numbers, both allowed; null is nobody's fault here."""

    column: str
    low: float
    high: float = math.inf

    def __str__(self) -> str:
        return f"{self.column} is in [{self.low:g}, {self.high:g}]"


@dataclass(frozen=True)
class OneOf:
    """Values are among those known."""

    column: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.column} is one of {', '.join(self.values)}"


@dataclass(frozen=True)
class NotInFuture:
    """Times are not later than now, but for clocks that differ."""

    column: str

    def __str__(self) -> str:
        return f"{self.column} is not in the future"


@dataclass(frozen=True)
class Unique:
    """No two rows have the same values in all these columns; null equals null."""

    columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"{', '.join(self.columns)} is unique"


RowRule = NotNull | InRange | OneOf | NotInFuture
"""What can be said of one row alone."""


@dataclass(frozen=True)
class Expectation:
    """A rule, and what happens when it is broken."""

    rule: RowRule | Unique
    outcome: Outcome = Outcome.FAIL

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it looks at."""
        return self.rule.columns if isinstance(self.rule, Unique) else (self.rule.column,)

    def __str__(self) -> str:
        return str(self.rule)


def _keyed(table: Table, nullable: Sequence[str] = ()) -> list[Expectation]:
    given = [Expectation(NotNull(column)) for column in table.key if column not in nullable]
    return [*given, Expectation(Unique(table.key))]


def _taken_out(*rules: RowRule) -> list[Expectation]:
    return [Expectation(rule, Outcome.QUARANTINE) for rule in rules]


def _labels(table: Table, *labels: str) -> list[Expectation]:
    return [*_keyed(table), *_taken_out(OneOf("label", labels), NotNull("content"), NotInFuture("labelled_at"))]


def _features(table: Table) -> list[Expectation]:
    rates = [Expectation(InRange(name, 0, 1)) for name in table.columns.names if name.endswith("_rate")]
    return [*_keyed(table), Expectation(NotInFuture("as_of")), Expectation(NotInFuture("ingest_time")), *rates]


def _history(table: Table, *rules: RowRule) -> list[Expectation]:
    given = [Expectation(NotNull(name)) for name in ("is_current", "known_at")]
    return [*_keyed(table), *given, *(Expectation(rule) for rule in rules), *_taken_out(NotInFuture("valid_from"))]


_KINDS = ("posted", "replied", "mentioned", "reacted", "read", "joined", "left", "reported")
_ROLES = ("guest", "member", "moderator", "admin", "owner")

EXPECTATIONS: Mapping[str, Sequence[Expectation]] = {
    EVENTS.name: [*_keyed(EVENTS), *(Expectation(NotNull(name)) for name in ("type", "event_time", "ingest_time"))],
    MESSAGES.name: [
        *_keyed(MESSAGES),
        *_taken_out(NotNull("user_id"), NotNull("posted_at"), NotInFuture("posted_at")),
        *(Expectation(InRange(name, 0)) for name in ("n_reactions", "n_replies", "n_reports")),
    ],
    ACTIVITIES.name: [
        *_keyed(ACTIVITIES, nullable=["other_user_id"]),
        *_taken_out(OneOf("kind", _KINDS), NotInFuture("event_time"), InRange("value", 0)),
    ],
    MEMBERSHIPS.name: _history(MEMBERSHIPS, NotNull("is_member"), OneOf("event_type", MEMBERSHIP_EVENTS)),
    REACTIONS.name: _history(REACTIONS, NotNull("removed")),
    READS.name: _history(READS),
    REPORTS.name: _history(REPORTS, OneOf("reason", ("spam", "abuse", "other"))),
    CHANNELS.name: _history(CHANNELS, NotNull("is_private"), NotNull("is_archived")),
    USERS.name: _history(USERS, NotNull("is_bot"), NotNull("is_deleted"), OneOf("role", _ROLES)),
    SPAM_LABELS.name: _labels(SPAM_LABELS, "spam", "ham"),
    SENTIMENT_LABELS.name: _labels(SENTIMENT_LABELS, "negative", "neutral", "positive"),
    **{table.name: _features(table) for table in FEATURE_TABLES.values()},
    USER_EMBEDDINGS.name: [
        *_keyed(USER_EMBEDDINGS),
        *(Expectation(NotInFuture(clock)) for clock in ("last_updated", "ingest_time")),
        Expectation(NotNull("embedding")),
    ],
}
"""Full name of a table → what is expected of it."""
