"""What every control state does, in memory and in SQL."""

import sqlite3
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from quikapp_ml.errors import AlreadyExists, Conflict, InvalidInput, NotFound, StorageFailed
from quikapp_ml.stores.state import open_state
from quikapp_ml.stores.state.audit import AuditEntry
from quikapp_ml.stores.state.base import ControlState, JobRuns, RunState
from quikapp_ml.stores.state.endpoints import AutoCapture, EndpointConfig, EndpointRecord, ServedEntity
from quikapp_ml.stores.state.tokens import Token
from support.servers import StoreServers

NIGHT = datetime(2026, 11, 23, 2, 0, 0, 250_000, tzinfo=UTC)
LATER = NIGHT + timedelta(minutes=3)


@pytest.fixture
def runs(state: ControlState) -> JobRuns:
    return state.job_runs


def test_a_started_run_is_running_and_keeps_what_it_was_given(runs: JobRuns) -> None:
    run = runs.start_run("ml_pipeline", "manual", {"model": "spam-classifier"}, NIGHT)
    assert run == runs.run(run.run_id)
    assert (run.job, run.trigger, run.state, run.started_at) == ("ml_pipeline", "manual", RunState.RUNNING, NIGHT)
    assert (run.ended_at, run.message, dict(run.parameters)) == (None, "", {"model": "spam-classifier"})


def test_run_ids_grow_and_the_newest_run_comes_first(runs: JobRuns) -> None:
    ids = [runs.start_run("ml_pipeline", "schedule", {}, NIGHT).run_id for _ in range(4)]
    assert ids == sorted(set(ids))
    assert [run.run_id for run in runs.runs(limit=3)] == ids[:0:-1]


def test_runs_are_chosen_by_job_and_state(runs: JobRuns) -> None:
    first = runs.start_run("ml_pipeline", "manual", {}, NIGHT)
    other = runs.start_run("another_job", "manual", {}, NIGHT)
    runs.finish_run(first.run_id, RunState.SUCCEEDED, "", LATER)
    assert [run.run_id for run in runs.runs(job="another_job")] == [other.run_id]
    assert [run.run_id for run in runs.runs(state=RunState.SUCCEEDED)] == [first.run_id]
    assert runs.runs(job="ml_pipeline", state=RunState.RUNNING) == []


def test_attempts_are_numbered_for_each_task_and_kept_in_order(runs: JobRuns) -> None:
    run_id = runs.start_run("ml_pipeline", "manual", {}, NIGHT).run_id
    first = runs.start_task(run_id, "train", "/logs/1", NIGHT)
    runs.finish_task(first, RunState.FAILED, "exit code 1", LATER)
    other = runs.start_task(run_id, "deploy", "", LATER)
    second = runs.start_task(run_id, "train", "/logs/2", LATER)
    done = runs.finish_task(second, RunState.SUCCEEDED, "", LATER)
    run = runs.run(run_id)
    assert [(each.task, each.number, each.state) for each in run.attempts] == [
        ("train", 1, RunState.FAILED),
        ("deploy", 1, RunState.RUNNING),
        ("train", 2, RunState.SUCCEEDED),
    ]
    assert run.attempts[0].message == "exit code 1"
    assert run.last_attempts() == {"train": done, "deploy": other}


def test_a_finished_run_leaves_no_attempt_running(runs: JobRuns) -> None:
    run_id = runs.start_run("ml_pipeline", "manual", {}, NIGHT).run_id
    done = runs.finish_task(runs.start_task(run_id, "features", "", NIGHT), RunState.SUCCEEDED, "", NIGHT)
    runs.start_task(run_id, "train", "", NIGHT)
    run = runs.finish_run(run_id, RunState.LOST, "its process is gone", LATER)
    assert (run.state, run.ended_at, run.message) == (RunState.LOST, LATER, "its process is gone")
    assert run.attempts[0] == done
    assert (run.attempts[1].state, run.attempts[1].ended_at) == (RunState.LOST, LATER)


