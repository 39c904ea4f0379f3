"""Quality monitors by the name of their table: `w.quality_monitors`.

Handlers are named as Databricks' audit log names what they do.
"""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.errors import DatabricksJson
from quikapp_ml.databricks_api.monitors.watching import Watching, watching
from quikapp_ml.databricks_api.requests import read_body, refuse_fields, text
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.errors import FeatureDisabled, InvalidInput
from quikapp_ml.monitoring.definition import CronSchedule, Inference, Kind, MonitorDefinition, Problem
from quikapp_ml.monitoring.host import Monitor
from quikapp_ml.stores.state.monitors import RefreshRecord

PATH = "/api/2.1/unity-catalog/tables/{table_name}/monitor"

KINDS = tuple(kind.value for kind in Kind)
_FIELDS = frozenset({
    "output_schema_name", "assets_dir", "slicing_exprs", "baseline_table_name", "schedule", "skip_builtin_dashboard",
    "warehouse_id", "table_name", *KINDS,
})  # fmt: skip
ELSEWHERE = {
    "custom_metrics": "profiles and drift have the built-in statistics",
    "data_classification_config": "columns are not classified",
    "notifications": "no mail is sent; alert on the tables",
    "notification_settings": "no mail is sent; alert on the tables",
    "dashboard_id": "there are no dashboards: read the tables",
}

_LOG_FIELDS = frozenset(
    {"problem_type", "timestamp_col", "granularities", "prediction_col", "model_id_col", "label_col"}
)
_LOG_ELSEWHERE = {"prediction_proba_col": "log loss and ROC AUC are not computed"}

ROUTES = WorkspaceRoutes()


@ROUTES.add("POST", PATH)
async def create_monitor(request: Request) -> Response:
    """Watch a table."""
    definition = read_definition(request.path_params["table_name"], await read_body(request))
    return DatabricksJson(told(await watching(request, lambda monitors: monitors.create(definition))))


@ROUTES.add("GET", PATH)
async def get_monitor(request: Request) -> Response:
    """The monitor of a table."""
    table = request.path_params["table_name"]
    return DatabricksJson(told(await watching(request, lambda monitors: monitors.get(table))))


@ROUTES.add("PUT", PATH)
async def update_monitor(request: Request) -> Response:
    """Watch a table in another way; without one of the kinds it stays of its kind."""
    given, table = await read_body(request), request.path_params["table_name"]

    def update(monitors: Watching) -> Monitor:
        if not any(kind in given for kind in KINDS):
            before = told(monitors.get(table))
            given.update({kind: before[kind] for kind in KINDS if kind in before})
        return monitors.update(read_definition(table, given))

    return DatabricksJson(told(await watching(request, update)))


@ROUTES.add("DELETE", PATH)
async def delete_monitor(request: Request) -> Response:
    """Watch a table no longer; what was written stays."""
    table = request.path_params["table_name"]
    await watching(request, lambda monitors: monitors.delete(table))
    return DatabricksJson({})


@ROUTES.add("POST", f"{PATH}/refreshes")
async def run_refresh(request: Request) -> Response:
    """Look at a table now."""
    table = request.path_params["table_name"]
    return DatabricksJson(told_refresh(await watching(request, lambda monitors: monitors.refresh(table))))


@ROUTES.add("GET", f"{PATH}/refreshes")
async def list_refreshes(request: Request) -> Response:
    """The refreshes of a monitor, newest first."""
    table = request.path_params["table_name"]
    found = await watching(request, lambda monitors: monitors.refreshes(table))
    return DatabricksJson({"refreshes": [told_refresh(each) for each in found]})


@ROUTES.add("GET", f"{PATH}/refreshes/{{refresh_id}}")
async def get_refresh(request: Request) -> Response:
    """One refresh."""
    table, refresh_id = request.path_params["table_name"], refresh_id_of(request)
    return DatabricksJson(told_refresh(await watching(request, lambda all_: all_.one_refresh(table, refresh_id))))


@ROUTES.add("POST", f"{PATH}/refreshes/{{refresh_id}}/cancel")
async def cancel_refresh(request: Request) -> Response:
    """Ask a refresh to end."""
    table, refresh_id = request.path_params["table_name"], refresh_id_of(request)
    await watching(request, lambda monitors: monitors.cancel(table, refresh_id))
    return DatabricksJson({})


@ROUTES.add("POST", "/api/2.1/quality-monitoring/tables/{table_name}/monitor/dashboard")
async def regenerate_dashboard(request: Request) -> Response:  # noqa: ARG001 what a handler is given
    """There is none."""
    raise FeatureDisabled(f"monitors make no dashboard here: {ELSEWHERE['dashboard_id']}")


