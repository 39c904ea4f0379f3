"""What every control state does with experiments, in memory and in SQL."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from quikapp_ml.errors import AlreadyExists, Conflict, NotFound
from quikapp_ml.stores.state import open_state
from quikapp_ml.stores.state.base import ControlState
from quikapp_ml.stores.state.experiments import ExperimentChange, ExperimentRecord

NOW = datetime(2026, 11, 23, 2, 0, 0, 250_000, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
RECORD = ExperimentRecord("better-ranks", {"hypothesis": "ü", "variants": [{"weight": 0.5}]}, "draft", "ada", NOW, NOW)


def test_an_experiment_is_kept_with_all_that_was_changed(state: ControlState) -> None:
    records = state.experiments
    records.create(RECORD, "ada")
    assert records.get("better-ranks") == RECORD
    running = replace(RECORD, state="running", started_at=LATER, updated_at=LATER)
    changed = records.replace(running, "start", "bob")
    assert changed == replace(running, revision=2)
    assert records.get("better-ranks") == changed
    draft = {"state": "draft", "spec": RECORD.spec, "decision": {}}
    assert records.changes("better-ranks") == [
        ExperimentChange("better-ranks", 1, "create", "ada", NOW, {}, draft),
        ExperimentChange("better-ranks", 2, "start", "bob", LATER, draft, {**draft, "state": "running"}),
    ]


def test_names_are_taken_once_and_sorted(state: ControlState) -> None:
    records = state.experiments
    for name in ("b", "a", "c"):
        records.create(replace(RECORD, name=name), "ada")
    with pytest.raises(AlreadyExists, match="another name"):
        records.create(replace(RECORD, name="a"), "ada")
    assert [record.name for record in records.all()] == ["a", "b", "c"]
    assert len(records.changes("a")) == 1


def test_a_change_is_made_by_who_has_seen_it_last(state: ControlState) -> None:
    records = state.experiments
    records.create(RECORD, "ada")
    records.replace(replace(RECORD, state="running"), "start", "ada")
    with pytest.raises(Conflict, match="at the same time"):
        records.replace(replace(RECORD, state="stopped"), "stop", "bob")
    assert [change.action for change in records.changes("better-ranks")] == ["create", "start"]
    assert records.get("better-ranks").state == "running"


def test_unknown_ones_are_said_to_be(state: ControlState) -> None:
    with pytest.raises(NotFound):
        state.experiments.get("x")
    with pytest.raises(NotFound):
        state.experiments.replace(RECORD, "start", "ada")
    assert state.experiments.changes("x") == []
    assert state.experiments.all() == []


def test_an_erased_tester_is_in_no_text_of_then_or_now(state: ControlState) -> None:
    records = state.experiments
    spec = {"overrides": {"ann": "new", "bob": "new"}, "audience": {"users": ["ann"], "teams": ["ann"]}}
    records.create(replace(RECORD, spec=spec), "ada")
    records.replace(replace(RECORD, spec={"overrides": {"bob": "new"}}), "change", "ada")
    records.create(replace(RECORD, name="other"), "ada")
    records.create(replace(RECORD, name="third", spec=spec, state="running"), "ada")
    assert records.erase("ann") == 2
    kept = {"overrides": {"bob": "new"}, "audience": {"users": ["erased"], "teams": ["ann"]}}
    assert records.get("third").spec == kept, "an empty list would be everybody"
    first, second = records.changes("better-ranks")
    assert (first.before, first.after["spec"], second.before["spec"]) == ({}, kept, kept)
    assert records.get("other") == replace(RECORD, name="other")
    assert records.erase("ann") == 0


def test_they_outlive_the_process(url: str) -> None:
    first = open_state(url)
    first.experiments.create(RECORD, "ada")
    first.close()
    second = open_state(url)
    assert second.experiments.all() == [RECORD]
    second.close()
