import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.stores.lake.tables import PROMOTIONS
from quikapp_ml.stores.registry.base import ModelVersion
from quikapp_ml.training.alias_moves import moves_of
from quikapp_ml.training.expectations import Expectation, InRange
from quikapp_ml.training.promotion import decide, promote
from quikapp_ml.training.quality import check_tables
from quikapp_ml.training.starters import register_starters
from quikapp_ml.training.trainer import CANDIDATE, train
from support.toy_model import READINGS, Threshold, ThresholdRecipe, WatchedRegistry

NOW = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
METRICS = {
    "auc": 0.80, "auc_low": 0.76, "auc_high": 0.84, "baseline_prior": 0.50, "baseline_rules": 0.70,
    "previous_auc": 0.80, "previous_auc_low": 0.76, "previous_auc_high": 0.84, "previous_baseline_prior": 0.99,
}  # fmt: skip


def candidate(previous: str = "3", metrics: Mapping[str, float] | None = None, **more: float) -> ModelVersion:
    tags = {"metric": "auc", "previous_number": previous}
    return ModelVersion("toy", 4, "1.0.1", NOW, (CANDIDATE,), {**METRICS, **(metrics or {}), **more}, tags)


def holder(number: int = 3, **tags: str) -> ModelVersion:
    return ModelVersion("toy", number, "1.0.0", NOW, ("champion",), {}, tags)


class TestDeciding:
    @pytest.mark.parametrize(
        ("value", "promoted"),
        [(0.90, True), (0.80, True), (0.785, True), (0.7801, True), (0.7799, False), (0.72, False)],
    )
    def test_a_candidate_may_be_worse_by_half_the_half_width(self, value: float, promoted: bool) -> None:
        decision = decide(candidate(auc=value), "champion", holder())
        assert decision.promoted is promoted
        assert "tolerance 0.0200" in decision.reason
        assert f"{value:.4f}" in decision.reason

    @pytest.mark.parametrize(("high", "promoted"), [(-0.01, False), (0.0, True), (0.2, True)])
    @pytest.mark.parametrize("name", ["difference", "difference_in_short"])
    def test_what_is_clearly_worse_in_all_or_in_a_slice_is_kept_back(
        self, name: str, high: float, promoted: bool
    ) -> None:
        measured = {name: -0.05, f"{name}_low": -0.1, f"{name}_high": high}
        decision = decide(candidate(metrics=measured, auc=0.9), "champion", holder())
        assert decision.promoted is promoted
        if not promoted:
            assert decision.reason.endswith(
                f"clearly worse than the version before: {name} -0.0500 (-0.1000 to -0.0100)"
            )

    def test_a_wide_interval_is_no_licence(self) -> None:
        wide: dict[str, float] = {"previous_auc_low": 0.5, "previous_auc_high": 1.0}
        assert decide(candidate(metrics=wide, auc=0.76), "champion", holder()).promoted
        refused = decide(candidate(metrics=wide, auc=0.74), "champion", holder())
        assert not refused.promoted
        assert "tolerance 0.0500" in refused.reason

    @pytest.mark.parametrize("value", [0.69, 0.70])
    def test_the_best_baseline_must_be_beaten(self, value: float) -> None:
        decision = decide(candidate(auc=value, previous_auc=0.6), "champion", holder())
        assert not decision.promoted
        assert decision.reason == f"auc {value:.4f} does not beat baseline_rules (0.7000)"

    @pytest.mark.parametrize("name", ["auc", "previous_auc", "previous_auc_low", "previous_auc_high"])
    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_without_evidence_nothing_is_promoted(self, name: str, value: float) -> None:
        decision = decide(candidate(metrics={name: value}), "champion", holder())
        assert not decision.promoted
        assert decision.reason.startswith(f"there is no number for {name}")

    def test_a_version_that_nobody_measured_is_not_promoted(self) -> None:
        by_hand = ModelVersion("toy", 4, "1.0.1", NOW)
        assert not decide(by_hand, "champion", holder()).promoted

    def test_a_candidate_measured_beside_another_version_is_not_promoted(self) -> None:
        decision = decide(candidate(previous="2"), "champion", holder())
        assert not decision.promoted
        assert "measured beside version 2, but version 3 holds the alias now: train again" in decision.reason

    def test_the_starter_may_have_been_registered_since(self) -> None:
        assert decide(candidate(previous="starter"), "champion", holder(1, starter="true")).promoted
        assert not decide(candidate(previous="starter"), "champion", holder(1)).promoted

    def test_where_nobody_holds_the_alias_the_gate_still_counts(self) -> None:
        assert decide(candidate(previous="starter"), "champion", None).promoted
        assert not decide(candidate(previous="starter", auc=0.1), "champion", None).promoted

    @given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.5))
    def test_what_is_promoted_beats_the_baseline_and_is_hardly_worse(
        self, value: float, before: float, baseline: float, half_width: float
    ) -> None:
        metrics: dict[str, float] = {
            "auc": value, "previous_auc": before, "baseline_rules": baseline,
            "previous_auc_low": before - half_width, "previous_auc_high": before + half_width,
        }  # fmt: skip
        if decide(candidate(metrics=metrics), "champion", holder()).promoted:
            assert value > baseline
            assert value >= before - min(0.05, half_width / 2) - 1e-9