def refresh_id_of(request: Request) -> int:
    """The refresh that the path names. Raises InvalidInput."""
    given = request.path_params["refresh_id"]
    if not (given.isascii() and given.isdecimal()) or len(given) > 18:
        raise InvalidInput(f"refresh_id must be a whole number, given: {given[:80]!r}")
    return int(given)


def read_definition(table: str, given: Mapping[str, Any]) -> MonitorDefinition:
    """What is to be watched. Raises InvalidInput, FeatureDisabled."""
    refuse_fields(given, _FIELDS, ELSEWHERE, "")
    kind = read_kind(given)
    details = given[kind.value]
    return MonitorDefinition(
        table,
        text(given, "output_schema_name"),
        kind,
        text(details, "timestamp_col") if kind is not Kind.SNAPSHOT else "",
        texts(details, "granularities") if kind is not Kind.SNAPSHOT else (),
        _inference(details) if kind is Kind.INFERENCE_LOG else None,
        texts(given, "slicing_exprs"),
        text(given, "baseline_table_name", ""),
        _schedule(given),
        text(given, "assets_dir", ""),
    )


def read_kind(given: Mapping[str, Any]) -> Kind:
    """The one kind that is given. Raises InvalidInput."""
    named = [kind for kind in Kind if isinstance(given.get(kind.value), dict)]
    if len(named) != 1:
        raise InvalidInput(
            f"exactly one of {', '.join(KINDS)} must be given, as an object; given were {len(named)} of them"
        )
    return named[0]


def texts(given: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A field that must be a list of texts; without it, none. Raises InvalidInput."""
    values = given.get(name) or []
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise InvalidInput(f"{name} must be a list of strings")
    return tuple(values)


def _inference(given: Mapping[str, Any]) -> Inference:
    refuse_fields(given, _LOG_FIELDS, _LOG_ELSEWHERE, "inference_log.")
    problem = text(given, "problem_type")
    if problem not in set(Problem):
        raise InvalidInput(f"problem_type {problem[:80]!r} is unknown; known are {', '.join(Problem)}")
    label = text(given, "label_col", "") or None
    return Inference(Problem(problem), text(given, "prediction_col"), text(given, "model_id_col"), label)


def _schedule(given: Mapping[str, Any]) -> CronSchedule | None:
    schedule = given.get("schedule")
    if not schedule:
        return None
    if not isinstance(schedule, dict):
        raise InvalidInput("schedule must be an object with quartz_cron_expression and timezone_id")
    is_paused = text(schedule, "pause_status", "UNPAUSED") == "PAUSED"
    return CronSchedule(text(schedule, "quartz_cron_expression"), text(schedule, "timezone_id"), is_paused)


def told(monitor: Monitor) -> dict[str, Any]:
    """A monitor, as the SDK's MonitorInfo."""
    definition = monitor.definition
    body: dict[str, Any] = {
        "table_name": definition.table,
        "output_schema_name": definition.output_schema,
        "status": "MONITOR_STATUS_ERROR" if monitor.last_failure else "MONITOR_STATUS_ACTIVE",
        "profile_metrics_table_name": definition.profile_table,
        "drift_metrics_table_name": definition.drift_table,
        "monitor_version": definition.version,
        "assets_dir": definition.assets_dir,
        "baseline_table_name": definition.baseline,
        "slicing_exprs": list(definition.slicing),
        "latest_monitor_failure_msg": monitor.last_failure,
    }
    if definition.schedule:
        body["schedule"] = {
            "quartz_cron_expression": definition.schedule.quartz,
            "timezone_id": definition.schedule.timezone,
            "pause_status": "PAUSED" if definition.schedule.is_paused else "UNPAUSED",
        }
    return {**{name: value for name, value in body.items() if value not in ("", [])}, **_told_kind(definition)}


def _told_kind(definition: MonitorDefinition) -> dict[str, Any]:
    if definition.kind is Kind.SNAPSHOT:
        return {"snapshot": {}}
    series = {"timestamp_col": definition.timestamp_col, "granularities": list(definition.granularities)}
    if definition.inference is None:
        return {"time_series": series}
    inference = {
        "problem_type": definition.inference.problem.value,
        "prediction_col": definition.inference.prediction_col,
        "model_id_col": definition.inference.model_id_col,
        **({"label_col": definition.inference.label_col} if definition.inference.label_col else {}),
    }
    return {"inference_log": {**series, **inference}}


def told_refresh(refresh: RefreshRecord) -> dict[str, Any]:
    """A refresh, as the SDK's MonitorRefreshInfo."""
    body: dict[str, Any] = {
        "refresh_id": refresh.refresh_id,
        "state": refresh.state.value,
        "start_time_ms": int(refresh.started_at.timestamp() * 1000),
        "trigger": refresh.trigger,
    }
    if refresh.ended_at:
        body["end_time_ms"] = int(refresh.ended_at.timestamp() * 1000)
    return {**body, "message": refresh.message} if refresh.message else body
