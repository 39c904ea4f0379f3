"""Bodies of the serving endpoints API, read: every field is used, refused by name, or told why it cannot be here."""

from collections.abc import Mapping
from typing import Any

from quikapp_ml.databricks_api.requests import objects, refuse_fields, text
from quikapp_ml.errors import FeatureDisabled, InvalidInput
from quikapp_ml.serving.endpoint_changes import WantedConfig, WantedEntity
from quikapp_ml.stores.state.endpoints import AutoCapture

_ENDPOINT_FIELDS = frozenset({"name", "config", "tags", "description"})
_CONFIG_FIELDS = frozenset({"name", "served_entities", "served_models", "traffic_config", "auto_capture_config"})
_SIZING = frozenset(
    {
        "workload_size", "workload_type", "min_provisioned_concurrency", "max_provisioned_concurrency",
        "burst_scaling_enabled",
    }
)  # fmt: skip
_ENTITY_FIELDS = _SIZING | {
    "name", "entity_name", "entity_version", "model_name", "model_version", "scale_to_zero_enabled"
}  # fmt: skip

GATEWAY = "no gateway for models of others stands before the endpoints here"
ENDPOINT_DISABLED = {
    "ai_gateway": GATEWAY,
    "rate_limits": GATEWAY,
    "budget_policy_id": "nothing is billed here",
    "usage_policy_id": "nothing is billed here",
    "email_notifications": "no mail is sent from here",
    "route_optimized": "requests come to this process directly, there is no longer way to be saved",
    "telemetry_config": "telemetry is at /metrics and in inference tables (auto_capture_config)",
}
_ENTITY_DISABLED = {
    "environment_vars": "entities share this process and its environment; set variables where the service is started",
    "external_model": "models of other providers cannot be reached from here",
    "foundation_model": "foundation models need a GPU",
    "instance_profile_arn": "there is no AWS instance here",
    "min_provisioned_throughput": "throughput is provisioned for foundation models only",
    "max_provisioned_throughput": "throughput is provisioned for foundation models only",
    "provisioned_model_units": "throughput is provisioned for foundation models only",
}
_MAX_CONCURRENCY = 1_000_000
_LEVELS = ("CAN_VIEW", "CAN_QUERY", "CAN_MANAGE")
_PRINCIPALS = {"user_name": "user", "group_name": "group", "service_principal_name": "service_principal"}


def read_endpoint(given: Mapping[str, Any]) -> tuple[str, WantedConfig | None, dict[str, str], str]:
    """Name, configuration, tags and description of a new endpoint."""
    refuse_fields(given, _ENDPOINT_FIELDS, ENDPOINT_DISABLED, "")
    config = given.get("config")
    if config is not None and not isinstance(config, dict):
        raise InvalidInput("config must be an object")
    wanted = read_config(config) if config else None
    return text(given, "name"), wanted, read_tags(objects(given, "tags")), text(given, "description", "")


def read_config(given: Mapping[str, Any]) -> WantedConfig:
    """A configuration: from `served_entities`, or from `served_models` as older clients send them."""
    refuse_fields(given, _CONFIG_FIELDS, ENDPOINT_DISABLED, "config.")
    entities = objects(given, "served_entities")
    models = objects(given, "served_models")
    if entities and models:
        raise InvalidInput("give served_entities or served_models, not both")
    shares = _read_shares(given.get("traffic_config"))
    return WantedConfig(
        [_read_entity(each) for each in entities or models], shares, _read_capture(given.get("auto_capture_config"))
    )


def read_tags(given: list[dict[str, Any]]) -> dict[str, str]:
    """Tags by key."""
    return {text(tag, "key"): text(tag, "value", "") for tag in given}


def read_grants(given: Mapping[str, Any]) -> dict[str, str]:
    """Permission levels by principal, from an access control list."""
    grants = {}
    for entry in objects(given, "access_control_list"):
        named = [field for field in _PRINCIPALS if entry.get(field)]
        if len(named) != 1:
            raise InvalidInput(f"an entry of access_control_list names one of {', '.join(_PRINCIPALS)}")
        level = text(entry, "permission_level")
        if level not in _LEVELS:
            raise InvalidInput(f"permission_level must be one of {', '.join(_LEVELS)}, given: {level[:80]!r}")
        grants[f"{_PRINCIPALS[named[0]]}:{text(entry, named[0])}"] = level
    return grants


def _read_entity(given: Mapping[str, Any]) -> WantedEntity:
    refuse_fields(given, _ENTITY_FIELDS, _ENTITY_DISABLED, "served_entities.")
    prefix = "entity" if "entity_name" in given else "model"
    workload = text(given, "workload_type", "CPU")
    if not workload.startswith("CPU"):
        raise FeatureDisabled(f"workload_type {workload[:40]} is not available here: models run on the CPU")
    scales = given.get("scale_to_zero_enabled", False)
    if not isinstance(scales, bool):
        raise InvalidInput("scale_to_zero_enabled must be true or false")
    return WantedEntity(
        model=text(given, f"{prefix}_name"),
        version=_version(given.get(f"{prefix}_version")),
        name=text(given, "name", ""),
        scales_to_zero=scales,
        sizing=_read_sizing(given),
    )


def _read_sizing(given: Mapping[str, Any]) -> dict[str, Any]:
    sizing = {name: given[name] for name in sorted(_SIZING) if given.get(name) is not None}
    for name, value in sizing.items():
        kind = int if name.endswith("concurrency") else bool if name.endswith("enabled") else str
        if type(value) is not kind or (isinstance(value, int) and not 0 <= value <= _MAX_CONCURRENCY):
            raise InvalidInput(f"{name} must be of type {kind.__name__}, given: {value!r}"[:200])
    return sizing


def _version(given: object) -> int:
    if isinstance(given, str) and given.isdecimal() and len(given) < 10:
        return int(given)
    raise InvalidInput(f"entity_version must be the number of a model version, as a string; given: {given!r}"[:200])


def _read_shares(given: object) -> dict[str, int] | None:
    if given is None:
        return None
    if not isinstance(given, dict):
        raise InvalidInput("traffic_config must be an object")
    shares: dict[str, int] = {}
    for route in objects(given, "routes"):
        name = text(route, "served_entity_name" if route.get("served_entity_name") else "served_model_name")
        percent = route.get("traffic_percentage")
        if type(percent) is not int or name in shares:
            raise InvalidInput("every route names another served entity, and its traffic_percentage as a whole number")
        shares[name] = percent
    return shares or None


def _read_capture(given: object) -> AutoCapture | None:
    if given is None:
        return None
    if not isinstance(given, dict):
        raise InvalidInput("auto_capture_config must be an object")
    enabled = given.get("enabled", True)
    return AutoCapture(
        text(given, "catalog_name"),
        text(given, "schema_name"),
        text(given, "table_name_prefix"),
        enabled is None or bool(enabled),
    )
