"""Quality monitors by the id of their table: `w.data_quality`, the newer API over the same monitors.

Handlers are named as Databricks' audit log names what they do.
"""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.errors import DatabricksJson
from quikapp_ml.databricks_api.monitors import quality_monitors as by_name
from quikapp_ml.databricks_api.monitors.watching import Watching, watching
from quikapp_ml.databricks_api.requests import page, read_body, refuse_fields, text
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.errors import FeatureDisabled, InvalidInput
from quikapp_ml.monitoring.definition import GRANULARITIES, MonitorDefinition
from quikapp_ml.monitoring.host import Monitor
from quikapp_ml.stores.state.monitors import RefreshRecord

PATH = "/api/data-quality/v1/monitors"
ONE = f"{PATH}/{{object_type}}/{{object_id}}"

_GRANULARITIES = {f"AGGREGATION_GRANULARITY_{name.upper().replace(' ', '_')}": name for name in GRANULARITIES}
_NEWER_GRANULARITIES = {name: newer for newer, name in _GRANULARITIES.items()}
_PREFIXES = {"status": "DATA_PROFILING_", "pause_status": "CRON_SCHEDULE_PAUSE_STATUS_", "problem_type": "INFERENCE_"}
_COLUMNS = {
    "timestamp_column": "timestamp_col",
    "prediction_column": "prediction_col",
    "model_id_column": "model_id_col",
    "label_column": "label_col",
}
_NAMES = {v: k for k, v in _COLUMNS.items()}
_READ_ONLY = frozenset({
    "monitored_table_name", "profile_metrics_table_name", "drift_metrics_table_name", "monitor_version", "status",
    "latest_monitor_failure_message", "effective_warehouse_id",
})  # fmt: skip

ROUTES = WorkspaceRoutes()


@ROUTES.add("POST", PATH)
async def create_monitor(request: Request) -> Response:
    """Watch a table."""
    given = await read_body(request)
    _refuse_schemas(text(given, "object_type"))
    object_id, config = text(given, "object_id"), _config(given)

    def create(monitors: Watching) -> dict[str, Any]:
        definition = _definition(monitors, monitors.table_of(object_id), config)
        return _told(monitors, monitors.create(definition))

    return DatabricksJson(await watching(request, create))


@ROUTES.add("GET", PATH)
async def list_monitors(request: Request) -> Response:
    """All monitors that the caller may know of."""
    found = await watching(request, lambda monitors: [_told(monitors, each) for each in monitors.all()])
    shown, token = page(request, found, size="page_size")
    return DatabricksJson({"monitors": list(shown), **({"next_page_token": token} if token else {})})


@ROUTES.add("GET", ONE)
async def get_monitor(request: Request) -> Response:
    """One monitor."""
    return DatabricksJson(await _of_table(request, lambda all_, table: _told(all_, all_.get(table))))


@ROUTES.add("PATCH", ONE)
async def update_monitor(request: Request) -> Response:
    """Change the fields that the mask names, of the profiling of a table."""
    config, mask = _config(await read_body(request)), request.query_params.get("update_mask", "*")

    def update(monitors: Watching, table: str) -> dict[str, Any]:
        before = _told(monitors, monitors.get(table))["data_profiling_config"]
        changed = _masked(before, config, mask)
        return _told(monitors, monitors.update(_definition(monitors, table, changed)))

    return DatabricksJson(await _of_table(request, update))


@ROUTES.add("DELETE", ONE)
async def delete_monitor(request: Request) -> Response:
    """Watch a table no longer; what was written stays."""
    await _of_table(request, lambda monitors, table: monitors.delete(table))
    return DatabricksJson({})


@ROUTES.add("POST", f"{ONE}/refreshes")
async def create_refresh(request: Request) -> Response:
    """Look at a table now."""
    object_id = request.path_params["object_id"]
    return DatabricksJson(await _of_table(request, lambda all_, table: _told_refresh(object_id, all_.refresh(table))))


@ROUTES.add("GET", f"{ONE}/refreshes")
async def list_refreshes(request: Request) -> Response:
    """The refreshes of a monitor, newest first."""
    object_id = request.path_params["object_id"]
    found = await _of_table(request, lambda monitors, table: monitors.refreshes(table))
    shown, token = page(request, found, size="page_size")
    told = [_told_refresh(object_id, each) for each in shown]
    return DatabricksJson({"refreshes": told, **({"next_page_token": token} if token else {})})


@ROUTES.add("GET", f"{ONE}/refreshes/{{refresh_id}}")
async def get_refresh(request: Request) -> Response:
    """One refresh."""
    object_id, refresh_id = request.path_params["object_id"], by_name.refresh_id_of(request)
    found = await _of_table(request, lambda monitors, table: monitors.one_refresh(table, refresh_id))
    return DatabricksJson(_told_refresh(object_id, found))


