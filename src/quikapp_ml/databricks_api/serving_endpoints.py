"""The serving endpoints API: `/api/2.0/serving-endpoints…`, `/api/2.0/permissions/serving-endpoints/…`.

Handlers are named as Databricks' audit log names what they do.
"""

from dataclasses import replace

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from quikapp_ml.databricks_api.endpoint_bodies import (
    LEVEL_MEANINGS,
    LEVELS,
    described,
    level_of,
    permissions,
    summarised,
    tags,
)
from quikapp_ml.databricks_api.endpoint_grants import check_config
from quikapp_ml.databricks_api.endpoint_openapi import openapi_of
from quikapp_ml.databricks_api.endpoint_requests import (
    ENDPOINT_DISABLED,
    read_config,
    read_endpoint,
    read_grants,
    read_tags,
)
from quikapp_ml.databricks_api.errors import DatabricksJson
from quikapp_ml.databricks_api.requests import caller_of, objects, read_body, refuse_fields
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.errors import FeatureDisabled, InvalidInput, NotFound, PermissionDenied
from quikapp_ml.serving.endpoint_changes import WantedConfig
from quikapp_ml.serving.endpoints import EndpointHost
from quikapp_ml.stores.state.endpoints import EndpointRecord

PATH = "/api/2.0/serving-endpoints"
"""`mlflow.deployments` puts a slash after it."""

PERMISSIONS_PATH = "/api/2.0/permissions/serving-endpoints"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

ROUTES = WorkspaceRoutes()


@ROUTES.add("GET", PATH)
@ROUTES.add("GET", f"{PATH}/")
async def list_serving_endpoints(request: Request) -> Response:
    """All endpoints that the caller may see."""
    host, caller = _host(request), caller_of(request)
    records = await run_in_threadpool(host.all)
    return DatabricksJson({"endpoints": [summarised(each, host) for each in records if level_of(each, caller)]})


@ROUTES.add("POST", PATH)
@ROUTES.add("POST", f"{PATH}/")
async def create_serving_endpoint(request: Request) -> Response:
    """Make an endpoint; its versions are loaded while the client waits by asking again."""
    name, wanted, given_tags, description = read_endpoint(await read_body(request))
    request.path_params["name"] = name  # for the audit log
    host, caller = _host(request), caller_of(request)
    if wanted is not None:
        await run_in_threadpool(check_config, request, wanted)
    record = await run_in_threadpool(host.create, name, wanted, caller.name, given_tags, description)
    return _described(request, record)


@ROUTES.add("GET", f"{PATH}/{{name}}")
async def get_serving_endpoint(request: Request) -> Response:
    """One endpoint."""
    return _described(request, await _record(request, "CAN_VIEW"))


@ROUTES.add("DELETE", f"{PATH}/{{name}}")
async def delete_serving_endpoint(request: Request) -> Response:
    """Take an endpoint away; what it is answering it still answers."""
    record = await _record(request, "CAN_MANAGE")
    await run_in_threadpool(_host(request).delete, record.name)
    return DatabricksJson({})


@ROUTES.add("PUT", f"{PATH}/{{name}}/config")
async def update_serving_endpoint_config(request: Request) -> Response:
    """Serve something else, or in other shares; the old goes on until all of the new is loaded."""
    record = await _record(request, "CAN_MANAGE")
    wanted = read_config(await read_body(request))
    await run_in_threadpool(check_config, request, wanted)
    before = record.active or record.pending
    if wanted.auto_capture is None and before is not None:
        wanted = WantedConfig(wanted.entities, wanted.shares, before.auto_capture)
    changed = await run_in_threadpool(_host(request).update_config, record.name, wanted, caller_of(request).name)
    return _described(request, changed)


@ROUTES.add("PATCH", f"{PATH}/{{name}}/tags")
async def update_serving_endpoint_tags(request: Request) -> Response:
    """Add, change and take away tags."""
    record = await _record(request, "CAN_MANAGE")
    given = await read_body(request)
    refuse_fields(given, frozenset({"add_tags", "delete_tags"}), {}, "")
    added, deleted = read_tags(objects(given, "add_tags")), given.get("delete_tags") or []
    if not isinstance(deleted, list) or not all(isinstance(key, str) for key in deleted):
        raise InvalidInput("delete_tags must be a list of keys")

    def tagged(now: EndpointRecord) -> EndpointRecord:
        kept = {key: value for key, value in now.tags.items() if key not in deleted}
        return replace(now, tags={**kept, **added})

    changed = await run_in_threadpool(_host(request).change, record.name, tagged)
    return DatabricksJson({"tags": tags(changed)})


@ROUTES.add("GET", f"{PATH}/{{name}}/metrics")
async def export_serving_endpoint_metrics(request: Request) -> Response:
    """Counts of the last minute and histograms of times, in Prometheus' text form."""
    record = await _record(request, "CAN_VIEW")
    return Response(_host(request).metrics(record.name), media_type=METRICS_TYPE)


@ROUTES.add("GET", f"{PATH}/{{name}}/openapi")
async def get_serving_endpoint_open_api(request: Request) -> Response:
    """What the endpoint is sent and answers, as an OpenAPI document."""
    record = await _record(request, "CAN_VIEW")
    return DatabricksJson(openapi_of(record, _host(request)))


