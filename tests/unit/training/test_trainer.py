import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.errors import Damaged, InvalidInput, NotFound
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.training.cards import limits_of
from quikapp_ml.training.recipe import NotEnoughData
from quikapp_ml.training.starters import register_starters
from quikapp_ml.training.trainer import CANDIDATE, next_patch, train
from support.toy_model import READINGS, Threshold, ThresholdRecipe, WatchedRegistry, readings


def test_a_candidate_is_registered_with_all_that_is_known_about_it(
    lake: MemoryLake, registry: WatchedRegistry, starter: Path, tmp_path: Path
) -> None:
    outcome = train(ThresholdRecipe(), lake, registry, starter, tmp_path / "work")
    assert outcome.version is not None
    assert outcome.skipped == ""
    assert (outcome.metric, outcome.metrics["accuracy"], outcome.previous_metrics["accuracy"]) == ("accuracy", 1.0, 0.9)
    (new,) = registry.new_versions
    assert new.semantic_version == "2.4.1"
    assert dict(new.table_versions) == {READINGS.name: lake.version(READINGS.name)}
    assert (new.metrics["accuracy"], new.metrics["previous_accuracy"]) == (1.0, 0.9)
    assert new.metrics["previous_accuracy_low"] == pytest.approx(0.88)
    assert dict(new.tags) == {"metric": "accuracy", "previous_number": "starter"}
    assert (new.parameters["n_learnt"], new.parameters["n_held_out"]) == ("40", "10")
    candidate = registry.by_alias("threshold", CANDIDATE)
    assert candidate is not None
    assert candidate.number == outcome.version.number
    assert registry.by_alias("threshold", "champion") is None


def test_the_registered_folder_loads_and_holds_its_card(
    lake: MemoryLake, registry: WatchedRegistry, starter: Path, tmp_path: Path
) -> None:
    train(ThresholdRecipe(), lake, registry, starter, tmp_path / "work")
    folder = registry.fetch("threshold", 1, tmp_path / "fetched")
    assert Threshold.load(folder).threshold_ == pytest.approx(0.5)
    card = (folder / "card.md").read_text()
    assert "beside starter 2.4.0" in card
    assert "Knows numbers only." in card
    assert list((tmp_path / "work").iterdir()) == []


def test_it_learns_on_from_the_champion_and_no_other_alias_moves(
    lake: MemoryLake, registry: WatchedRegistry, starter: Path, tmp_path: Path
) -> None:
    register_starters(registry, {"threshold": starter}, {"threshold": Threshold})
    outcome = train(ThresholdRecipe(), lake, registry, None, tmp_path)
    assert outcome.version is not None
    assert outcome.version.tags["previous_number"] == "1"
    assert outcome.previous_metrics["accuracy"] == 0.9
    champion = registry.by_alias("threshold", "champion")
    assert champion is not None
    assert champion.number == 1


def test_without_a_champion_it_learns_on_from_the_challenger(
    lake: MemoryLake, registry: WatchedRegistry, starter: Path, tmp_path: Path
) -> None:
    register_starters(registry, {"threshold": starter}, {"threshold": Threshold})
    registry.remove_alias("threshold", "champion")
    registry.set_alias("threshold", "challenger", 1)
    outcome = train(ThresholdRecipe(), lake, registry, None, tmp_path)
    assert outcome.version is not None
    assert outcome.version.tags["previous_number"] == "1"


def test_a_candidate_that_was_not_promoted_does_not_give_its_version_away(
    lake: MemoryLake, registry: WatchedRegistry, starter: Path, tmp_path: Path
) -> None:
    register_starters(registry, {"threshold": starter}, {"threshold": Threshold})
    made = [train(ThresholdRecipe(), lake, registry, None, tmp_path).version for _ in range(2)]
    assert [version.semantic_version for version in made if version] == ["2.4.1", "2.4.2"]
    assert registry.by_alias("threshold", CANDIDATE) == registry.versions("threshold")[0]


