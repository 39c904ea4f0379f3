"""The silver tables with a history: who was where, what was known of people and channels, what stood at which time.

A row of such a table depends only on events of its `types` with the same values in the columns of `key`, so that those
of new events can be made again alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.tables import CHANNELS, MEMBERSHIPS, REACTIONS, READS, REPORTS, USERS
from quikapp_ml.training import silver_state_sql as sql


@dataclass(frozen=True)
class StateTable:
    """A table, the SELECT over `events` that makes it, and which events a row of it may depend on."""

    table: Table
    sql: str
    key: tuple[str, ...]
    """Columns of `events`, and of the table."""
    types: tuple[str, ...]
    """Types of the events that it reads."""
    as_event: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Where a row says all that its event said: columns of `events` by those of the row, besides keys and clocks."""


STATE_TABLES = (
    StateTable(
        MEMBERSHIPS, sql.MEMBERSHIPS_SQL, ("channel_id", "user_id"), sql.MEMBERSHIP_EVENTS, {"type": "event_type"}
    ),
    StateTable(REACTIONS, sql.REACTIONS_SQL, ("channel_id", "message_id"), sql.REACTION_EVENTS),
    StateTable(
        READS, sql.READS_SQL, ("channel_id", "user_id"), sql.READ_EVENTS, {"type": "'read'", "message_id": "message_id"}
    ),
    StateTable(REPORTS, sql.REPORTS_SQL, ("channel_id", "message_id"), sql.REPORT_EVENTS),
    StateTable(CHANNELS, sql.CHANNELS_SQL, ("channel_id",), sql.CHANNEL_EVENTS),
    StateTable(USERS, sql.USERS_SQL, ("user_id",), sql.USER_EVENTS),
)
