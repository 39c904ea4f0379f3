"""Rollouts of serving endpoints: their traffic moves, and back."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quikapp_ml.entities.rollouts import RolloutSpec
from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.experiments.rollout import Limits
from quikapp_ml.serving.endpoint_traffic import EndpointTraffic
from quikapp_ml.serving.rollout_guard import RolloutGuard
from quikapp_ml.serving.rollout_world import RolloutWorld
from quikapp_ml.serving.rollouts import RolloutDesk
from quikapp_ml.stores.state.memory import MemoryControlState
from quikapp_ml.stores.state.rollouts import RolloutRecord
from support.endpoints import Setup, config
from support.rolling import FINE, Rolling

LIMITS = Limits(least_units=20, least_hours=0.0, at_most_errors=0.01, at_most_slower=1_000.0)
SPEC: dict[str, Any] = {"name": "mine-7", "endpoint": "mine", "version": 7, "shares": [20, 50, 100]}


class Lab:
    """An endpoint that serves version 4 of a model, and the rollouts of it."""

    def __init__(self, folder: Path) -> None:
        self.setup = Setup(folder)
        self.setup.create("mine", 4)
        rolling = Rolling(folder, MemoryControlState())
        self.traffic = EndpointTraffic(self.setup.host)
        self.desk = RolloutDesk(
            rolling.state.rollouts, rolling.experiments, self.setup.registry, lambda: rolling.now, self.traffic
        )
        world = RolloutWorld(rolling.experiments, rolling.aliases, rolling.lake, traffic=self.traffic)
        self.guard = RolloutGuard(self.desk, world, rolling.shadows, lambda: self)
        self.limits = LIMITS

    def of(self, record: RolloutRecord) -> Any:
        """Counts at the shares; before them nothing is asked for."""
        if not record.stage.isdecimal():
            return FINE, {}
        return self.traffic.evidence(record, self.limits, 1.0)

    def start(self, **changes: Any) -> None:
        self.guard.follow(self.desk.start(RolloutSpec.model_validate({**SPEC, **changes}), "ann"))

    def look(self) -> str:
        self.guard.look()
        self.setup.settled("mine")
        return self.desk.get("mine-7").stage

    def shares(self) -> dict[str, int]:
        active = self.setup.host.get("mine").active
        assert active is not None
        return dict(active.shares)

    def served(self, times: int = 300) -> Counter[str]:
        return Counter(self.setup.ask("mine")[1] for _ in range(times))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.setup.host.close()


def test_traffic_moves_step_by_step_until_it_has_all(lab: Lab) -> None:
    lab.start()
    seen: list[str] = []
    ends = time.monotonic() + 30
    while not lab.desk.get("mine-7").is_settled and time.monotonic() < ends:
        stage = lab.look()
        if stage.isdecimal() and (not seen or seen[-1] != stage):
            seen.append(stage)
            assert lab.shares() == {"v4": 100 - int(stage), "threshold-7": int(stage)}
            lab.look()
            assert lab.served()["threshold-7"] == pytest.approx(3 * int(stage), abs=40)
    assert seen == ["20", "50", "100"]
    assert lab.desk.get("mine-7").stage == "promoted"
    assert lab.served(20) == {"threshold-7": 20}


def test_harm_gives_all_of_it_back(lab: Lab) -> None:
    lab.start()
    while lab.look() != "20":
        pass
    lab.look()
    served = lab.setup.host.served("mine", "threshold-7")
    assert served is not None
    for _ in range(3):
        served.telemetry.observe(500, 1.0, 1.0, 0.0)
    assert lab.look() == "rolled_back"
    assert lab.desk.get("mine-7").steps[-1].why == "it failed at 3 of 3 requests"
    lab.look()
    assert lab.shares() == {"v4": 100}
    assert lab.desk.get("mine-7").is_settled


def test_a_version_that_cannot_be_served_goes_back_and_leaves_no_trace(lab: Lab) -> None:
    broken = lab.setup.register(0.1, "support.nowhere:Model").number
    lab.start(version=broken)
    stages = [lab.look() for _ in range(6)]
    assert stages[-1] == "rolled_back"
    assert "it cannot be served" in lab.desk.get("mine-7").steps[-1].why
    assert lab.shares() == {"v4": 100}
    assert lab.setup.host.get("mine").failure == ""
    assert lab.desk.get("mine-7").is_settled


def test_one_version_must_have_all_of_it_to_begin_with(lab: Lab) -> None:
    assert lab.traffic.champion_of("mine") == ("threshold", 4)
    lab.setup.host.create("both", config(3, 4, shares=(50, 50)), "ann", {}, "")
    lab.setup.settled("both")
    with pytest.raises(InvalidInput, match="divides its traffic already, between 2 entities"):
        lab.start(endpoint="both")
    with pytest.raises(NotFound):
        lab.start(endpoint="nowhere")
    lab.setup.host.create("empty", None, "ann", {}, "")
    with pytest.raises(InvalidInput, match="serves no version of its own"):
        lab.start(endpoint="empty")


def test_what_somebody_else_made_of_the_endpoint_is_let_be(lab: Lab) -> None:
    lab.setup.host.update_config("mine", config(5), "bob")
    lab.setup.settled("mine")
    assert lab.traffic.move("mine", 4, 7, 20, "rollout:mine-7")
    assert lab.shares() == {"v5": 100}
    lab.setup.host.delete("mine")
    assert lab.traffic.move("mine", 4, 7, 0, "rollout:mine-7")
    with pytest.raises(NotFound):
        lab.traffic.move("mine", 4, 7, 20, "rollout:mine-7")
