"""What may be asked of an endpoint's configuration, checked before anything is changed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.stores.lake.tables import inference_table
from quikapp_ml.stores.registry.base import ModelRegistry
from quikapp_ml.stores.state.endpoints import AutoCapture, EndpointConfig, ServedEntity

MAX_ENTITIES = 10
_ENDPOINT_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")
_ENTITY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True)
class WantedEntity:
    """A model version to be served; without a name it gets `model-version`."""

    model: str
    version: int
    name: str = ""
    scales_to_zero: bool = False
    sizing: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class WantedConfig:
    """A configuration as it was asked for. Without shares, one entity gets everything."""

    entities: Sequence[WantedEntity]
    shares: Mapping[str, int] | None = None
    auto_capture: AutoCapture | None = None


def check_endpoint_name(name: str) -> None:
    """Raises InvalidInput on a name that cannot stand in a URL."""
    if not _ENDPOINT_NAME.fullmatch(name):
        raise InvalidInput(
            f"endpoint name {name[:80]!r} must be 1 to 63 letters, digits, - and _, with a letter or digit at both ends"
        )


def checked_config(
    wanted: WantedConfig, version: int, creator: str, now: datetime, registry: ModelRegistry
) -> EndpointConfig:
    """The configuration with names and shares filled in. Raises InvalidInput, and NotFound without a model version."""
    if not 1 <= len(wanted.entities) <= MAX_ENTITIES:
        raise InvalidInput(f"an endpoint serves 1 to {MAX_ENTITIES} entities, not {len(wanted.entities)}")
    entities = tuple(
        ServedEntity(_name(each), each.model, each.version, creator, now, each.scales_to_zero, dict(each.sizing))
        for each in wanted.entities
    )
    names = [entity.name for entity in entities]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InvalidInput(f"names of served entities must differ; given twice: {', '.join(repeated)}")
    for entity in entities:
        _check_exists(entity, registry)
    if wanted.auto_capture is not None and inference_table(wanted.auto_capture.table) is None:
        raise InvalidInput(
            f"auto_capture_config cannot write to {wanted.auto_capture.table}: catalog_name must be quikapp_ml, "
            "schema_name and table_name_prefix plain names"
        )
    return EndpointConfig(version, entities, _shares(wanted.shares, names), now, wanted.auto_capture)


def _name(wanted: WantedEntity) -> str:
    name = wanted.name or f"{wanted.model.rpartition('.')[2]}-{wanted.version}"
    if not _ENTITY_NAME.fullmatch(name):
        raise InvalidInput(f"served entity name {name[:80]!r} must be letters, digits, - _ and ., at most 128")
    return name


def _check_exists(entity: ServedEntity, registry: ModelRegistry) -> None:
    versions = [version.number for version in registry.versions(entity.model)]
    if not versions:
        raise NotFound(f"there is no registered model {entity.model!r}; there are {', '.join(registry.names())}")
    if entity.version not in versions:
        known = ", ".join(map(str, versions[:20]))
        raise NotFound(f"registered model {entity.model!r} has no version {entity.version}; it has {known}")


def _shares(wanted: Mapping[str, int] | None, names: Sequence[str]) -> Mapping[str, int]:
    if wanted is None:
        if len(names) > 1:
            raise InvalidInput("several served entities need a traffic_config that says each one's percentage")
        return {names[0]: 100}
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        raise InvalidInput(f"traffic_config names {', '.join(unknown)}, the endpoint serves {', '.join(names)}")
    if any(not 0 <= percent <= 100 for percent in wanted.values()) or sum(wanted.values()) != 100:
        raise InvalidInput(f"traffic percentages must be 0 to 100 and add up to 100, not {sum(wanted.values())}")
    return dict(wanted)