def test_a_run_can_be_resumed_and_goes_on_numbering(runs: JobRuns) -> None:
    run_id = runs.start_run("ml_pipeline", "manual", {}, NIGHT).run_id
    runs.finish_task(runs.start_task(run_id, "train", "", NIGHT), RunState.FAILED, "no", NIGHT)
    runs.finish_run(run_id, RunState.FAILED, "train failed", NIGHT)
    resumed = runs.resume_run(run_id)
    assert (resumed.state, resumed.ended_at, resumed.message) == (RunState.RUNNING, None, "")
    assert runs.start_task(run_id, "train", "", LATER).number == 2


def test_text_that_postgres_cannot_hold_is_refused_and_changes_nothing(store_servers: StoreServers) -> None:
    state = open_state(store_servers["postgres"].new_url())
    run = state.job_runs.start_run("ml_pipeline", "manual", {}, NIGHT)
    with pytest.raises(InvalidInput, match="does not take a value"):
        state.job_runs.finish_run(run.run_id, RunState.FAILED, "a\x00b", LATER)
    assert state.job_runs.run(run.run_id) == run
    state.close()


def test_times_come_back_in_utc(runs: JobRuns) -> None:
    cest = timezone(timedelta(hours=2))
    run = runs.start_run("ml_pipeline", "manual", {}, NIGHT.astimezone(cest))
    assert runs.run(run.run_id).started_at == NIGHT


def test_what_does_not_exist_is_not_found(runs: JobRuns) -> None:
    attempt = runs.start_task(runs.start_run("ml_pipeline", "manual", {}, NIGHT).run_id, "train", "", NIGHT)
    with pytest.raises(NotFound, match="run 99"):
        runs.run(99)
    with pytest.raises(NotFound, match="run 99"):
        runs.resume_run(99)
    with pytest.raises(NotFound, match="run 99"):
        runs.finish_run(99, RunState.FAILED, "", NIGHT)
    with pytest.raises(NotFound, match="run 99"):
        runs.start_task(99, "train", "", NIGHT)
    with pytest.raises(NotFound, match="attempt 7"):
        runs.finish_task(type(attempt)(**{**vars(attempt), "number": 7}), RunState.FAILED, "", NIGHT)


def test_runs_survive_reopening(url: str) -> None:
    first = open_state(url)
    run = first.job_runs.start_run("ml_pipeline", "manual", {"a": "b"}, NIGHT)
    first.close()
    second = open_state(url)
    assert second.job_runs.runs() == [run]
    second.close()


def test_two_openers_write_at_once(url: str) -> None:
    states = [open_state(url) for _ in range(2)]

    def start_many(runs: JobRuns) -> None:
        for _ in range(25):
            run = runs.start_run("ml_pipeline", "manual", {}, NIGHT)
            runs.start_task(run.run_id, "train", "", NIGHT)

    threads = [threading.Thread(target=start_many, args=(state.job_runs,)) for state in states]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = states[0].job_runs.runs(limit=100)
    assert len(found) == 50
    assert all(len(run.attempts) == 1 for run in found)
    for state in states:
        state.close()


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    open_state(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    connection.close()
    with pytest.raises(Conflict, match="schema version 99"):
        open_state(f"sqlite:///{path}")


def test_a_file_that_is_no_database_is_a_storage_failure(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StorageFailed, match=r"state\.db.* move it away"):
        open_state(f"sqlite:///{path}")


def test_a_folder_made_for_it_is_open_to_nobody_else(tmp_path: Path) -> None:
    open_state(f"sqlite:///{tmp_path}/home/state.db").close()
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_a_storage_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageFailed, match="cannot be made"):
        open_state(f"sqlite:///{tmp_path}/file/state.db")


def test_an_unknown_scheme_is_refused_without_showing_credentials() -> None:
    with pytest.raises(InvalidInput, match="'mongodb' is unknown; use one of") as refused:
        open_state("mongodb://user:secret@host/db")
    assert "secret" not in str(refused.value)


def _token(number: int, **more: Any) -> Token:
    given: dict[str, Any] = {
        "token_id": f"t-{number}", "digest": f"{number:064x}", "owner": "ann", "scopes": ("sql", "mlflow"),
        "created_at": NIGHT + timedelta(minutes=number),
    }  # fmt: skip
    return Token(**{**given, **more})


