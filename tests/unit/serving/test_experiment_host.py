"""Running experiments: who gets what, and what happens when something of them fails."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from quikapp_ml.entities.experiments import ExperimentSpec
from quikapp_ml.errors import JobFailed, StorageFailed
from quikapp_ml.experiments.sticky import Had
from quikapp_ml.models.linear import LinearHead
from quikapp_ml.models.ranking import ContentRanker
from quikapp_ml.serving.experiment_host import AS_EVER, Asker, ExperimentHost, Exposure
from quikapp_ml.serving.experiments import ExperimentDesk, document_of, read_spec
from quikapp_ml.stores.registry.base import NewVersion
from quikapp_ml.stores.registry.memory import MemoryRegistry
from quikapp_ml.stores.state.experiments import ExperimentRecord
from quikapp_ml.stores.state.memory_experiments import MemoryExperimentRecords
from support.chats import office

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
CONTROL = {"name": "control", "weight": 0.5}


class Lab:
    """A host over records and a registry in memory, with versions 1 and 2 of the ranker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = MemoryRegistry()
        for number in (1, 2):
            saved = folder / str(number)
            ContentRanker(LinearHead.prior({"recency": float(number)}, 0.0)).save(saved)
            (saved / "card.md").write_text("# ranker\n")
            where = "quikapp_ml.models.ranking:ContentRanker"
            self.registry.register(NewVersion("content-ranker", saved, where, f"{number}.0.0"))
        self.records = MemoryExperimentRecords()
        self.desk = ExperimentDesk(self.records, self.registry, lambda: NOW)
        classes = {"content-ranker": ContentRanker}
        self.host = ExperimentHost(self.records, self.registry, classes, office().workspace, 60.0)

    def run(self, name: str = "first", **changes: Any) -> None:
        given = {
            "name": name,
            "hypothesis": "More clicks.",
            "subject": "rank",
            "variants": [CONTROL, {"name": "new", "weight": 0.5, "model": {"version": 2}}],
            "metrics": [{"name": "clicks", "of": "click"}],
            "smallest_effect": 0.02,
        }
        self.desk.create(ExperimentSpec.model_validate({**given, **changes}), "ann")
        self.desk.start(name, "ann")
        self.host.refresh()

    def variants(self, n_units: int = 2_000) -> Counter[str]:
        choices = [self.host.choose("rank", Asker(f"user-{at}")) for at in range(n_units)]
        return Counter(one.exposure.variant if one.exposure else "" for one in choices)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.host.close()


def test_units_are_divided_and_get_their_model(lab: Lab) -> None:
    assert lab.host.choose("rank", Asker("ann")) is AS_EVER
    lab.run()
    assert lab.host.running() == ["first"]
    found = lab.variants()
    assert set(found) == {"control", "new"}
    assert 900 < found["new"] < 1_100
    for user in map(str, range(50)):
        choice = lab.host.choose("rank", Asker(user))
        assert choice.exposure is not None
        assert (choice.exposure.propensity, choice.exposure.assignment) == (0.5, "hash")
        assert (choice.loaded is None) == (choice.exposure.variant == "control")
        if choice.loaded is not None:
            assert (choice.loaded.number, choice.loaded.ref.version) == (2, "2.0.0")
        assert lab.host.choose("rank", Asker(user)) == choice
    assert lab.host.choose("sentiment", Asker("ann")) is AS_EVER


def test_a_stopped_one_lets_nobody_in(lab: Lab) -> None:
    lab.run()
    lab.desk.stop("first", "ann")
    lab.host.refresh()
    assert lab.variants(50) == {"": 50}


def test_a_question_without_a_unit_is_answered_as_ever(lab: Lab) -> None:
    lab.run(unit="channel")
    assert lab.host.choose("rank", Asker("ann")) is AS_EVER
    assert lab.host.choose("rank", Asker("ann", "home")).exposure is not None
    lab.desk.stop("first", "ann")
    lab.run("second", unit="workspace")
    assert lab.host.choose("rank", Asker("ann", "home", "W1")).exposure is not None


def test_holdout_slice_and_testers(lab: Lab) -> None:
    lab.run(holdout={"salt": "h", "share": 0.2}, slice={"start": 0.0, "end": 0.5}, overrides={"tester": "new"})
    found = lab.variants()
    assert 1_100 < found[""] < 1_300, "a fifth is held out, half of the rest is outside of the slice"
    tester = lab.host.choose("rank", Asker("tester")).exposure
    assert tester is not None
    assert (tester.variant, tester.assignment) == ("new", "override")


@pytest.mark.parametrize(
    ("audience", "asker", "is_in"),
    [
        ({"teams": ["design"]}, Asker("ann"), True),
        ({"teams": ["design"]}, Asker("dan"), False),
        ({"teams": ["design"]}, Asker("nobody-yet"), False),
        ({"users": ["dan"]}, Asker("dan"), True),
        ({"channels": ["home"]}, Asker("ann", "home"), True),
        ({"channels": ["home"]}, Asker("ann"), False),
        ({"roles": ["guest"]}, Asker("ann"), False),
        ({"teams": ["design"], "users": ["dan"]}, Asker("ann"), False),
    ],
)
def test_the_audience_is_asked_alone(lab: Lab, audience: dict[str, Any], asker: Asker, is_in: bool) -> None:
    lab.run(audience=audience)
    assert (lab.host.choose("rank", asker).exposure is not None) == is_in


