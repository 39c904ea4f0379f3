"""What every control state does with tokens, audit entries and endpoints, in memory and in SQL."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from quikapp_ml.errors import AlreadyExists, Conflict, NotFound
from quikapp_ml.stores.state.audit import AuditEntry
from quikapp_ml.stores.state.base import ControlState
from quikapp_ml.stores.state.endpoints import EndpointConfig, EndpointRecord, ServedEntity
from quikapp_ml.stores.state.jobs import JobDefinition
from quikapp_ml.stores.state.monitors import MonitorRecord, RefreshState
from quikapp_ml.stores.state.tokens import Token

NOW = datetime(2026, 11, 23, 2, 0, 0, 250_000, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
SERVED = ServedEntity("spam-1", "spam-classifier", 1, "ada", NOW, sizing={"workload_size": "Small"})
ENDPOINT = EndpointRecord(
    "spam", "e-1", "ada", NOW, NOW, active=EndpointConfig(1, (SERVED,), {"spam-1": 100}, NOW), tags={"ü": "1"}
)


def test_tokens_are_kept_and_end_once(state: ControlState) -> None:
    first = Token("t-1", "a" * 64, "ada", ("serving", "ü"), NOW)
    second = Token("t-2", "b" * 64, "bob", (), LATER, expires_at=LATER, comment="why")
    state.tokens.add(first)
    state.tokens.add(second)
    for taken in (replace(first, digest="c" * 64), replace(first, token_id="t-3")):
        with pytest.raises(AlreadyExists):
            state.tokens.add(taken)
    assert state.tokens.all() == [second, first]
    assert state.tokens.revoke("t-1", NOW) == state.tokens.revoke("t-1", LATER) == replace(first, revoked_at=NOW)
    assert state.tokens.all() == [second, replace(first, revoked_at=NOW)]
    with pytest.raises(NotFound):
        state.tokens.revoke("t-9", NOW)


def test_audit_entries_wait_in_order_until_they_are_forgotten(state: ControlState) -> None:
    entries = [AuditEntry(f"e-{n}", NOW, "accounts", "do", "ada", 200, parameters={"n": str(n)}) for n in range(4)]
    for entry in entries:
        state.audit.append(entry)
    waiting = state.audit.waiting()
    numbers = [number for number, _ in waiting]
    assert [entry for _, entry in waiting] == entries
    assert numbers == sorted(set(numbers))
    assert state.audit.waiting(limit=2) == waiting[:2]
    state.audit.forget(numbers[2])
    assert state.audit.waiting() == waiting[3:]
    state.audit.forget(numbers[3])
    state.audit.append(entries[0])
    assert state.audit.waiting()[0][0] > numbers[3]
    assert state.audit.store_id == state.audit.store_id != ""


def test_an_endpoint_is_changed_by_who_has_seen_it_last(state: ControlState) -> None:
    state.endpoints.create(ENDPOINT)
    with pytest.raises(AlreadyExists):
        state.endpoints.create(ENDPOINT)
    assert state.endpoints.get("spam") == ENDPOINT
    changed = state.endpoints.replace(replace(ENDPOINT, description="new"))
    assert (changed.revision, changed.description) == (2, "new")
    with pytest.raises(Conflict):
        state.endpoints.replace(replace(ENDPOINT, description="late"))
    state.endpoints.create(replace(ENDPOINT, name="abuse", endpoint_id="e-2"))
    assert [record.name for record in state.endpoints.all()] == ["abuse", "spam"]
    state.endpoints.delete("abuse")
    assert state.endpoints.all() == [changed]
    for gone in (lambda: state.endpoints.get("abuse"), lambda: state.endpoints.delete("abuse")):
        with pytest.raises(NotFound):
            gone()
    with pytest.raises(NotFound):
        state.endpoints.replace(replace(ENDPOINT, name="abuse"))


def test_jobs_of_clients_are_changed_in_one_step(state: ControlState) -> None:
    first = JobDefinition(12, {"name": "nightly ü", "tasks": []}, "ada", NOW)
    second = JobDefinition(2**52, {"tasks": [{"task_key": "a"}]}, "bob", LATER, is_one_time=True)
    for definition in (first, second):
        state.jobs.add(definition)
    with pytest.raises(AlreadyExists):
        state.jobs.add(replace(second, job_id=12))
    assert state.jobs.all() == [second, first]
    changed = state.jobs.change(12, lambda settings: {**settings, "tasks": [{"task_key": "b"}]})
    assert changed == state.jobs.get(12) == replace(first, settings={"name": "nightly ü", "tasks": [{"task_key": "b"}]})
    state.jobs.delete(12)
    assert state.jobs.all() == [second]
    for gone in (lambda: state.jobs.get(12), lambda: state.jobs.delete(12), lambda: state.jobs.change(12, dict)):
        with pytest.raises(NotFound, match="12"):
            gone()


def test_a_monitor_is_changed_by_who_has_seen_it_last(state: ControlState) -> None:
    record = MonitorRecord("a.b.c", "ada", {"kind": "snapshot", "slicing": ["x > 1"]})
    state.monitors.create(record)
    with pytest.raises(AlreadyExists):
        state.monitors.create(record)
    changed = state.monitors.replace(replace(record, definition={"kind": "time_series"}))
    assert changed == state.monitors.get("a.b.c") == replace(record, version=1, definition={"kind": "time_series"})
    with pytest.raises(Conflict):
        state.monitors.replace(record)
    state.monitors.create(replace(record, table="a.a.a"))
    assert [each.table for each in state.monitors.all()] == ["a.a.a", "a.b.c"]
    state.monitors.delete("a.b.c")
    for gone in (lambda: state.monitors.get("a.b.c"), lambda: state.monitors.delete("a.b.c")):
        with pytest.raises(NotFound):
            gone()
    with pytest.raises(NotFound):
        state.monitors.replace(changed)


def test_refreshes_of_a_monitor_end_once_and_go_with_it(state: ControlState) -> None:
    for table in ("a.b.c", "a.b.d"):
        state.monitors.create(MonitorRecord(table, "ada", {}))
    first, second, other = (state.monitors.add_refresh(table, "MANUAL", NOW) for table in ("a.b.c", "a.b.c", "a.b.d"))
    assert (first.state, first.started_at, second.refresh_id > first.refresh_id) == (RefreshState.PENDING, NOW, True)
    assert state.monitors.move_refresh(first.refresh_id, RefreshState.RUNNING).state is RefreshState.RUNNING
    ended = state.monitors.move_refresh(first.refresh_id, RefreshState.FAILED, "why", LATER)
    assert (ended.state, ended.message, ended.ended_at) == (RefreshState.FAILED, "why", LATER)
    assert state.monitors.move_refresh(first.refresh_id, RefreshState.SUCCESS) == ended
    assert state.monitors.refreshes("a.b.c") == [second, ended]
    assert state.monitors.refreshes(limit=2) == [other, second]
    state.monitors.delete("a.b.c")
    assert state.monitors.refreshes() == [other]
    with pytest.raises(NotFound):
        state.monitors.move_refresh(first.refresh_id, RefreshState.SUCCESS)
