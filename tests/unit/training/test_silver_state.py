"""Silver tables with a history hold, at every moment, what the service held in memory: told one log, both agree."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quikapp_ml.entities.events import EVENT_TYPES, Event, Message, Reaction, Read, Report, parse_event
from quikapp_ml.errors import InvalidInput
from quikapp_ml.features.message_log import MessageLog
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.stores.lake import open_compute, open_lake
from quikapp_ml.stores.lake.base import Compute, Lake, Table
from quikapp_ml.stores.lake.tables import CHANNELS, EVENTS, MEMBERSHIPS, REACTIONS, READS, REPORTS, USERS
from quikapp_ml.training.expectations import EXPECTATIONS
from quikapp_ml.training.quality import check_tables
from quikapp_ml.training.quality_records import PASSED
from quikapp_ml.training.silver_state import STATE_TABLES, StateTable
from support.logs import LOG_END, LOG_START, late, random_log, table_of

SAIL = pytest.param("", id="sail")
SPARK = pytest.param(os.environ.get("TEST_SPARK_REMOTE", ""), id="spark", marks=pytest.mark.spark)
EXAMPLES = 2 if os.environ.get("TEST_SPARK_REMOTE") else 12

E = TypeVar("E", bound=Event)
Row = dict[str, Any]
Rows = list[Row]
Known = tuple[datetime, Event]
"""When an event was learnt of, and the event."""


@pytest.fixture(scope="module", params=[SAIL, SPARK] if os.environ.get("TEST_SPARK_REMOTE") else [SAIL])
def compute(request: pytest.FixtureRequest) -> Iterator[Compute]:
    engine = open_compute(request.param)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = open_lake(str(tmp_path_factory.mktemp("lake")))
    lake.ensure(EVENTS)
    return lake


def made(
    lake: Lake, compute: Compute, log: Sequence[Known], states: Sequence[StateTable] = STATE_TABLES
) -> dict[str, Rows]:
    """Every table with a history, or some, made of the log."""
    rows = [EVENTS.columns.empty_table(), *(table_of([event], known_at) for known_at, event in log)]
    lake.overwrite(EVENTS.name, pa.concat_tables(rows))
    events = {"events": lake.uri(EVENTS.name)}
    answers = {state.table.name: compute.query(state.sql, events) for state in states}
    for state in states:
        assert answers[state.table.name].column_names == state.table.columns.names
    return {name: answer.to_pylist() for name, answer in answers.items()}


# ── both sides in one form ───────────────────────────────────────────────────────────────────────────────────────────

State = dict[str, dict[tuple[str, ...], tuple[Any, ...]]]
"""Table → thing → what holds of it; `seats` are who is where, told by two tables."""


def by_memory(events: Sequence[Event]) -> State:
    """What the service holds after the events; reads and reasons of reports, which it does not hold, are told here."""
    messages = MessageLog()
    workspace = Workspace(messages)
    for event in events:
        workspace.apply(event)
    places = {(one.channel_id, one.message_id) for one in events if isinstance(one, Message | Reaction | Report)}
    touched = {place: messages.touch(*place) for place in places}
    reports = newest({(e.channel_id, e.message_id, e.user_id): (e.event_time, e.reason)} for e in only(events, Report))
    assert {(*place, user) for place, one in touched.items() for user in one.reporters or ()} == set(reports)
    reads = newest({(e.channel_id, e.user_id): (e.event_time, e.message_id or "")} for e in only(events, Read))
    return {
        "seats": {(place, user_id): () for place in workspace.channels for user_id in workspace.members_of(place)},
        MEMBERSHIPS.name: {
            (channel_id, user_id): (not left,)
            for user_id, person in workspace.people.items()
            for channel_id, (_, left) in person.left.items()
        },
        REACTIONS.name: {
            (*place, *name.split("\t")): (removed,)
            for place, one in touched.items()
            for name, (_, removed) in (one.reactions or {}).items()
        },
        READS.name: {place: (at, message_id or None) for place, (at, message_id) in reads.items()},
        REPORTS.name: {place: (reason,) for place, (_, reason) in reports.items()},
        CHANNELS.name: {
            (c.channel_id,): (c.name, c.topic, c.is_private, c.is_archived, c.creator_id, c.created_at)
            for c in workspace.channels.values()
            if c.facts
        },
        USERS.name: {
            (p.user_id,): (p.name, p.team, p.title, p.role, p.is_bot, p.is_deleted)
            for p in workspace.people.values()
            if p.facts
        },
    }


def only(events: Iterable[Event], kind: type[E]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def newest(facts: Iterable[dict[tuple[str, ...], tuple[datetime, str]]]) -> dict[tuple[str, ...], tuple[datetime, str]]:
    held: dict[tuple[str, ...], tuple[datetime, str]] = {}
    for fact in facts:
        for name, value in fact.items():
            held[name] = max(held.get(name, value), value)
    return held


def thing_of(table: Table, row: Row) -> tuple[str, ...]:
    return tuple(row[column] for column in table.key[:-1])


def value_of(table: Table, row: Row) -> tuple[Any, ...]:
    if table is CHANNELS:
        row = row | {"created_at": row["created_at"] and row["created_at"].timestamp()}
    if table is READS:
        return row["valid_from"], row["message_id"]
    not_values = {*table.key, "event_type", "valid_to", "is_current", "known_at", "week"}
    return tuple(row[name] for name in table.columns.names if name not in not_values)


def by_sql(tables: dict[str, Rows], holds: Callable[[Row], bool]) -> State:
    """What the tables say, of the rows that hold; who sits in a channel are its members but for those who are gone."""
    state: State = {
        table.name: {thing_of(table, row): value_of(table, row) for row in tables[table.name] if holds(row)}
        for table in (state.table for state in STATE_TABLES)
    }
    gone = {row["user_id"] for row in tables[USERS.name] if holds(row) and row["is_deleted"]}
    members = [place for place, (is_member,) in state[MEMBERSHIPS.name].items() if is_member]
    return state | {"seats": {place: () for place in members if place[1] not in gone}}


def at(moment: datetime) -> Callable[[Row], bool]:
    return lambda row: row["valid_from"] <= moment and (row["valid_to"] is None or moment < row["valid_to"])


# ── what must be true of any log ─────────────────────────────────────────────────────────────────────────────────────


def check(log: Sequence[Known], tables: dict[str, Rows]) -> None:
    told = [event for _, event in log]
    assert by_sql(tables, lambda row: row["is_current"]) == by_memory(told)
    for moment in moments(told):
        assert by_sql(tables, at(moment)) == by_memory([one for one in told if one.event_time <= moment]), moment
    for state in STATE_TABLES:
        check_rows_follow_each_other(state.table, tables[state.table.name])


def moments(told: Sequence[Event], count: int = 6) -> list[datetime]:
    times = sorted({event.event_time for event in told})
    return [*times[:: max(1, len(times) // count)], *(times[:1] and [times[0] - timedelta(seconds=1)])]


def check_rows_follow_each_other(table: Table, rows: Rows) -> None:
    rows = sorted(rows, key=lambda row: (thing_of(table, row), row["valid_from"]))
    for row in rows:
        assert row["is_current"] == (row["valid_to"] is None)
    assert sum(row["is_current"] for row in rows) == len({thing_of(table, row) for row in rows})
    for row, after in pairwise(rows):
        if thing_of(table, after) == thing_of(table, row):
            assert row["valid_from"] < row["valid_to"] == after["valid_from"]
            assert value_of(table, row) != value_of(table, after)


def check_nothing_leaks(log: Sequence[Known], tables: dict[str, Rows]) -> None:
    """Each row is what would have been held by one who knew only what was known then."""
    for state in STATE_TABLES:
        for row in tables[state.table.name]:
            events = [e for known, e in log if e.event_time <= row["valid_from"] and known <= row["known_at"]]
            held = by_memory(events)[state.table.name]
            assert held[thing_of(state.table, row)] == value_of(state.table, row)
            assert row["known_at"] in {known for known, _ in log}


KINDS = sorted(set(EVENT_TYPES) - {"mute", "block", "edit", "delete"})
_ID = {name: st.sampled_from([f"{name[0]}{number}" for number in range(2)]) for name in ("user", "channel", "message")}
_TEXTS = st.sampled_from(["", "a", "B", 'it\'s "all" \\ done', "зоя 🙂", "null", "7"])
_NAMES = _TEXTS.filter(bool)
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "message": st.fixed_dictionaries({"message_id": _ID["message"], "is_bot": st.booleans()}),
    "reaction": st.fixed_dictionaries({"message_id": _ID["message"], "reaction": _NAMES, "removed": st.booleans()}),
    "read": st.fixed_dictionaries({"message_id": st.none() | _ID["message"]}),
    "report": st.fixed_dictionaries(
        {"message_id": _ID["message"], "reason": st.sampled_from(["spam", "abuse", "other"])}
    ),
    "channel_created": st.fixed_dictionaries(
        {"name": _NAMES, "topic": st.none() | _TEXTS, "is_private": st.booleans()}
    ),
    "channel_renamed": st.fixed_dictionaries({"name": _NAMES}),
    "channel_topic_set": st.fixed_dictionaries({"topic": _TEXTS}),
    "channel_archived": st.fixed_dictionaries({"removed": st.booleans()}),
    "channel_made_private": st.fixed_dictionaries({"removed": st.booleans()}),
    "role_changed": st.fixed_dictionaries({"role": st.sampled_from(["guest", "member", "admin"])}),
    "user_updated": st.fixed_dictionaries(
        {name: st.none() | _NAMES for name in ("name", "team", "title")}
        | {"is_bot": st.booleans(), "is_deleted": st.booleans()}
    ),
}


@st.composite
def logs(draw: st.DrawFn, most_events: int = 60) -> list[Known]:
    """Few people, channels and times, so that much is said of the same thing, also at the same time; any is late."""
    log = []
    for number in range(draw(st.integers(0, most_events))):
        kind = draw(st.sampled_from(KINDS))
        minute = draw(st.integers(0, 12))
        fields = draw(_FIELDS.get(kind, st.just({})))
        if "role" not in kind and "user" not in kind:
            fields = {"channel_id": draw(_ID["channel"])} | fields
        event = told(kind, minute, draw(_ID["user"]), number, **fields)
        log.append((event.event_time + timedelta(minutes=draw(st.integers(0, 30))), event))
    return log


def told(kind: str, minute: float, user_id: str, number: object = "", **fields: Any) -> Event:
    event_time = (LOG_START + timedelta(minutes=minute)).isoformat()
    event_id = f"{kind} {minute} {user_id} {number}"
    return parse_event(
        {"event_id": event_id, "type": kind, "event_time": event_time, "user_id": user_id, **fields}, now=LOG_END
    )


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(log=logs())
def test_any_log_folds_to_what_the_service_holds(lake: Lake, compute: Compute, log: list[Known]) -> None:
    tables = made(lake, compute, log)
    check(log, tables)
    check_nothing_leaks(log, tables)


def test_a_random_chat_and_a_sample_workspace(lake: Lake, compute: Compute) -> None:
    config = SampleConfig(users=25, days=4, seed=11)
    as_of = config.until + timedelta(days=1)
    for events in (random_log(seed=4, n_events=600), [parse_event(one, now=as_of) for one in generate(config)]):
        again = [one.model_copy(update={"event_id": f"{one.event_id} again"}) for one in events[::9]]
        arrived = late([*events, *again], seed=2, most_places=200)
        log = [(as_of + timedelta(minutes=minute // 50), one) for minute, one in enumerate(arrived)]
        tables = made(lake, compute, log)
        check(log, tables)
        assert any(row["is_member"] for row in tables[MEMBERSHIPS.name])
        assert tables[REACTIONS.name]
        assert tables[READS.name]


def test_each_row_depends_on_events_of_its_key_and_types_alone(lake: Lake, compute: Compute) -> None:
    log = [(LOG_END, one) for one in random_log(seed=8, n_events=200)]
    tables = made(lake, compute, log)
    for state in STATE_TABLES:
        rows = tables[state.table.name]
        for key in {tuple(row[column] for column in state.key) for row in rows[::40]}:
            alone = [
                (known, one)
                for known, one in log
                if one.type in state.types and tuple(getattr(one, column, None) for column in state.key) == key
            ]
            expected = [row for row in rows if tuple(row[column] for column in state.key) == key]
            assert sorted(made(lake, compute, alone, [state])[state.table.name], key=str) == sorted(expected, key=str)


# ── known answers ────────────────────────────────────────────────────────────────────────────────────────────────────


def rows_of(lake: Lake, compute: Compute, table: Table, log: Sequence[tuple[float, Event]]) -> list[tuple[Any, ...]]:
    """Values, and the minutes of from, to and known; the log is told with the minutes in which it was learnt of."""
    tables = made(lake, compute, [(LOG_START + timedelta(minutes=known), event) for known, event in log])
    rows = sorted(tables[table.name], key=lambda row: row["valid_from"])
    return [
        (*value_of(table, row), minutes(row["valid_from"]), minutes(row["valid_to"]), minutes(row["known_at"]))
        for row in rows
    ]


def minutes(time: datetime | None) -> float | None:
    return None if time is None else (time - LOG_START) / timedelta(minutes=1)


def test_somebody_joins_writes_leaves_and_comes_back(lake: Lake, compute: Compute) -> None:
    log = [
        (1, told("join", 1, "ann", channel_id="c")),
        (2, told("message", 2, "ann", channel_id="c", message_id="m")),
        (9, told("leave", 5, "ann", channel_id="c")),
        (9, told("join", 1, "ann", "again", channel_id="c")),
        (7, told("message", 7, "ann", channel_id="c", message_id="n")),
    ]
    assert rows_of(lake, compute, MEMBERSHIPS, log) == [(True, 1, 5, 1), (False, 5, 7, 9), (True, 7, None, 7)]


def test_a_join_learnt_of_late_starts_the_row_and_is_known_late(lake: Lake, compute: Compute) -> None:
    log = [
        (2, told("message", 2, "ann", channel_id="c", message_id="m")),
        (8, told("join", 1, "ann", channel_id="c")),
        (3, told("leave", 0, "ann", channel_id="c")),
    ]
    assert rows_of(lake, compute, MEMBERSHIPS, log) == [(False, 0, 1, 3), (True, 1, None, 8)]


def test_a_late_name_of_long_ago_does_not_make_what_came_after_it_known_late(lake: Lake, compute: Compute) -> None:
    log = [
        (2, told("user_updated", 2, "ann", name="Ann", title="Lead")),
        (9, told("user_updated", 1, "ann", name="Anne")),
        (4, told("role_changed", 4, "ann", role="admin")),
    ]
    assert rows_of(lake, compute, USERS, log) == [
        ("Anne", None, None, None, False, False, 1, 2, 9),
        ("Ann", None, "Lead", None, False, False, 2, 4, 2),
        ("Ann", None, "Lead", "admin", False, False, 4, None, 4),
    ]


def test_a_channel_renamed_before_its_creation_was_told_of(lake: Lake, compute: Compute) -> None:
    log = [
        (1, told("channel_renamed", 1, "bob", channel_id="c", name="late")),
        (3, told("channel_created", 3, "ann", channel_id="c", name="garden", is_private=True)),
        (4, told("channel_made_private", 4, "ann", channel_id="c", removed=True)),
    ]
    created = (LOG_START + timedelta(minutes=3)).timestamp()
    assert rows_of(lake, compute, CHANNELS, log) == [
        ("late", None, False, False, None, None, 1, 3, 1),
        ("garden", None, True, False, "ann", created, 3, 4, 3),
        ("garden", None, False, False, "ann", created, 4, None, 4),
    ]


def test_what_is_made_passes_its_gate_and_is_kept_by_its_table(compute: Compute, tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path))
    lake.ensure(EVENTS)
    people = [told("user_updated", number, f"u{number}", name="Ann") for number in range(3)]
    lake.append(EVENTS.name, table_of([*people, told("role_changed", 9, "u1", role="owner"), *random_log(3, 200)]))
    for state in STATE_TABLES:
        lake.ensure(state.table)
        rows = compute.query(state.sql, {"events": lake.uri(EVENTS.name)})
        lake.overwrite(state.table.name, rows)
        assert sorted(lake.read(state.table.name).to_pylist(), key=str) == sorted(rows.to_pylist(), key=str) != []
        wrong = {**rows.to_pylist()[0], "is_current": True, "valid_to": LOG_END}
        with pytest.raises(InvalidInput, match="current_or_ended"):
            lake.append(state.table.name, pa.Table.from_pylist([wrong], schema=state.table.columns))
    findings = check_tables(lake, LOG_END, {state.table.name: EXPECTATIONS[state.table.name] for state in STATE_TABLES})
    assert [finding for finding in findings if finding.status != PASSED] == []
    assert {finding.table for finding in findings} == {state.table.name for state in STATE_TABLES}