def test_tokens_are_kept_newest_first_and_revoked_once(state: ControlState) -> None:
    first, second = _token(1), _token(2, expires_at=LATER, comment="for the laptop")
    state.tokens.add(first)
    state.tokens.add(second)
    assert state.tokens.all() == [second, first]
    revoked = state.tokens.revoke("t-1", LATER)
    assert (revoked.revoked_at, state.tokens.all()[1]) == (LATER, revoked)
    assert state.tokens.revoke("t-1", LATER + timedelta(days=1)) == revoked
    assert not revoked.is_valid(NIGHT) and second.is_valid(NIGHT) and not second.is_valid(LATER)


def test_a_token_has_an_id_and_a_digest_of_its_own(state: ControlState) -> None:
    state.tokens.add(_token(1))
    for taken in (_token(1, digest="f" * 64), _token(2, digest=f"{1:064x}")):
        with pytest.raises(AlreadyExists):
            state.tokens.add(taken)
    with pytest.raises(NotFound, match="t-9"):
        state.tokens.revoke("t-9", NIGHT)


def _endpoint(name: str, **more: Any) -> EndpointRecord:
    entity = ServedEntity("v1", "spam-classifier", 1, "ann", NIGHT, True, {"workload_size": "Small"})
    config = EndpointConfig(1, (entity,), {"v1": 100}, NIGHT, AutoCapture("quikapp_ml", "serving", "spam"))
    given: dict[str, Any] = {
        "name": name, "endpoint_id": f"id of {name}", "creator": "ann", "created_at": NIGHT, "updated_at": NIGHT,
        "pending": config, "tags": {"team": "ä"}, "grants": {"user:bob": "CAN_QUERY"},
    }  # fmt: skip
    return EndpointRecord(**{**given, **more})


def test_endpoints_come_back_as_they_were_kept(state: ControlState) -> None:
    second, first = _endpoint("b"), _endpoint("a", description="first", failure="it is too large")
    state.endpoints.create(second)
    state.endpoints.create(first)
    assert state.endpoints.all() == [first, second]
    assert state.endpoints.get("a") == first
    with pytest.raises(AlreadyExists):
        state.endpoints.create(_endpoint("a"))


def test_who_changes_an_endpoint_must_have_seen_the_newest_one(state: ControlState) -> None:
    record = _endpoint("a")
    state.endpoints.create(record)
    changed = state.endpoints.replace(replace(record, active=record.pending, pending=None))
    assert (changed.revision, state.endpoints.get("a")) == (2, changed)
    with pytest.raises(Conflict):
        state.endpoints.replace(replace(record, description="late"))
    with pytest.raises(Conflict):
        state.endpoints.replace(replace(changed, endpoint_id="that of another one of this name"))
    assert state.endpoints.get("a") == changed


def test_a_deleted_endpoint_is_not_found(state: ControlState) -> None:
    record = _endpoint("a")
    state.endpoints.create(record)
    state.endpoints.delete("a")
    assert state.endpoints.all() == []
    for gone in (state.endpoints.get, state.endpoints.delete):
        with pytest.raises(NotFound):
            gone("a")
    with pytest.raises(NotFound):
        state.endpoints.replace(record)


def test_audit_entries_wait_in_order_until_they_are_forgotten(state: ControlState) -> None:
    entries = [
        AuditEntry(f"e-{n}", NIGHT, "accounts", "createToken", "ann", 200, parameters={"n": str(n)}) for n in range(3)
    ]
    for entry in entries:
        state.audit.append(entry)
    waiting = state.audit.waiting()
    assert [entry for _, entry in waiting] == entries
    assert state.audit.waiting(limit=2) == waiting[:2]
    state.audit.forget(waiting[1][0])
    assert state.audit.waiting() == waiting[2:]
    state.audit.forget(waiting[2][0])
    state.audit.append(entries[0])
    assert state.audit.waiting()[0][0] > waiting[2][0]


def test_the_audit_log_of_a_database_keeps_its_name(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    names = []
    for _ in range(2):
        opened = open_state(url)
        names.append(opened.audit.store_id)
        opened.close()
    other = open_state(f"sqlite:///{tmp_path / 'other.db'}")
    assert names[0] == names[1] != other.audit.store_id
    other.close()