@ROUTES.add("GET", f"{PATH}/{{name}}/served-models/{{entity}}/build-logs")
async def get_serving_endpoint_build_logs(request: Request) -> Response:
    """How a served entity was made: what was fetched, which packages do not match, how long it took."""
    return await _logs(request, "build_text")


@ROUTES.add("GET", f"{PATH}/{{name}}/served-models/{{entity}}/logs")
async def get_serving_endpoint_logs(request: Request) -> Response:
    """What a served entity had to say while it answered."""
    return await _logs(request, "service_text")


@ROUTES.add("PUT", f"{PATH}/{{name}}/rate-limits")
async def put_serving_endpoint_rate_limits(request: Request) -> Response:
    """Not here."""
    raise await _disabled(request, "rate_limits")


@ROUTES.add("PUT", f"{PATH}/{{name}}/ai-gateway")
async def put_serving_endpoint_ai_gateway(request: Request) -> Response:
    """Not here."""
    raise await _disabled(request, "ai_gateway")


@ROUTES.add("PATCH", f"{PATH}/{{name}}/notifications")
async def update_serving_endpoint_notifications(request: Request) -> Response:
    """Not here."""
    raise await _disabled(request, "email_notifications")


@ROUTES.add("PATCH", f"{PATH}/{{name}}/telemetry-config")
async def patch_serving_endpoint_telemetry_config(request: Request) -> Response:
    """Not here."""
    raise await _disabled(request, "telemetry_config")


@ROUTES.add("GET", f"{PERMISSIONS_PATH}/{{endpoint_id}}")
async def get_serving_endpoint_permissions(request: Request) -> Response:
    """Who may do what with the endpoint."""
    return DatabricksJson(permissions(await _record_by_id(request, "CAN_VIEW")))


@ROUTES.add("GET", f"{PERMISSIONS_PATH}/{{endpoint_id}}/permissionLevels")
async def get_serving_endpoint_permission_levels(request: Request) -> Response:
    """What may be allowed."""
    await _record_by_id(request, "CAN_VIEW")
    levels = [{"permission_level": level, "description": meaning} for level, meaning in LEVEL_MEANINGS.items()]
    return DatabricksJson({"permission_levels": levels})


@ROUTES.add("PUT", f"{PERMISSIONS_PATH}/{{endpoint_id}}")
async def set_serving_endpoint_permissions(request: Request) -> Response:
    """Say anew who may do what; its creator and the administrators always may."""
    return await _change_permissions(request, keeps_others=False)


@ROUTES.add("PATCH", f"{PERMISSIONS_PATH}/{{endpoint_id}}")
async def update_serving_endpoint_permissions(request: Request) -> Response:
    """Say for some what they may do."""
    return await _change_permissions(request, keeps_others=True)


async def _change_permissions(request: Request, *, keeps_others: bool) -> Response:
    record = await _record_by_id(request, "CAN_MANAGE")
    grants = read_grants(await read_body(request))

    def granted(now: EndpointRecord) -> EndpointRecord:
        return replace(now, grants={**now.grants, **grants} if keeps_others else grants)

    return DatabricksJson(permissions(await run_in_threadpool(_host(request).change, record.name, granted)))


async def _logs(request: Request, kind: str) -> Response:
    record = await _record(request, "CAN_VIEW")
    host, entity = _host(request), request.path_params["entity"]
    served = host.served(record.name, entity)
    if served is not None:
        return DatabricksJson({"logs": getattr(served.log, kind)})
    built_in = host.built_in(record.name)
    if built_in is not None and entity == built_in[0].model:
        return DatabricksJson({"logs": f"{entity} is loaded by the service itself; see the log of the service"})
    raise NotFound(f"serving endpoint {record.name!r} has no served entity {entity!r}")


async def _disabled(request: Request, feature: str) -> FeatureDisabled:
    await _record(request, "CAN_MANAGE")
    return FeatureDisabled(f"{feature} is not available here: {ENDPOINT_DISABLED[feature]}")


async def _record(request: Request, level: str) -> EndpointRecord:
    record = await run_in_threadpool(_host(request).get, request.path_params["name"])
    check_level(record, request, level)
    return record


async def _record_by_id(request: Request, level: str) -> EndpointRecord:
    record = await run_in_threadpool(_host(request).by_id, request.path_params["endpoint_id"])
    check_level(record, request, level)
    return record


def check_level(record: EndpointRecord, request: Request, level: str) -> None:
    """Raises PermissionDenied when the caller may not do as much with the endpoint."""
    caller = caller_of(request)
    if LEVELS.get(level_of(record, caller), 0) < LEVELS[level]:
        raise PermissionDenied(f"{caller.name} does not have {level} on serving endpoint {record.name!r}")


def _described(request: Request, record: EndpointRecord) -> Response:
    return DatabricksJson(described(record, _host(request), caller_of(request)))


def _host(request: Request) -> EndpointHost:
    host: EndpointHost = request.app.state.service.endpoints
    return host
