# ruff: noqa: S608 every part of these statements is a constant of ours
"""The SQL of a night's increment, on the common ground of Sail and Apache Spark: which rows new events can change.

Views: `new`, the events since the last build; `events`, all of them, or of a step those that it needs; and tables.
"""

from collections.abc import Sequence
from datetime import datetime

from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.tables import EVENTS
from quikapp_ml.training.event_sql import of_types
from quikapp_ml.training.silver_state import StateTable

_ABOUT_MESSAGES = ("message", "reaction", "edit", "delete", "report")
_ELSEWHERE = ("read", "join", "leave")


def _of(columns: Sequence[str], alias: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in columns)


def _same(columns: Sequence[str], one: str, other: str) -> str:
    return " AND ".join(f"{one}.{name} = {other}.{name}" for name in columns)


def _since(time: datetime) -> str:
    return f"event_time >= TIMESTAMP '{time:%Y-%m-%d %H:%M:%S.%f}'"


_COLUMNS = EVENTS.columns.names

NAMED_SQL = f"""
WITH sent AS (SELECT DISTINCT channel_id, message_id FROM new WHERE type = 'message'),
touched AS (
  SELECT channel_id, message_id FROM new WHERE {of_types(_ABOUT_MESSAGES)}
  UNION
  SELECT channel_id, thread_id AS message_id FROM new WHERE type = 'message' AND thread_id IS NOT NULL
  UNION
  SELECT m.channel_id, m.thread_id AS message_id FROM messages AS m
  LEFT SEMI JOIN sent AS s ON {_same(("channel_id", "message_id"), "m", "s")} WHERE m.thread_id IS NOT NULL
),
named AS (
  SELECT channel_id, message_id, MAX(touch) AS touch FROM (
    SELECT channel_id, message_id, 1 AS touch FROM touched
    UNION ALL
    SELECT m.channel_id, m.message_id, 0 AS touch FROM messages AS m
    LEFT SEMI JOIN touched AS t ON m.channel_id = t.channel_id AND m.thread_id = t.message_id
    WHERE m.thread_id IS NOT NULL
  ) AS each GROUP BY channel_id, message_id
)
SELECT channel_id, message_id, touch = 1 AS is_touched FROM named
"""
"""Messages: those that new events are about, or that these answer to, are touched; what answers to them is named."""

EARLIEST_SQL = """
SELECT MIN(e.event_time) AS at FROM events AS e LEFT SEMI JOIN named AS n ON e.message_id = n.message_id
"""
"""A time before which nothing was told of named messages: what is older need not be read as a whole."""


def told_sql(earliest: datetime) -> str:
    """SQL of all events about `named` messages: what rows of `messages` and `activities` can be made of.

    With them, the new events that are about no message. Nothing was told of these before `earliest`.
    """
    return f"""
SELECT {_of(_COLUMNS, "e")}, n.is_touched, i.event_id IS NOT NULL AS is_new
FROM events AS e JOIN named AS n ON {_same(("channel_id", "message_id"), "e", "n")}
LEFT JOIN (SELECT event_id FROM new) AS i ON i.event_id = e.event_id
WHERE e.{of_types(_ABOUT_MESSAGES)} AND e.{_since(earliest)}
UNION ALL
SELECT {", ".join(_COLUMNS)}, false AS is_touched, true AS is_new FROM new WHERE {of_types(_ELSEWHERE)}
"""


TOUCHED_SQL = "SELECT DISTINCT channel_id, message_id FROM events WHERE is_touched"

AFFECTED_SQL = f"""
WITH sent AS (SELECT DISTINCT channel_id, message_id FROM events WHERE type = 'message' AND is_new)
SELECT event_id, is_new FROM events WHERE is_new
UNION
SELECT e.event_id, e.is_new FROM events AS e
LEFT SEMI JOIN sent AS s ON {_same(("channel_id", "message_id"), "e", "s")}
UNION
SELECT e.event_id, e.is_new FROM events AS e
LEFT SEMI JOIN sent AS s ON e.channel_id = s.channel_id AND e.thread_id = s.message_id
WHERE e.type = 'message'
"""
"""Events whose activities are new, or may have changed: those of messages sent since, and what answers to these."""


def new_keys(key: Sequence[str], types: Sequence[str]) -> str:
    """SQL of the keys that new events of the types have."""
    return f"SELECT DISTINCT {', '.join(key)} FROM events WHERE is_new AND {of_types(types)}"


def since_sql(key: Sequence[str], types: Sequence[str]) -> str:
    """SQL of the keys that new events have, with the first of their times, and the last row of `history` before it."""
    return f"""
SELECT {_of(key, "f")}, f.first_time, MAX(h.valid_from) AS since
FROM (
  SELECT {", ".join(key)}, MIN(event_time) AS first_time FROM new WHERE {of_types(types)} GROUP BY {", ".join(key)}
) AS f
LEFT JOIN history AS h ON {_same(key, "f", "h")} AND h.valid_from < f.first_time
GROUP BY {_of(key, "f")}, f.first_time
"""


def fresh_since(state: StateTable, earliest: datetime) -> str:
    """SQL of the rows of a history from `since` on: that row's own event, and those from the first new one on.

    What was between the two says nothing. `earliest` is the first time of all: older files need not be read.
    """
    clocks = {"event_time": "valid_from", "ingest_time": "known_at"}
    told = clocks | {name: name for name in state.key} | dict(state.as_event)
    again = ", ".join(
        f"h.{told[name]} AS {name}"
        if told.get(name, "'").isidentifier()
        else f"CAST({told.get(name, 'NULL')} AS STRING) AS {name}"
        for name in _COLUMNS
    )
    return f"""
WITH events AS (
  SELECT {_of(_COLUMNS, "e")} FROM log AS e
  JOIN units AS u ON {_same(state.key, "e", "u")} AND e.event_time >= u.first_time
  WHERE e.{of_types(state.types)} AND e.{_since(earliest)}
  UNION ALL
  SELECT {again} FROM history AS h JOIN units AS u ON {_same(state.key, "h", "u")} AND h.valid_from = u.since
)
SELECT {_of(state.table.columns.names, "f")} FROM ({state.sql}) AS f
"""


def fresh_from_log(state: StateTable) -> str:
    """SQL of all rows of some units, from all events of theirs."""
    return f"""
WITH events AS (
  SELECT {_of(_COLUMNS, "e")} FROM log AS e LEFT SEMI JOIN units AS u ON {_same(state.key, "e", "u")}
  WHERE e.{of_types(state.types)}
)
SELECT {_of(state.table.columns.names, "f")} FROM ({state.sql}) AS f
"""


def fresh(table: Table, sql: str, unit: Sequence[str]) -> str:
    """SQL of the rows that a table ought to have of some units."""
    return f"""
SELECT {_of(table.columns.names, "f")} FROM ({sql}) AS f LEFT SEMI JOIN units AS u ON {_same(unit, "f", "u")}
"""
