"""Rollouts of serving endpoints: the traffic between two versions, moved step by step as a client would move it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from quikapp_ml.errors import Conflict, InvalidInput, NotFound
from quikapp_ml.experiments.rollout import Evidence, Limits
from quikapp_ml.experiments.traffic import Requests, StageTraffic, traffic_evidence
from quikapp_ml.serving.endpoint_changes import WantedConfig, WantedEntity
from quikapp_ml.serving.endpoints import EndpointHost
from quikapp_ml.serving.rollouts import read_rollout
from quikapp_ml.stores.state.endpoints import EndpointConfig, EndpointRecord, ServedEntity
from quikapp_ml.stores.state.rollouts import RolloutRecord


class EndpointTraffic:
    """Moves the traffic of endpoints, and counts what both versions do."""

    def __init__(self, endpoints: EndpointHost) -> None:
        self._endpoints = endpoints

    def champion_of(self, endpoint: str) -> tuple[str, int]:
        """The model and the version that have all of the traffic. Raises NotFound, InvalidInput."""
        config = self._endpoints.get(endpoint).active
        if config is None:
            raise InvalidInput(
                f"endpoint {endpoint!r} serves no version of its own: it is built in, or not made yet; "
                "begin a rollout of its subject, or wait"
            )
        with_traffic = [entity for entity in config.entities if config.shares.get(entity.name, 0)]
        if len(with_traffic) != 1:
            raise InvalidInput(
                f"endpoint {endpoint!r} divides its traffic already, between {len(with_traffic)} entities; "
                "let one have all of it before a rollout"
            )
        return with_traffic[0].model, with_traffic[0].version

    def move(self, endpoint: str, champion: int, challenger: int, percent: int, by: str) -> bool:
        """Let the challenger have so many percent, and say whether it has. Raises Conflict."""
        try:
            record = self._endpoints.get(endpoint)
        except NotFound:
            if percent:
                raise
            return True  # deleted: nobody is answered by it
        config = record.active
        if config is None:
            raise Conflict(f"endpoint {endpoint!r} serves nothing yet")
        wanted = _wanted(config, champion, challenger, percent)
        if wanted is None or (_shares(config) == wanted.shares and not record.failure):
            return True
        if record.pending is not None and not record.failure:
            return False  # it is being loaded, or somebody else's change is
        if record.failure and percent:
            return False  # the evidence says why
        self._endpoints.update_config(endpoint, wanted, by)
        return False

    def evidence(self, record: RolloutRecord, limits: Limits, hours: float) -> tuple[Evidence, Mapping[str, Any]]:
        """What the entities of an endpoint have done since the stage began, and the counts to be kept."""
        spec = read_rollout(record.spec)
        endpoint = self._endpoints.get(spec.endpoint or "")
        if endpoint.failure:
            return Evidence(f"it cannot be served: {endpoint.failure}"), {}
        champion, challenger = (
            self._counted(endpoint, record.model, version) for version in (record.champion, spec.version)
        )
        if challenger is None:
            return Evidence(unclear="it is being loaded"), {}
        traffic = StageTraffic.of(record.tally).at(record.stage, champion or Requests(), challenger)
        return traffic_evidence(traffic, hours, limits), {"tally": asdict(traffic)}

    def _counted(self, endpoint: EndpointRecord, model: str, version: int) -> Requests | None:
        """All that was counted of a version since the service began; None while it does not serve."""
        config = endpoint.active
        entity = None if config is None else _entity(config, model, version)
        served = None if entity is None else self._endpoints.served(endpoint.name, entity.name)
        if served is None:
            return None
        cumulative, total_ms = served.telemetry.histogram("request_latency_ms")
        return Requests(cumulative[-1], served.telemetry.failed, total_ms)


def _wanted(config: EndpointConfig, champion: int, challenger: int, percent: int) -> WantedConfig | None:
    """The configuration with this share; None where there is nothing to be changed, or somebody else has changed it."""
    models = {entity.model for entity in config.entities}
    if len(models) != 1:
        return None
    (model,) = models
    first = _entity(config, model, champion)
    second = _entity(config, model, challenger)
    if first is None:
        return None
    old = WantedEntity(model, champion, first.name, first.scales_to_zero, first.sizing)
    new = WantedEntity(model, challenger, second.name if second else "", first.scales_to_zero, first.sizing)
    entities = [old] if percent == 0 else [old, new]
    shares = {_name(old): 100 - percent, _name(new): percent}
    return WantedConfig(entities, {name: shares[name] for name in map(_name, entities)}, config.auto_capture)


def _shares(config: EndpointConfig) -> Mapping[str, int]:
    return {entity.name: config.shares.get(entity.name, 0) for entity in config.entities}


def _entity(config: EndpointConfig, model: str, version: int) -> ServedEntity | None:
    return next((one for one in config.entities if (one.model, one.version) == (model, version)), None)


def _name(wanted: WantedEntity) -> str:
    return wanted.name or f"{wanted.model.rpartition('.')[2]}-{wanted.version}"
