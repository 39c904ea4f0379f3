# ruff: noqa: S608 every part of these statements is a constant of ours
"""The SQL of silver tables with a history, on the common ground of Sail and Apache Spark.

Every SELECT reads the view `events` (bronze). A row says what held from `valid_from` to `valid_to`, in event time. Of
facts of the same time the greater one holds, as in `features/facts.py`, so the order of arrival does not matter.
`known_at` is when all that the row says was known: no row holds anything that was learnt of later. What ends a row may
be known later still: it is in the next row.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from quikapp_ml.training.event_sql import attribute, is_set, of_types
from quikapp_ml.training.weeks import week_of

MEMBERSHIP_EVENTS = ("channel_created", "join", "leave", "message")
REACTION_EVENTS = ("reaction",)
READ_EVENTS = ("read",)
REPORT_EVENTS = ("report",)
CHANNEL_EVENTS = (
    "channel_archived", "channel_created", "channel_made_private", "channel_renamed", "channel_topic_set",
)  # fmt: skip
USER_EVENTS = ("message", "role_changed", "user_updated")


def _list(columns: Sequence[str]) -> str:
    return ", ".join(columns)


def _history(facts: str, thing: Sequence[str], values: Sequence[str], changing: Sequence[str]) -> str:
    """From facts about things, one at a time, to rows with an end; facts that change nothing are left out.

    Of the columns that may change one is never null, so that the first fact differs from what is before it.
    """
    in_time = f"(PARTITION BY {_list(thing)} ORDER BY valid_from)"
    columns = f"{_list(thing)}, {_list(values)}, valid_from, known_at"
    before = "".join(f", LAG({name}) OVER {in_time} AS {name}_before" for name in changing)
    differs = " OR ".join(f"NOT ({name} <=> {name}_before)" for name in changing)
    compared = f"SELECT {columns}{before} FROM ({facts}) AS facts"
    changes = f"SELECT {columns} FROM ({compared}) AS compared WHERE {differs}" if changing else facts
    return f"""
SELECT {_list(thing)}, {_list(values)}, valid_from, valid_to, valid_to IS NULL AS is_current, known_at,
       {week_of("valid_from")} AS week
FROM (SELECT {columns}, LEAD(valid_from) OVER {in_time} AS valid_to FROM ({changes}) AS changes) AS ended"""


def _one_by_one(events: str, thing: Sequence[str], values: Sequence[str], order: str = "") -> str:
    """Of the facts of one time the last by its order, which is that of its values, as it was first learnt of."""
    order = order or _list([f"{name} NULLS FIRST" for name in values])
    ahead = f"LEAD(event_time) OVER (PARTITION BY {_list(thing)} ORDER BY event_time, {order}, ingest_time DESC)"
    columns = f"{_list(thing)}, {_list(values)}"
    return f"""
SELECT {columns}, event_time AS valid_from, ingest_time AS known_at
FROM (
  SELECT {columns}, event_time, ingest_time, {ahead} AS next_time
  FROM ({events}) AS told
) AS ranked WHERE next_time IS NULL OR next_time <> event_time"""


def _mostly_told_once(events: str, thing: Sequence[str], value: str) -> str:
    """As `_history`, for things of which most are told of once only: those need no look at what is before and after."""
    same = " AND ".join(f"f.{name} = m.{name}" for name in thing)
    told = _list([f"f.{name}" for name in (*thing, value, "event_time", "ingest_time")])
    several = f"SELECT {told} FROM told AS f LEFT SEMI JOIN (SELECT * FROM counted WHERE n > 1) AS m ON {same}"
    return f"""
WITH told AS ({events}),
counted AS (
  SELECT {_list(thing)}, MAX({value}) AS {value}, MAX(event_time) AS valid_from, MAX(ingest_time) AS known_at,
         COUNT(*) AS n
  FROM told GROUP BY {_list(thing)}
)
SELECT {_list(thing)}, {value}, valid_from, CAST(NULL AS TIMESTAMP) AS valid_to, true AS is_current, known_at,
       {week_of("valid_from")} AS week
FROM counted WHERE n = 1
UNION ALL {_history(_one_by_one(several, thing, [value]), thing, [value], changing=[value])}"""


_PLACE = ("channel_id", "user_id")
_MESSAGE = ("channel_id", "message_id")

MEMBERSHIPS_SQL = _history(
    _one_by_one(
        f"""
SELECT channel_id, user_id, type <> 'leave' AS is_member, type AS event_type, event_time, ingest_time
FROM events WHERE {of_types(MEMBERSHIP_EVENTS)}""",
        _PLACE,
        ["is_member", "event_type"],
        order="is_member DESC, event_type DESC",
    ),
    _PLACE,
    ["is_member", "event_type"],
    changing=["is_member"],
)
"""Who is in which channel by what they did there; somebody who is gone from the workspace is still in it here."""

REACTIONS_SQL = _mostly_told_once(
    f"""