def test_units_of_a_model_that_cannot_be_loaded_get_control_marked_and_counted(lab: Lab) -> None:
    (lab.folder / "1" / "model.json").unlink()
    broken = lab.folder / "1"
    lab.registry.register(NewVersion("content-ranker", broken, "quikapp_ml.models.ranking:ContentRanker", "3.0.0"))
    lab.run(variants=[CONTROL, {"name": "new", "weight": 0.5, "model": {"version": 3}}])
    lab.host.refresh()
    choices = [lab.host.choose("rank", Asker(str(user))) for user in range(100)]
    marked = [one for one in choices if one.exposure and one.exposure.variant == "new"]
    assert {one.exposure.assignment for one in marked if one.exposure} == {"fallback"}
    assert all(one.loaded is None and not one.parameters for one in choices)
    assert lab.host.fallbacks == len(marked) > 30
    assert lab.host.failures == 1, "it is fetched once"


def test_an_alias_is_followed(lab: Lab) -> None:
    lab.registry.set_alias("content-ranker", "challenger", 1)
    lab.run(variants=[CONTROL, {"name": "new", "weight": 0.5, "model": {"alias": "challenger"}}])

    def numbers() -> set[int | None]:
        choices = [lab.host.choose("rank", Asker(str(user))) for user in range(30)]
        return {one.loaded.number for one in choices if one.loaded}

    assert numbers() == {1}
    lab.registry.set_alias("content-ranker", "challenger", 2)
    lab.host.refresh()
    assert numbers() == {2}


def test_what_goes_wrong_costs_nobody_an_answer(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lab.run()
    assert lab.host.choose("rank", Asker("\ud800")) is AS_EVER, "no unit that can be hashed"
    assert lab.host.failures == 1

    def down() -> list[ExperimentRecord]:
        raise StorageFailed("down")

    monkeypatch.setattr(lab.records, "all", down)
    with pytest.raises(StorageFailed):
        lab.host.refresh()
    lab.host.follow()
    lab.host.follow()
    assert caplog.text.count("those known go on") == 1, "told once, however often it is tried"
    assert lab.host.running() == ["first"], "what was known goes on"


def test_a_text_of_another_version_is_passed_over(lab: Lab) -> None:
    lab.run()
    record = lab.records.get("first")
    lab.records.replace(replace(record, spec={**record.spec, "colour": "red"}), "change", "ann")
    lab.host.refresh()
    assert lab.host.running() == []
    assert document_of(ExperimentSpec.model_validate(record.spec)) == record.spec


def test_who_had_a_variant_keeps_it_when_weights_of_a_sticky_one_are_changed(lab: Lab) -> None:
    rows: dict[str, Had] = {}
    host = ExperimentHost(lab.records, lab.registry, {}, office().workspace, 60.0, lambda _: rows)
    variants = [CONTROL, {"name": "new", "weight": 0.5}]
    lab.run(variants=variants, sticky=True)
    host.refresh()

    def exposures(units: range) -> dict[str, Exposure]:
        choices = {f"u{at}": host.choose("rank", Asker(f"u{at}")).exposure for at in units}
        return {unit: one for unit, one in choices.items() if one}

    before = exposures(range(1_000))
    rows.update({unit: Had(one.variant, one.propensity) for unit, one in before.items()})
    spec = read_spec(lab.records.get("first").spec)
    weighed = [{**CONTROL, "weight": 0.1}, {"name": "new", "weight": 0.9}]
    lab.desk.change("first", read_spec({**document_of(spec), "variants": weighed}), "ann")
    host.refresh()
    after = exposures(range(2_000))
    assert {unit: after[unit].variant for unit in before} == {unit: one.variant for unit, one in before.items()}
    kept = [one for one in after.values() if one.assignment == "kept"]
    assert {(one.variant, one.propensity) for one in kept} == {("control", 0.5)}
    later = [one for unit, one in after.items() if unit not in before]
    assert sum(one.variant == "new" for one in later) / len(later) == pytest.approx(0.9, abs=0.04)
    assert {one.assignment for one in later} == {"hash"}
    host.close()


def test_while_the_ledger_does_not_say_who_had_what_the_old_weights_hold(lab: Lab) -> None:
    def fails(_: ExperimentSpec) -> dict[str, Had]:
        raise JobFailed("no engine")

    host = ExperimentHost(lab.records, lab.registry, {}, office().workspace, 60.0, fails)
    lab.run(variants=[CONTROL, {"name": "new", "weight": 0.5}], sticky=True)
    host.refresh()
    before = [host.choose("rank", Asker(str(at))) for at in range(50)]
    weighed = [{**CONTROL, "weight": 1.0}, {"name": "new", "weight": 0.0}]
    spec = read_spec(lab.records.get("first").spec)
    lab.desk.change("first", read_spec({**document_of(spec), "variants": weighed}), "ann")
    host.refresh()
    assert [host.choose("rank", Asker(str(at))) for at in range(50)] == before
    host.close()
