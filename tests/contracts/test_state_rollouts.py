"""What every control state does with rollouts, in memory and in SQL."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from quikapp_ml.errors import AlreadyExists, Conflict, NotFound
from quikapp_ml.stores.state.base import ControlState
from quikapp_ml.stores.state.rollouts import RolloutRecord, RolloutStep

NOW = datetime(2026, 11, 23, 2, 0, 0, 250_000, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
FIRST = RolloutStep(NOW, "", "gate", "ada", "ü")
RECORD = RolloutRecord("ranks", {"version": 2}, "content-ranker", 1, "gate", NOW, "ada", NOW, steps=(FIRST,))


def test_a_rollout_is_kept_with_its_steps(state: ControlState) -> None:
    records = state.rollouts
    records.create(RECORD)
    assert records.get("ranks") == RECORD
    step = RolloutStep(LATER, "gate", "shadow", "guard", "judged", {"low": -0.1, "high": None})
    moved = replace(
        RECORD, stage="shadow", stage_since=LATER, challenger_before=7, tally={"asked": 3}, waits_for="more",
        is_settled=True, steps=(FIRST, step),
    )  # fmt: skip
    changed = records.replace(moved)
    assert changed == replace(moved, revision=2)
    assert records.get("ranks") == changed


def test_names_are_taken_once_and_sorted(state: ControlState) -> None:
    records = state.rollouts
    for name in ("b", "a", "c"):
        records.create(replace(RECORD, name=name))
    with pytest.raises(AlreadyExists, match="another name"):
        records.create(replace(RECORD, name="a"))
    assert [record.name for record in records.all()] == ["a", "b", "c"]


def test_a_step_is_taken_by_who_has_seen_it_last(state: ControlState) -> None:
    records = state.rollouts
    records.create(RECORD)
    records.replace(replace(RECORD, stage="shadow"))
    with pytest.raises(Conflict, match="at the same time"):
        records.replace(replace(RECORD, stage="rolled_back"))
    assert records.get("ranks").stage == "shadow"


def test_what_is_not_there(state: ControlState) -> None:
    with pytest.raises(NotFound, match="rollouts list"):
        state.rollouts.get("ranks")
    with pytest.raises(NotFound, match="rollouts list"):
        state.rollouts.replace(RECORD)
