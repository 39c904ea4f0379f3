"""Serving endpoints as the API describes them. Every body survives the SDK's own classes unchanged."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from quikapp_ml.serving.access import Caller
from quikapp_ml.serving.deployments import Served
from quikapp_ml.serving.endpoints import EndpointHost
from quikapp_ml.stores.state.endpoints import AutoCapture, EndpointConfig, EndpointRecord, ServedEntity

LEVELS = {"CAN_VIEW": 1, "CAN_QUERY": 2, "CAN_MANAGE": 3}
LEVEL_MEANINGS = {
    "CAN_VIEW": "Can see the endpoint.",
    "CAN_QUERY": "Can see and query the endpoint.",
    "CAN_MANAGE": "Can see, query, change and delete the endpoint, and say who may do so.",
}
_PRINCIPALS = {"user": "user_name", "group": "group_name", "service_principal": "service_principal_name"}


def level_of(record: EndpointRecord, caller: Caller) -> str:
    """What the caller may do with the endpoint; empty for nothing."""
    if caller.is_admin or caller.name == record.creator:
        return "CAN_MANAGE"
    mine = (f"user:{caller.name}", f"service_principal:{caller.name}", "group:users")
    levels = [record.grants[principal] for principal in mine if principal in record.grants]
    return max(levels, key=lambda level: LEVELS[level], default="")


def described(record: EndpointRecord, host: EndpointHost, caller: Caller) -> dict[str, Any]:
    """The whole endpoint (`ServingEndpointDetailed`)."""
    body = {**_head(record), "permission_level": level_of(record, caller), "route_optimized": False}
    built_in = host.built_in(record.name)
    if built_in is not None:
        config = _built_in_config(record, *built_in)
        return {**body, "config": config, "state": _state(record, is_ready=built_in[1] is not None)}
    body["state"] = _state(record, is_ready=record.active is not None)
    if record.active is not None:
        body["config"] = _config(record, record.active, host)
    if record.pending is not None:
        pending = _config(record, record.pending, host, is_pending=True)
        body["pending_config"] = {**pending, "start_time": _ms(record.pending.started_at)}
    return body


def summarised(record: EndpointRecord, host: EndpointHost) -> dict[str, Any]:
    """One line of a list (`ServingEndpoint`)."""
    built_in = host.built_in(record.name)
    body = _head(record)
    if built_in is not None:
        entities = _built_in_config(record, *built_in)["served_entities"]
        body["state"] = _state(record, is_ready=built_in[1] is not None)
    else:
        config = record.active or record.pending
        entities = [] if config is None else [_entity(each, None) for each in config.entities]
        body["state"] = _state(record, is_ready=record.active is not None)
    if entities:
        specs = [{name: each[name] for name in ("name", "entity_name", "entity_version")} for each in entities]
        body["config"] = {"served_entities": specs, "served_models": [_as_model(spec) for spec in specs]}
    return body


def permissions(record: EndpointRecord) -> dict[str, Any]:
    """Who may do what (`ServingEndpointPermissions`)."""
    entries = [_access("user", record.creator, {"inherited": False, "permission_level": "CAN_MANAGE"})]
    for principal, level in sorted(record.grants.items()):
        kind, _, name = principal.partition(":")
        if principal != f"user:{record.creator}":
            entries.append(_access(kind, name, {"inherited": False, "permission_level": level}))
    inherited = {
        "inherited": True,
        "inherited_from_object": ["/serving-endpoints/"],
        "permission_level": "CAN_MANAGE",
    }
    entries.append(_access("group", "admins", inherited))
    return {
        "object_id": f"/serving-endpoints/{record.endpoint_id}",
        "object_type": "serving-endpoint",
        "access_control_list": entries,
    }


def tags(record: EndpointRecord) -> list[dict[str, str]]:
    """Tags in the order of their keys."""
    return [{"key": key, "value": value} for key, value in sorted(record.tags.items())]


def _head(record: EndpointRecord) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": record.name,
        "id": record.endpoint_id,
        "creator": record.creator,
        "creation_timestamp": _ms(record.created_at),
        "last_updated_timestamp": _ms(record.updated_at),
    }
    if record.tags:
        body["tags"] = tags(record)
    if record.description:
        body["description"] = record.description
    return body


def _state(record: EndpointRecord, *, is_ready: bool) -> dict[str, str]:
    update = "NOT_UPDATING" if record.pending is None else "UPDATE_FAILED" if record.failure else "IN_PROGRESS"
    return {"ready": "READY" if is_ready else "NOT_READY", "config_update": update}


def _config(
    record: EndpointRecord, config: EndpointConfig, host: EndpointHost, *, is_pending: bool = False
) -> dict[str, Any]:
    entities = [_entity(each, _deployment_of(record, host, each, is_pending)) for each in config.entities]
    body: dict[str, Any] = {
        "config_version": config.version,
        "served_entities": entities,
        "served_models": [_as_model(each) for each in entities],
        "traffic_config": _traffic(config.shares),
    }
    if config.auto_capture is not None:
        body["auto_capture_config"] = _capture(config.auto_capture)
    return body


def _traffic(shares: Mapping[str, int]) -> dict[str, Any]:
    routes = [
        {"served_entity_name": name, "served_model_name": name, "traffic_percentage": percent}
        for name, percent in shares.items()
    ]
    return {"routes": routes}


def _entity(entity: ServedEntity, state: dict[str, str] | None) -> dict[str, Any]:
    body = {
        "name": entity.name,
        "entity_name": entity.model,
        "entity_version": str(entity.version),
        "creator": entity.creator,
        "creation_timestamp": _ms(entity.created_at),
        "scale_to_zero_enabled": entity.scales_to_zero,
        **entity.sizing,
    }
    return body if state is None else {**body, "state": state}


def _as_model(entity: Mapping[str, Any]) -> dict[str, Any]:
    """The same as older clients know it."""
    names = {"entity_name": "model_name", "entity_version": "model_version"}
    return {names.get(name, name): value for name, value in entity.items()}


def _deployment_of(
    record: EndpointRecord, host: EndpointHost, entity: ServedEntity, is_pending: bool
) -> dict[str, str]:
    served = host.served(record.name, entity.name)
    state, message = _standing(served, entity)
    if is_pending and record.failure and state == "DEPLOYMENT_CREATING":
        state = "DEPLOYMENT_ABORTED"
    return {"deployment": state, "deployment_state_message": message}


def _standing(served: Served | None, entity: ServedEntity) -> tuple[str, str]:
    if served is None or served.entity.version != entity.version:
        return "DEPLOYMENT_CREATING", ""
    if served.is_loaded:
        return "DEPLOYMENT_READY", ""
    if served.failure:
        return "DEPLOYMENT_FAILED", served.failure
    if entity.scales_to_zero and not served.is_loading:
        return "DEPLOYMENT_READY", "Scaled to zero"
    return "DEPLOYMENT_CREATING", ""


def _capture(capture: AutoCapture) -> dict[str, Any]:
    table = {"name": capture.table.rpartition(".")[2], "status": "ACTIVE" if capture.enabled else "DISABLED"}
    return {
        "catalog_name": capture.catalog,
        "schema_name": capture.schema,
        "table_name_prefix": capture.prefix,
        "enabled": capture.enabled,
        "state": {"payload_table": table},
    }


def _built_in_config(record: EndpointRecord, built_in: Any, loaded: Any) -> dict[str, Any]:
    entity: dict[str, Any] = {
        "name": built_in.model,
        "entity_name": built_in.model,
        "entity_version": "0" if loaded is None or loaded.number is None else str(loaded.number),
        "creator": record.creator,
        "creation_timestamp": _ms(record.created_at),
        "scale_to_zero_enabled": False,
        "workload_size": "Small",
        "state": {
            "deployment": "DEPLOYMENT_CREATING" if loaded is None else "DEPLOYMENT_READY",
            "deployment_state_message": "" if loaded is None else f"version {loaded.ref.version}",
        },
    }
    return {
        "config_version": 1,
        "served_entities": [entity],
        "served_models": [_as_model(entity)],
        "traffic_config": _traffic({built_in.model: 100}),
    }


def _access(kind: str, name: str, permission: dict[str, Any]) -> dict[str, Any]:
    return {_PRINCIPALS[kind]: name, "display_name": name, "all_permissions": [permission]}


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
