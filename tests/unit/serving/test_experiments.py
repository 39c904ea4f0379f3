from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quikapp_ml.entities.experiments import ExperimentDecision, ExperimentSpec
from quikapp_ml.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from quikapp_ml.models.ranking import ContentRanker
from quikapp_ml.serving.experiments import ExperimentDesk, document_of, read_spec, spec_of
from quikapp_ml.stores.registry.base import NewVersion
from quikapp_ml.stores.registry.memory import MemoryRegistry
from quikapp_ml.stores.state.experiments import ExperimentRecord
from quikapp_ml.stores.state.memory_experiments import MemoryExperimentRecords

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
VARIANTS = [{"name": "control", "weight": 0.5}, {"name": "new", "weight": 0.5, "model": {"version": 1}}]


def spec(name: str = "first", **changes: Any) -> ExperimentSpec:
    given = {
        "name": name,
        "hypothesis": "More clicks.",
        "subject": "rank",
        "variants": VARIANTS,
        "metrics": [{"name": "clicks", "of": "click"}],
        "smallest_effect": 0.02,
    }
    return ExperimentSpec.model_validate({**given, **changes})


@pytest.fixture
def registry(tmp_path: Path) -> MemoryRegistry:
    registry = MemoryRegistry()
    ContentRanker.prior().save(tmp_path)
    (tmp_path / "card.md").write_text("# ranker\n")
    registry.register(NewVersion("content-ranker", tmp_path, "quikapp_ml.models.ranking:ContentRanker", "1.0.0"))
    registry.set_alias("content-ranker", "challenger", 1)
    return registry


@pytest.fixture
def desk(registry: MemoryRegistry) -> Iterator[ExperimentDesk]:
    times = (NOW + timedelta(hours=hour) for hour in range(100))
    yield ExperimentDesk(MemoryExperimentRecords(), registry, lambda: next(times))


def test_an_experiment_goes_from_draft_to_decision_and_nothing_is_forgotten(desk: ExperimentDesk) -> None:
    drafted = desk.create(spec(), "ann")
    assert (drafted.state, drafted.created_by) == ("draft", "ann")
    assert desk.start("first", "bob").state == "running"
    assert desk.stop("first", "bob").state == "stopped"
    decided = desk.decide("first", ExperimentDecision(variant="new", reason="3 % more clicks"), "cid")
    assert (decided.state, decided.decision["variant"]) == ("decided", "new")
    assert decided.started_at and decided.stopped_at and decided.decided_at
    assert decided.started_at < decided.stopped_at < decided.decided_at
    assert [(one.action, one.by) for one in desk.history("first")] == [
        ("create", "ann"), ("start", "bob"), ("stop", "bob"), ("decide", "cid"),
    ]  # fmt: skip
    with pytest.raises(NotFound):
        desk.history("nobody")


def test_each_step_has_its_state(desk: ExperimentDesk) -> None:
    desk.create(spec(), "ann")
    decision = ExperimentDecision(variant="new", reason="so")
    with pytest.raises(Conflict, match="is draft: it cannot be stopped; start it"):
        desk.stop("first", "ann")
    with pytest.raises(Conflict, match="is draft: it cannot be decided; start it"):
        desk.decide("first", decision, "ann")
    with pytest.raises(AlreadyExists):
        desk.create(spec(), "ann")
    desk.start("first", "ann")
    with pytest.raises(Conflict, match="is running: it cannot be started; stop it"):
        desk.start("first", "ann")
    desk.stop("first", "ann")
    with pytest.raises(Conflict, match="is stopped: it cannot be changed"):
        desk.change("first", spec(), "ann")
    with pytest.raises(InvalidInput, match="give one of control, new"):
        desk.decide("first", ExperimentDecision(variant="blue", reason="so"), "ann")


@pytest.mark.parametrize(
    "change",
    [
        {"salt": "another"},
        {"unit": "channel"},
        {"variants": [{**VARIANTS[0], "weight": 0.4}, {**VARIANTS[1], "weight": 0.6}]},
        {"holdout": {"salt": "h", "share": 0.1}},
        {"metrics": [{"name": "joins", "of": "join"}]},
    ],
)
def test_what_moves_units_cannot_be_changed_while_it_runs(desk: ExperimentDesk, change: dict[str, Any]) -> None:
    desk.create(spec(), "ann")
    assert desk.change("first", spec(**change), "ann").spec[next(iter(change))] is not None
    desk.change("first", spec(), "ann")
    desk.start("first", "ann")
    with pytest.raises(Conflict, match=f"{next(iter(change))} cannot be changed, for units would move"):
        desk.change("first", spec(**change), "ann")
    assert desk.change("first", spec(overrides={"tester": "new"}), "ann").spec["overrides"] == {"tester": "new"}


