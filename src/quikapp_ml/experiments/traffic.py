"""What two versions behind one serving endpoint have done: requests, failures, time."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from quikapp_ml.experiments.rollout import LEAST_FALLBACKS, Evidence, Limits


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests to one version, how many of them failed, and how long all took together."""

    asked: int = 0
    failed: int = 0
    ms: float = 0.0

    def __add__(self, other: "Requests") -> "Requests":
        """Both together."""
        return Requests(self.asked + other.asked, self.failed + other.failed, self.ms + other.ms)

    def since(self, before: "Requests") -> "Requests":
        """What came after an earlier count; all of it when counting began anew in between."""
        if self.asked < before.asked:
            return self
        return Requests(self.asked - before.asked, self.failed - before.failed, max(self.ms - before.ms, 0.0))

    @property
    def failed_share(self) -> float:
        """Of the requests."""
        return self.failed / self.asked if self.asked else 0.0


@dataclass(frozen=True)
class StageTraffic:
    """What was counted at one stage, and the last counts of the service, from which the next ones go on."""

    stage: str
    champion: Requests = Requests()
    challenger: Requests = Requests()
    last_champion: Requests = Requests()
    last_challenger: Requests = Requests()

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "StageTraffic":
        """As it was kept by `asdict`."""
        given = {name: Requests(**value) for name, value in kept.items() if name != "stage"}
        return cls(kept.get("stage", ""), **given)

    def at(self, stage: str, champion: Requests, challenger: Requests) -> "StageTraffic":
        """With what the service has counted by now; a stage begins with nothing."""
        is_same = stage == self.stage
        return StageTraffic(
            stage,
            self.champion + champion.since(self.last_champion) if is_same else Requests(),
            self.challenger + challenger.since(self.last_challenger) if is_same else Requests(),
            champion,
            challenger,
        )


def traffic_evidence(traffic: StageTraffic, hours: float, limits: Limits) -> Evidence:
    """Whether the challenger may have more of the traffic."""
    champion, challenger = traffic.champion, traffic.challenger
    numbers = {"hours": round(hours, 2), "champion": asdict(champion), "challenger": asdict(challenger)}
    fails_more = challenger.failed_share > champion.failed_share
    if challenger.failed >= max(LEAST_FALLBACKS, limits.at_most_errors * challenger.asked) and fails_more:
        return Evidence(f"it failed at {challenger.failed:,} of {challenger.asked:,} requests", numbers=numbers)
    slower = _slower(champion, challenger)
    if challenger.asked >= limits.least_units and slower > limits.at_most_slower:
        harm = f"its answers take {slower:.0%} longer, {limits.at_most_slower:.0%} is allowed"
        return Evidence(harm, numbers=numbers)
    if hours < limits.least_hours:
        return Evidence(unclear=f"{hours:.1f} of {limits.least_hours:g} hours have passed", numbers=numbers)
    if challenger.asked < limits.least_units:
        return Evidence(unclear=f"{challenger.asked:,} of {limits.least_units:,} requests", numbers=numbers)
    told = f"{challenger.asked:,} requests, {challenger.failed:,} of them failed, {slower:+.0%} time"
    return Evidence(told=told, numbers=numbers)


def _slower(champion: Requests, challenger: Requests) -> float:
    """How much longer an answer takes on average."""
    if not (champion.ms and challenger.asked):
        return 0.0
    return challenger.ms / challenger.asked / (champion.ms / champion.asked) - 1