@pytest.fixture
def trained(lake: MemoryLake, registry: WatchedRegistry, starter: Path, tmp_path: Path) -> WatchedRegistry:
    """A registry with the starter as champion (1) and a better candidate (2)."""
    register_starters(registry, {"threshold": starter}, {"threshold": Threshold})
    train(ThresholdRecipe(), lake, registry, None, tmp_path / "work")
    return registry


def aliases(registry: WatchedRegistry) -> dict[int, tuple[str, ...]]:
    return {version.number: version.aliases for version in registry.versions("threshold")}


class TestPromoting:
    def test_a_better_candidate_takes_the_alias_and_leaves_a_row(
        self, trained: WatchedRegistry, lake: MemoryLake
    ) -> None:
        decision = promote("threshold", trained, lake, NOW)
        assert decision is not None
        assert decision.promoted
        assert aliases(trained) == {1: (), 2: ("champion",)}
        (row,) = lake.read(PROMOTIONS.name).to_pylist()
        assert row == {
            "model_name": "threshold", "candidate": 2, "champion": 1, "metric": "accuracy", "candidate_value": 1.0,
            "champion_value": 0.9, "promoted": True, "reason": decision.reason, "decided_at": NOW,
        }  # fmt: skip

    def test_a_worse_candidate_leaves_a_row_and_the_alias_where_it_is(
        self, lake: MemoryLake, registry: WatchedRegistry, tmp_path: Path
    ) -> None:
        champion = tmp_path / "better"
        Threshold(0.5).save(champion)
        (champion / "card.md").write_text("# threshold 2.4.0\n")
        (champion / "metadata.json").write_text('{"semantic_version": "2.4.0", "alias": "champion"}')
        register_starters(registry, {"threshold": champion}, {"threshold": Threshold})
        train(Worse(), lake, registry, None, tmp_path / "work")
        decision = promote("threshold", registry, lake, NOW)
        assert decision is not None
        assert not decision.promoted
        assert aliases(registry) == {1: ("champion",), 2: ()}
        (row,) = lake.read(PROMOTIONS.name).to_pylist()
        assert (row["promoted"], row["reason"]) == (False, decision.reason)

    def test_what_is_in_staging_stays_in_staging(self, trained: WatchedRegistry, lake: MemoryLake) -> None:
        trained.remove_alias("threshold", "champion")
        trained.set_alias("threshold", "challenger", 1)
        promote("threshold", trained, lake, NOW)
        assert aliases(trained) == {1: (), 2: ("challenger",)}

    def test_what_learnt_from_a_table_that_failed_its_gate_is_not_promoted(
        self, trained: WatchedRegistry, lake: MemoryLake
    ) -> None:
        too_strict = {READINGS.name: [Expectation(InRange("value", 0, 0.5))]}
        check_tables(lake, NOW, too_strict)
        decision = promote("threshold", trained, lake, NOW)
        assert decision is not None
        assert not decision.promoted
        assert "quikapp_ml.ml.readings version 1: value is in [0, 0.5] (25 of 50 rows" in decision.reason
        assert aliases(trained) == {1: ("champion",), 2: ()}

    def test_without_a_candidate_nothing_happens(self, trained: WatchedRegistry, lake: MemoryLake) -> None:
        promote("threshold", trained, lake, NOW)
        before = aliases(trained)
        assert promote("threshold", trained, lake, NOW) is None
        assert promote("nothing-like-it", trained, lake, NOW) is None
        assert aliases(trained) == before
        assert lake.read(PROMOTIONS.name).num_rows == 1

    @pytest.mark.parametrize("done", [1, 2])
    def test_interrupted_and_run_again_it_ends_the_same(
        self, trained: WatchedRegistry, lake: MemoryLake, done: int
    ) -> None:
        promote("threshold", trained, lake, NOW)
        trained.set_alias("threshold", CANDIDATE, 2)  # as it was before the last step …
        if done == 1:
            trained.set_alias("threshold", "champion", 1)  # … and before the one before that
        promote("threshold", trained, lake, NOW)
        assert aliases(trained) == {1: (), 2: ("champion",)}
        assert lake.read(PROMOTIONS.name).num_rows == 1
        (move,) = moves_of(lake, "threshold", "champion")
        assert (move.who, move.from_version, move.to_version) == ("model_deployment", 1, 2)
        assert move.evidence["table_versions"] == {READINGS.name: 1}


class Worse(ThresholdRecipe):
    def fit(self, examples: object, previous: Threshold) -> Threshold:
        return Threshold(0.7)