SELECT channel_id, message_id, user_id, {attribute("reaction")} AS reaction, {is_set("removed")} AS removed,
       event_time, ingest_time
FROM events WHERE {of_types(REACTION_EVENTS)}""",
    [*_MESSAGE, "user_id", "reaction"],
    "removed",
)

READS_SQL = _history(
    _one_by_one(
        f"SELECT channel_id, user_id, message_id, event_time, ingest_time FROM events WHERE {of_types(READ_EVENTS)}",
        _PLACE,
        ["message_id"],
    ),
    _PLACE,
    ["message_id"],
    changing=[],
)
"""Every read is a row: the newest one tells when a person last looked."""

REPORTS_SQL = _mostly_told_once(
    f"""
SELECT channel_id, message_id, user_id, COALESCE({attribute("reason")}, 'other') AS reason, event_time, ingest_time
FROM events WHERE {of_types(REPORT_EVENTS)}""",
    [*_MESSAGE, "user_id"],
    "reason",
)


@dataclass(frozen=True)
class _Fact:
    """One column of many that events tell of: null where an event says nothing of it."""

    name: str
    told: str
    unless_told: str = "NULL"
    is_first: bool = False
    """Whether what was told first holds for ever, and the smaller one; otherwise it is the last, and the greater."""

    @property
    def at_once(self) -> str:
        choose = "MIN" if self.is_first else "MAX"
        # When several things are said of one time, it is not known which one holds before all are known.
        known = f"MAX(CASE WHEN {self.name} IS NOT NULL THEN known_at END) AS {self.name}_known_at"
        return f"{choose}({self.name}) AS {self.name}, {known}"

    def so_far(self, thing: str) -> str:
        choose = "FIRST_VALUE" if self.is_first else "LAST_VALUE"
        frame = f"(PARTITION BY {thing} ORDER BY event_time ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
        return _list([f"{choose}({c}) IGNORE NULLS OVER {frame} AS {c}" for c in (self.name, f"{self.name}_known_at")])

    @property
    def value(self) -> str:
        return self.name if self.unless_told == "NULL" else f"COALESCE({self.name}, {self.unless_told}) AS {self.name}"


def _of_many_facts(thing: str, facts: Sequence[_Fact], told_by: str) -> str:
    names = [fact.name for fact in facts]
    told = ", ".join(f"{fact.told} AS {fact.name}" for fact in facts)
    known = _list([f"{name}_known_at" for name in names])
    return _history(
        f"""
SELECT {thing}, {_list([fact.value for fact in facts])}, event_time AS valid_from, GREATEST({known}) AS known_at
FROM (
  SELECT {thing}, event_time, {_list([fact.so_far(thing) for fact in facts])}
  FROM (
    SELECT {thing}, event_time, {_list([fact.at_once for fact in facts])}
    FROM (
      SELECT {thing}, event_time, {_list(names)}, MIN(ingest_time) AS known_at
      FROM (SELECT {thing}, event_time, ingest_time, {told} FROM events WHERE {told_by}) AS told
      GROUP BY {thing}, event_time, {_list(names)}
    ) AS told_once GROUP BY {thing}, event_time
  ) AS moments
) AS known""",
        [thing],
        names,
        changing=names,
    )


_CREATED = "type = 'channel_created'"

CHANNELS_SQL = _of_many_facts(
    "channel_id",
    [
        _Fact("name", attribute("name")),
        _Fact("topic", attribute("topic")),
        _Fact(
            "is_private",
            f"CASE WHEN {_CREATED} THEN {is_set('is_private')} "
            f"WHEN type = 'channel_made_private' THEN NOT {is_set('removed')} END",
            unless_told="false",
        ),
        _Fact(
            "is_archived",
            f"CASE WHEN type = 'channel_archived' THEN NOT {is_set('removed')} END",
            unless_told="false",
        ),
        _Fact("creator_id", f"CASE WHEN {_CREATED} THEN user_id END", is_first=True),
        _Fact("created_at", f"CASE WHEN {_CREATED} THEN event_time END", is_first=True),
    ],
    of_types(CHANNEL_EVENTS),
)

_UPDATED = "type = 'user_updated'"
_FROM_BOT = f"type = 'message' AND {is_set('is_bot')}"

USERS_SQL = _of_many_facts(
    "user_id",
    [
        _Fact("name", attribute("name")),
        _Fact("team", attribute("team")),
        _Fact("title", attribute("title")),
        _Fact("role", attribute("role")),
        _Fact(
            "is_bot",
            f"CASE WHEN {_UPDATED} THEN {is_set('is_bot')} WHEN {_FROM_BOT} THEN true END",
            unless_told="false",
        ),
        _Fact("is_deleted", f"CASE WHEN {_UPDATED} THEN {is_set('is_deleted')} END", unless_told="false"),
    ],
    f"{of_types(['role_changed', 'user_updated'])} OR ({_FROM_BOT})",
)
"""People of whom something was told; a message by a bot tells that its author is one."""