def test_a_name_stays(desk: ExperimentDesk) -> None:
    desk.create(spec(), "ann")
    with pytest.raises(InvalidInput, match="a name cannot be changed"):
        desk.change("first", spec("second"), "ann")


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({}, "needs a slice of its own"),
        ({"slice": {"start": 0.4, "end": 1.0}}, "of which first has 0.0 to 0.5"),
        ({"layer": "mine", "slice": {"start": 0.5, "end": 1.0}}, "let 'second' have layer 'rank'"),
        ({"unit": "channel", "slice": {"start": 0.5, "end": 1.0}}, "one layer has one kind of unit"),
    ],
)
def test_two_do_not_get_the_same_units(desk: ExperimentDesk, other: dict[str, Any], told: str) -> None:
    desk.create(spec(slice={"start": 0.0, "end": 0.5}), "ann")
    desk.create(spec("second", **other), "ann")
    desk.start("first", "ann")
    with pytest.raises(Conflict, match=told):
        desk.start("second", "ann")
    desk.stop("first", "ann")
    assert desk.start("second", "ann").state == "running"


def test_two_share_a_layer_by_slices_and_other_subjects_are_free(desk: ExperimentDesk) -> None:
    for name, changes in (
        ("first", {"slice": {"start": 0.0, "end": 0.5}}),
        ("second", {"slice": {"start": 0.5, "end": 1.0}}),
        ("third", {"subject": "recommendations", "variants": [VARIANTS[0], {"name": "b", "weight": 0.5}]}),
    ):
        desk.create(spec(name, **changes), "ann")
        assert desk.start(name, "ann").state == "running"


@pytest.mark.parametrize(
    ("model", "told"), [({"version": 9}, "the registry has 1"), ({"alias": "x"}, "names alias 'x'")]
)
def test_a_model_that_is_not_there_is_not_tried(desk: ExperimentDesk, model: dict[str, Any], told: str) -> None:
    desk.create(spec(variants=[VARIANTS[0], {"name": "new", "weight": 0.5, "model": model}]), "ann")
    with pytest.raises(NotFound, match=told):
        desk.start("first", "ann")


def test_a_document_is_refused_field_by_field() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_spec({"name": "x", "metrics": [{"name": "a", "of": "teleport"}]})
    assert {"hypothesis", "subject", "variants", "smallest_effect", "metrics.0.of"} == {
        problem.path for problem in caught.value.problems
    }
    with pytest.raises(InvalidInput):
        read_spec(["no", "object"])


def test_only_weights_of_a_sticky_one_may_be_changed_while_it_runs(desk: ExperimentDesk) -> None:
    weighed = [{**VARIANTS[0], "weight": 0.2}, {**VARIANTS[1], "weight": 0.8}]
    desk.create(spec(), "ann")
    desk.start("first", "ann")
    with pytest.raises(Conflict, match="variants cannot be changed"):
        desk.change("first", spec(variants=weighed), "ann")
    desk.stop("first", "ann")
    desk.create(spec("other", sticky=True), "ann")
    started = desk.start("other", "ann")
    with pytest.raises(Conflict, match="variants cannot be changed"):
        desk.change("other", spec("other", sticky=True, variants=[weighed[0], {"name": "new", "weight": 0.8}]), "ann")
    with pytest.raises(Conflict, match="sticky cannot be changed"):
        desk.change("other", spec("other"), "ann")
    changed = desk.change("other", spec("other", sticky=True, variants=weighed), "ann")
    since = spec_of(changed).weighed_at
    assert since is not None and started.started_at is not None and since > started.started_at
    again = desk.change("other", spec("other", sticky=True, variants=weighed, hypothesis="Another."), "ann")
    assert spec_of(again).weighed_at == since
    with pytest.raises(InvalidInput, match="weighed_at is written by the service"):
        desk.create(spec("third", weighed_at=NOW), "ann")


def test_a_text_of_an_older_version_can_still_be_changed(desk: ExperimentDesk, registry: MemoryRegistry) -> None:
    records = MemoryExperimentRecords()
    old = {field: value for field, value in document_of(spec()).items() if field not in ("sticky", "bandit")}
    records.create(ExperimentRecord("first", old, "running", "ann", NOW, NOW), "ann")
    desk = ExperimentDesk(records, registry, lambda: NOW)
    assert spec_of(desk.change("first", spec(hypothesis="Another."), "ann")).hypothesis == "Another."
