import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from quikapp_ml.entities.experiments import ExperimentSpec
from quikapp_ml.errors import JobFailed
from quikapp_ml.experiments.results import Arrivals, ExperimentResults, Finding, MetricResult
from quikapp_ml.serving.experiment_guard import ExperimentGuard
from quikapp_ml.serving.experiments import ExperimentDesk
from quikapp_ml.stores.registry.memory import MemoryRegistry
from quikapp_ml.stores.state.memory_experiments import MemoryExperimentRecords

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SPEC = ExperimentSpec.model_validate(
    {
        "name": "first",
        "hypothesis": "More joins.",
        "subject": "rank",
        "variants": [{"name": "control", "weight": 0.5}, {"name": "new", "weight": 0.5}],
        "metrics": [{"name": "joins", "of": "join"}],
        "smallest_effect": 0.1,
    }
)
ARRIVALS = Arrivals({"control": 500, "new": 500}, 0, 0, 0.8, "Units arrive as promised.", [])
READS = MetricResult("reads", "read", "mean", "guardrail", "new", Finding.HOLDS, "reads: it did not get lower.", 1000)
FINE = ExperimentResults("first", "More joins.", "user", NOW, ARRIVALS, [READS], [])

Read = Callable[[ExperimentSpec], ExperimentResults]


class Desk:
    """A desk with one running experiment, and a guard over results that are given."""

    def __init__(self, read: Read) -> None:
        self.desk = ExperimentDesk(MemoryExperimentRecords(), MemoryRegistry(), lambda: NOW)
        self.desk.create(SPEC, "ann")
        self.desk.create(SPEC.model_copy(update={"name": "draft"}), "ann")
        self.desk.start("first", "ann")
        self.followed = 0
        self.guard = ExperimentGuard(self.desk, read, self._follow, look_seconds=0.01)

    def _follow(self) -> None:
        self.followed += 1

    @property
    def state(self) -> str:
        return self.desk.get("first").state


def shown(**changes: object) -> Read:
    return lambda _: replace(FINE, **changes)  # type: ignore[arg-type]


def test_a_broken_guardrail_stops_the_experiment_and_is_named() -> None:
    broken = replace(READS, finding=Finding.BROKEN, sentence="reads: -30 %, this must not get lower, and it did.")
    desk = Desk(shown(metrics=[READS, broken]))
    assert desk.guard.look() == {"first": f"new: {broken.sentence}"}
    assert (desk.state, desk.followed) == ("stopped", 1)
    assert desk.desk.history("first")[-1].by == f"guard: new: {broken.sentence}"
    assert desk.guard.look() == {}
    assert desk.followed == 1


def test_lost_units_stop_it_whatever_the_metrics_say() -> None:
    desk = Desk(shown(arrivals=replace(ARRIVALS, mismatch_p_value=0.001, sentence="Believe no other number.")))
    assert desk.guard.look() == {"first": "Believe no other number."}


def test_the_experiments_of_rollouts_are_left_to_their_guard() -> None:
    desk = Desk(shown(arrivals=replace(ARRIVALS, mismatch_p_value=0.001)))
    desk.desk.create(SPEC.model_copy(update={"name": "ranks-5", "layer": "other"}), "rollout:ranks")
    desk.desk.stop("first", "ann")
    desk.desk.start("ranks-5", "rollout:ranks")
    assert desk.guard.look() == {}


@pytest.mark.parametrize("role", ["deciding", "secondary", "watched"])
def test_other_metrics_stop_nothing(role: str) -> None:
    desk = Desk(shown(metrics=[replace(READS, role=role, finding=Finding.LOWER)]))  # type: ignore[arg-type]
    assert desk.guard.look() == {}
    assert (desk.state, desk.followed) == ("running", 0)


def test_one_that_was_stopped_meanwhile_is_let_be() -> None:
    def read(_: ExperimentSpec) -> ExperimentResults:
        desk.desk.stop("first", "bob")
        return replace(FINE, metrics=[replace(READS, finding=Finding.BROKEN)])

    desk = Desk(read)
    assert desk.guard.look() == {}
    assert desk.desk.history("first")[-1].by == "bob"


def test_it_looks_by_itself_and_outlives_whatever_fails(caplog: pytest.LogCaptureFixture) -> None:
    failures = iter([JobFailed("the engine is away"), ZeroDivisionError(), ZeroDivisionError()])

    def read(_: ExperimentSpec) -> ExperimentResults:
        failure = next(failures, None)
        if failure is not None:
            raise failure
        return replace(FINE, arrivals=replace(ARRIVALS, mismatch_p_value=0.0))

    desk = Desk(read)
    desk.guard.start()
    ends = time.monotonic() + 5
    while desk.state == "running" and time.monotonic() < ends:
        time.sleep(0.01)
    desk.guard.close()
    assert desk.state == "stopped"
    assert "experiment first cannot be looked at: the engine is away" in caplog.text