def test_too_little_data_is_an_outcome_and_registers_nothing(
    registry: WatchedRegistry, starter: Path, tmp_path: Path
) -> None:
    lake = MemoryLake()
    lake.ensure(READINGS)
    lake.append(READINGS.name, readings(9))
    outcome = train(ThresholdRecipe(), lake, registry, starter, tmp_path / "work")
    assert (outcome.version, outcome.skipped) == (None, "9 readings, at least 10 are needed")
    assert registry.names() == []
    assert list((tmp_path / "work").iterdir()) == []


def test_a_table_not_made_yet_is_an_outcome_that_says_what_to_do(
    registry: WatchedRegistry, starter: Path, tmp_path: Path
) -> None:
    outcome = train(ThresholdRecipe(), MemoryLake(), registry, starter, tmp_path)
    assert outcome.skipped == "quikapp_ml.ml.readings has not been made yet: run feature_engineering first"


class WrittenMeanwhile(ThresholdRecipe):
    """While it reads, somebody writes."""

    def __init__(self, lake: MemoryLake) -> None:
        self._lake = lake

    def examples(self, lake: Lake) -> list[tuple[float, bool]]:
        self._lake.append(READINGS.name, readings(20, first=50))
        return list(super().examples(lake))


def test_rows_written_meanwhile_are_not_learnt_from(
    lake: MemoryLake, registry: WatchedRegistry, starter: Path, tmp_path: Path
) -> None:
    before = lake.version(READINGS.name)
    outcome = train(WrittenMeanwhile(lake), lake, registry, starter, tmp_path)
    assert outcome.version is not None
    (new,) = registry.new_versions
    assert dict(new.table_versions) == {READINGS.name: before}
    assert new.parameters["n_learnt"] == "40"


class Unlearnable(ThresholdRecipe):
    def fit(self, examples: object, previous: Threshold) -> Threshold:
        raise NotEnoughData("one kind only")


def test_a_fit_that_finds_too_little_is_an_outcome_too(
    lake: MemoryLake, registry: WatchedRegistry, starter: Path, tmp_path: Path
) -> None:
    assert train(Unlearnable(), lake, registry, starter, tmp_path).skipped == "one kind only"


def test_nothing_to_learn_on_from_is_an_error(lake: MemoryLake, registry: WatchedRegistry, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="threshold has neither"):
        train(ThresholdRecipe(), lake, registry, None, tmp_path)


def test_a_damaged_previous_version_is_said_not_worked_around(
    lake: MemoryLake, registry: WatchedRegistry, starter: Path, tmp_path: Path
) -> None:
    (starter / "arrays.npz").write_bytes(b"nothing")
    with pytest.raises(Damaged):
        train(ThresholdRecipe(), lake, registry, starter, tmp_path)


def test_a_recipe_that_can_begins_with_nothing(lake: MemoryLake, registry: WatchedRegistry, tmp_path: Path) -> None:
    class Beginner(ThresholdRecipe):
        limits = "Knows nothing yet."

        def untrained(self) -> Threshold:
            return Threshold(math.inf)

    outcome = train(Beginner(), lake, registry, None, tmp_path)
    assert outcome.version is not None
    assert (outcome.version.semantic_version, outcome.version.tags["previous_number"]) == ("1.0.0", "starter")
    card = (registry.fetch("threshold", 1, tmp_path / "fetched") / "card.md").read_text()
    assert "beside an untrained model" in card
    assert limits_of(card) == "Knows nothing yet."


def test_the_next_version_is_one_above_the_greatest() -> None:
    assert next_patch([]) == "1.0.0"
    assert next_patch(["3.1.0"]) == "3.1.1"
    assert next_patch(["2.4.9", "2.4.10", "2.3.99"]) == "2.4.11"


@given(st.lists(st.tuples(*[st.integers(0, 1000)] * 3), min_size=1))
def test_the_next_version_is_never_taken(versions: list[tuple[int, int, int]]) -> None:
    written = [".".join(map(str, version)) for version in versions]
    following = tuple(map(int, next_patch(written).split(".")))
    assert all(following > version for version in versions)


@pytest.mark.parametrize("version", ["", "1", "1.2", "v1.2.3", "1.2.3-rc1", "1.2.x"])
def test_what_is_no_semantic_version_is_refused(version: str) -> None:
    with pytest.raises(InvalidInput, match="is not a semantic version"):
        next_patch([version])
