"""What is known of a challenger: from the ledger, the shadow, the registry."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest

from quikapp_ml.entities.experiments import ExperimentSpec
from quikapp_ml.errors import Damaged
from quikapp_ml.experiments.results import Arrivals, ExperimentResults
from quikapp_ml.experiments.rollout import ROLLED_BACK
from quikapp_ml.experiments.shadowing import Tally
from quikapp_ml.models.ranking import ContentRanker
from quikapp_ml.serving.replay_models import PinnedModels
from quikapp_ml.serving.rollout_evidence import RolloutEvidence
from quikapp_ml.serving.shadow import ShadowHost, Wanted
from quikapp_ml.stores.lake.tables import DECISIONS, FEEDBACK
from quikapp_ml.stores.registry.base import CHAMPION
from quikapp_ml.stores.state.memory import MemoryControlState
from quikapp_ml.stores.state.rollouts import RolloutRecord
from support.rolling import NOW, RANKER, Rolling

N_DECISIONS = 60


@pytest.fixture
def rolling(tmp_path: Path) -> Rolling:
    return Rolling(tmp_path, MemoryControlState())


def evidence(rolling: Rolling, shadows: ShadowHost | None = None, units: int = 0) -> RolloutEvidence:
    def read(spec: ExperimentSpec) -> ExperimentResults:
        arrivals = Arrivals({"champion": 10 * units, "challenger": units}, 0, 0, None, "Fine.", [])
        return ExperimentResults(spec.name, spec.hypothesis, spec.unit, NOW, arrivals, [], [])

    models = PinnedModels(rolling.registry, {}, {RANKER: ContentRanker})
    return RolloutEvidence(
        rolling.lake, rolling.registry, models, shadows or rolling.shadows, rolling.experiments, read,
        lambda: rolling.now,
    )  # fmt: skip


def write_clicks(rolling: Rolling, clicked: str) -> None:
    """Answers of the champion, the new before the old, on each of which the same item was clicked."""
    decisions, feedback = [], []
    for number in range(N_DECISIONS):
        request: dict[str, Any] = {"user_id": "ann", "query": None, "explain": False, "context": {}, "items": []}
        features = {"names": ["recency"], "item_ids": ["new", "old"], "values": [[0.9], [0.1]]}
        items = [{"item_id": "new", "score": 0.7, "rank": 1}, {"item_id": "old", "score": 0.5, "rank": 2}]
        decisions.append(
            {
                "decision_id": f"d{number}", "kind": "rank", "decided_at": NOW, "user_id": "ann", "model_name": RANKER,
                "model_version": "1.0.0", "model_number": 1, "inputs": "kept", "degraded": False,
                "request": orjson.dumps(request).decode(), "features": orjson.dumps(features).decode(),
                "answer": orjson.dumps({"items": items}).decode(),
            }
        )  # fmt: skip
        feedback.append(
            {
                "feedback_id": f"f{number}", "decision_id": f"d{number}", "user_id": "ann", "item_id": clicked,
                "action": "click", "received_at": NOW + timedelta(seconds=number),
            }
        )  # fmt: skip
    for table, rows in ((DECISIONS, decisions), (FEEDBACK, feedback)):
        rolling.lake.ensure(table)
        full = [{**dict.fromkeys(table.columns.names), **row} for row in rows]
        rolling.lake.append(table.name, pa.Table.from_pylist(full, schema=table.columns))


def test_the_gate_asks_the_version_for_its_order(rolling: Rolling) -> None:
    record = rolling.start(gate={"least_effective": 20})
    assert "no decisions with clicks" in evidence(rolling).of(record)[0].unclear
    write_clicks(rolling, "new")
    found, kept = evidence(rolling).of(record)
    assert (found.harm, found.unclear, kept) == ("", "", {})
    assert found.numbers["clicks"] == N_DECISIONS
    assert found.numbers["change"] == 0.0, "version 2 puts the new first too"


def test_no_more_clicks_are_read_than_were_asked_for(rolling: Rolling) -> None:
    record = rolling.start(gate={"least_effective": 20, "decisions": 30})
    write_clicks(rolling, "old")
    assert evidence(rolling).of(record)[0].numbers["clicks"] == 30


def test_a_version_that_cannot_be_loaded_is_sent_back_by_the_gate(rolling: Rolling) -> None:
    record = rolling.start()
    rolling.registry.fetch = _torn  # type: ignore[method-assign, assignment]
    assert "version 2 cannot be loaded" in evidence(rolling).of(record)[0].harm


def _torn(*_: Any) -> Path:
    raise Damaged("torn")


@pytest.mark.parametrize("rules", [{"gate": {"least_effective": 0}}])
def test_there_may_be_no_gate(rolling: Rolling, rules: dict[str, Any]) -> None:
    assert evidence(rolling).of(rolling.start(**rules))[0].told == "no gate was asked for"


def test_a_champion_that_moved_ends_it(rolling: Rolling) -> None:
    record = rolling.start()
    rolling.registry.set_alias(RANKER, CHAMPION, 3)
    assert "version 3 answers now, and it was compared with version 1" in evidence(rolling).of(record)[0].harm


def shadowed(rolling: Rolling, **rules: Any) -> RolloutRecord:
    record = rolling.start(shadow={"least_answers": 10, **rules})
    return rolling.desk.step(record, "shadow", "guard", "judged")


def test_the_shadow_goes_on_from_what_it_had_counted(rolling: Rolling) -> None:
    record = replace(shadowed(rolling), tally={"asked": 7, "agreement": 7.0})
    found, kept = evidence(rolling).of(record)
    assert found.unclear == "7 of 10 questions compared"
    shadows = ShadowHost(lambda _, __: ContentRanker.prior())
    shadows.follow({RANKER: Wanted("ranks", RANKER, 2, 1.0, 0.5)})
    shadows._count(shadows._shadowed[RANKER], Tally(3, 0, 3.0))
    found, kept = evidence(rolling, shadows).of(record)
    assert found.told.startswith("10 questions compared: agreement 100%")
    assert kept["tally"]["asked"] == 10


def test_a_shadow_that_cannot_be_loaded_ends_it(rolling: Rolling) -> None:
    record = shadowed(rolling)
    shadows = ShadowHost(_torn)  # type: ignore[arg-type]
    shadows.follow({RANKER: Wanted("ranks", RANKER, 2, 1.0, 0.5)})
    assert "cannot be loaded" in evidence(rolling, shadows).of(record)[0].harm
    assert evidence(rolling).of(shadowed_not(record))[0].told == "no shadow was asked for"


def shadowed_not(record: RolloutRecord) -> RolloutRecord:
    return replace(record, spec={**record.spec, "shadow": {"least_answers": 0}})


def test_a_step_is_judged_by_its_experiment_and_by_time(rolling: Rolling) -> None:
    rolling.start()
    record = rolling.desk.step(rolling.record, "5", "guard", "judged")
    rolling.world.follow(record)
    rolling.now += timedelta(hours=23)
    assert evidence(rolling, units=60).of(record)[0].unclear == "23.0 of 24 hours have passed"
    rolling.now += timedelta(hours=2)
    assert evidence(rolling, units=49).of(record)[0].unclear == "49 of 50 users have had it"
    assert evidence(rolling, units=60).of(record)[0].told.startswith("60 users have had it")
    assert record.stage != ROLLED_BACK