@ROUTES.add("POST", f"{ONE}/refreshes/{{refresh_id}}/cancel")
async def cancel_refresh(request: Request) -> Response:
    """Ask a refresh to end."""
    object_id, refresh_id = request.path_params["object_id"], by_name.refresh_id_of(request)
    found = await _of_table(request, lambda monitors, table: monitors.cancel(table, refresh_id))
    return DatabricksJson({"refresh": _told_refresh(object_id, found)})


async def _of_table(request: Request, do: Any) -> Any:
    """Do something with the monitor of the table that the path names."""
    _refuse_schemas(request.path_params["object_type"])
    object_id = request.path_params["object_id"]
    return await watching(request, lambda monitors: do(monitors, monitors.table_of(object_id)))


def _refuse_schemas(object_type: str) -> None:
    if object_type == "schema":
        raise FeatureDisabled("anomalies of whole schemas are not looked for here; monitor its tables")
    if object_type != "table":
        raise InvalidInput(f"object_type must be table or schema, given: {object_type[:80]!r}")


def _config(given: Mapping[str, Any]) -> dict[str, Any]:
    refuse_fields(
        given, frozenset({"object_type", "object_id", "data_profiling_config"}),
        {"anomaly_detection_config": "anomalies of whole schemas are not looked for here"}, "",
    )  # fmt: skip
    config = given.get("data_profiling_config")
    if not isinstance(config, dict):
        raise InvalidInput("data_profiling_config must be an object")
    return config


def _masked(before: Mapping[str, Any], config: Mapping[str, Any], mask: str) -> dict[str, Any]:
    """The configuration with what the mask names replaced; `*` is all of it."""
    named = {path.strip().removeprefix("data_profiling_config").lstrip(".").split(".")[0] for path in mask.split(",")}
    if "*" in named or "" in named:
        return dict(config)
    return {**{name: value for name, value in before.items() if name not in named},
            **{name: value for name, value in config.items() if name in named}}  # fmt: skip


def _definition(monitors: Watching, table: str, config: Mapping[str, Any]) -> MonitorDefinition:
    """The same configuration in the words of the older API."""
    given = {name: value for name, value in config.items() if name not in _READ_ONLY}
    schema = monitors.schema_of(text(given, "output_schema_id"))
    given = {**given, "output_schema_name": schema}
    del given["output_schema_id"]
    for kind in by_name.KINDS:
        if isinstance(given.get(kind), dict):
            given[kind] = {_COLUMNS.get(name, name): _older(name, value) for name, value in given[kind].items()}
    if isinstance(given.get("schedule"), dict):
        given["schedule"] = {name: _older(name, value) for name, value in given["schedule"].items()}
    return by_name.read_definition(table, given)


def _older(name: str, value: Any) -> Any:
    if name == "granularities" and isinstance(value, list):
        return [_GRANULARITIES.get(str(each), each) for each in value]
    prefix = _PREFIXES.get(name)
    return value.removeprefix(prefix) if prefix and isinstance(value, str) else value


def _told(monitors: Watching, monitor: Monitor) -> dict[str, Any]:
    """A monitor, as the SDK's Monitor of `dataquality`."""
    older = by_name.told(monitor)
    table, schema = older.pop("table_name"), older.pop("output_schema_name")
    failure = older.pop("latest_monitor_failure_msg", "")
    config: dict[str, Any] = {
        **older,
        "monitored_table_name": table,
        "output_schema_id": monitors.schema_id(schema),
        "status": f"{_PREFIXES['status']}{older['status'].removeprefix('MONITOR_')}",
    }
    if failure:
        config["latest_monitor_failure_message"] = failure
    for kind in by_name.KINDS:
        if kind in config:
            config[kind] = {_NAMES.get(name, name): _newer(name, value) for name, value in config[kind].items()}
    if "schedule" in config:
        config["schedule"] = {name: _newer(name, value) for name, value in config["schedule"].items()}
    return {"object_type": "table", "object_id": monitors.table_id(table), "data_profiling_config": config}


def _newer(name: str, value: Any) -> Any:
    if name == "granularities":
        return [_NEWER_GRANULARITIES[each] for each in value]
    prefix = _PREFIXES.get(name)
    return f"{prefix}{value}" if prefix else value


def _told_refresh(object_id: str, refresh: RefreshRecord) -> dict[str, Any]:
    older = by_name.told_refresh(refresh)
    return {
        **older,
        "object_type": "table",
        "object_id": object_id,
        "state": f"MONITOR_REFRESH_STATE_{older['state']}",
        "trigger": f"MONITOR_REFRESH_TRIGGER_{older['trigger']}",
    }
