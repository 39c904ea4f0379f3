"""A bandit from the first question to what it has learnt, and back: each answer's variant follows from the record."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from quikapp_ml.entities.bandits import Learnt
from quikapp_ml.entities.experiments import ExperimentSpec
from quikapp_ml.errors import Conflict, InvalidInput, JobFailed
from quikapp_ml.serving.bandits import BanditTeacher
from quikapp_ml.serving.experiment_host import Asker, ExperimentHost, Exposure
from quikapp_ml.serving.experiment_results import ExperimentReader
from quikapp_ml.serving.experiments import ExperimentDesk, division_of, read_spec, spec_of
from quikapp_ml.stores.lake import open_compute, open_lake
from quikapp_ml.stores.lake.tables import DECISIONS, FEEDBACK
from quikapp_ml.stores.registry.memory import MemoryRegistry
from quikapp_ml.stores.state.memory_experiments import MemoryExperimentRecords
from support.chats import office

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
SPEC: dict[str, Any] = {
    "name": "lists",
    "hypothesis": "One of them brings more clicks.",
    "subject": "recommendations",
    "variants": [
        {"name": "control", "weight": 0.5},
        {"name": "mixed", "weight": 0.5, "parameters": {"largest_share": 0.4}},
    ],
    "metrics": [{"name": "clicks", "of": "click", "source": "feedback"}],
    "smallest_effect": 0.02,
    "bandit": {"even_share": 0.25, "floor": 0.1, "within_hours": 2, "every_minutes": 30},
}


def learnt(number: int = 1, mixed: float = 0.9) -> Learnt:
    arms = [
        {"variant": "control", "successes": 10.0, "failures": 90.0, "propensity": 1 - mixed},
        {"variant": "mixed", "successes": 30.0 + number, "failures": 70.0, "propensity": mixed},
    ]
    return Learnt.model_validate({"number": number, "until": START, "arms": arms})


class Lab:
    """A running bandit, its host, and a teacher that reads what is given."""

    def __init__(self) -> None:
        self.records, self.now = MemoryExperimentRecords(), START
        self.desk = ExperimentDesk(self.records, MemoryRegistry(), lambda: self.now)
        self.host = ExperimentHost(self.records, MemoryRegistry(), {}, office().workspace, 60.0)
        self.desk.create(read_spec(SPEC), "ann")
        self.desk.start("lists", "ann")
        self.host.refresh()

    def teacher(self, read: Callable[[ExperimentSpec], Learnt]) -> BanditTeacher:
        return BanditTeacher(self.desk, read, self.host.refresh, lambda: self.now)

    def exposures(self, n_units: int = 2_000) -> list[Exposure]:
        choices = [self.host.choose("recommendations", Asker(f"u{at}")) for at in range(n_units)]
        return [one.exposure for one in choices if one.exposure]


def share(exposures: list[Exposure], assignment: str) -> float:
    part = [one.variant for one in exposures if one.assignment == assignment]
    return part.count("mixed") / len(part)


def test_units_beside_the_even_part_follow_what_is_learnt_and_the_record_says_who_got_what() -> None:
    lab = Lab()
    before = lab.exposures()
    assert share(before, "bandit") == pytest.approx(0.5, abs=0.05)
    assert lab.teacher(lambda _: learnt()).teach() == ["lists"]
    after = lab.exposures()
    assert share(after, "hash") == share(before, "hash") == pytest.approx(0.5, abs=0.08)
    assert share(after, "bandit") == pytest.approx(0.9, abs=0.03)
    lab.desk.stop("lists", "ann")
    changes = lab.desk.history("lists")
    assert [(one.action, one.by) for one in changes] == [
        ("create", "ann"), ("start", "ann"), ("learn", "bandit"), ("stop", "ann"),
    ]  # fmt: skip
    for then, told in ((before, changes[1]), (after, changes[2])):
        division = division_of(read_spec(told.after["spec"]))
        again = [division.assign(one.unit) for one in then]
        assert [(one.variant, one.propensity, one.why) for one in again] == [
            (one.variant, one.propensity, one.assignment) for one in then
        ]


def test_it_learns_when_its_time_has_come_and_notes_nothing_that_is_not_new() -> None:
    lab, asked = Lab(), []

    def read(spec: ExperimentSpec) -> Learnt:
        asked.append(spec.learnt.number if spec.learnt else 0)
        return learnt()

    teacher = lab.teacher(read)
    assert (teacher.teach(), teacher.teach()) == (["lists"], [])
    lab.now += timedelta(minutes=31)
    assert teacher.teach() == []
    lab.now -= timedelta(days=1)
    teacher.teach()
    assert asked == [0, 1, 1], "a clock that went back makes nobody wait"


def test_what_cannot_be_read_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    def read(_: ExperimentSpec) -> Learnt:
        raise JobFailed("no engine")

    lab = Lab()
    assert lab.teacher(read).teach() == []
    assert "bandit lists cannot be taught: no engine" in caplog.text
    assert spec_of(lab.desk.get("lists")).learnt is None


def test_what_was_learnt_is_the_services_alone() -> None:
    lab = Lab()
    with pytest.raises(InvalidInput, match="leave it out"):
        lab.desk.create(read_spec({**SPEC, "name": "other", "learnt": learnt().model_dump(mode="json")}), "ann")
    lab.desk.learn("lists", learnt())
    changed = lab.desk.change("lists", read_spec({**SPEC, "hypothesis": "Another."}), "ann")
    assert spec_of(changed).learnt == learnt()
    lab.desk.stop("lists", "ann")
    with pytest.raises(Conflict, match="cannot learn"):
        lab.desk.learn("lists", learnt(2))


def test_a_variant_that_fails_counts_in_the_even_part_alone() -> None:
    lab = Lab()
    failed = {one.failed().assignment for one in lab.exposures(200)}
    assert failed == {"fallback", "bandit-fallback"}


def test_rewards_are_counted_once_a_unit_and_only_when_their_time_is_over(tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path))
    lake.ensure(DECISIONS)
    lake.ensure(FEEDBACK)

    def answer(name: str, unit: str, variant: str, minutes: int, assignment: str = "bandit") -> dict[str, Any]:
        return {
            "decision_id": name, "kind": "recommendations", "decided_at": START + timedelta(minutes=minutes),
            "experiment": "lists", "unit": unit, "variant": variant, "assignment": assignment,
        }  # fmt: skip

    def click(decision: str, minutes: int, action: str = "click") -> dict[str, Any]:
        at = START + timedelta(minutes=minutes)
        return {"feedback_id": f"{decision}{minutes}", "decision_id": decision, "received_at": at, "action": action}

    answers = [
        answer("a1", "ann", "control", 0), answer("a2", "ann", "control", 5, "hash"),
        answer("b1", "bob", "mixed", 1), answer("c1", "cid", "mixed", 2, "hash"),
        answer("d1", "dan", "mixed", 3, "override"), answer("e1", "eve", "mixed", 4, "bandit-fallback"),
        answer("f1", "fay", "mixed", 121), answer("g1", "erased", "mixed", 6),
    ]  # fmt: skip
    clicks = [
        click("a1", 1), click("a1", 2), click("b1", 60), click("c1", 200), click("c1", 3, "dismiss"),
        click("d1", 4), click("e1", 5), click("f1", 122),
    ]  # fmt: skip
    for table, rows in ((DECISIONS.name, answers), (FEEDBACK.name, clicks)):
        lake.append(table, pa.Table.from_pylist(rows, schema=lake.columns(table)))
    reader = ExperimentReader(lake, open_compute, lambda: START + timedelta(hours=4))
    found = reader.learnt(read_spec(SPEC))
    assert [(arm.variant, arm.successes, arm.failures) for arm in found.arms] == [
        ("control", 0.5, 0.5), ("mixed", 1.0, 1.0),
    ]  # fmt: skip
    assert (found.number, found.until) == (1, START + timedelta(hours=2))
    assert sum(arm.propensity for arm in found.arms) == pytest.approx(1)
    with pytest.raises(InvalidInput, match="no bandit"):
        reader.learnt(read_spec({**SPEC, "bandit": None}))
