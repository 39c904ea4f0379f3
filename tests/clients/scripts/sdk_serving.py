"""databricks-sdk, as its users write it: every method of `w.serving_endpoints` that this service claims."""

import json
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.serving import (
    AutoCaptureConfigInput,
    DataframeSplitInput,
    EndpointCoreConfigInput,
    EndpointTag,
    Route,
    ServedEntityInput,
    ServingEndpointAccessControlRequest,
    ServingEndpointPermissionLevel,
    TrafficConfig,
)

w = WorkspaceClient()
endpoints = w.serving_endpoints
FEATURES = (
    "author", "channel_habit", "membership", "recency", "newest_first", "replies", "reactions", "team", "to_you",
    "popularity", "query_found", "query_match", "unwanted",
)  # fmt: skip
RECORD = dict.fromkeys(FEATURES, 0.5)
NAME = "ranker-of-ours"
told: dict[str, Any] = {"me": w.current_user.me().user_name, "names": [each.name for each in endpoints.list()]}


def refused(call: Any) -> list[str]:
    try:
        call()
    except DatabricksError as error:
        return [type(error).__name__, str(error)]
    return []


def entity(name: str) -> ServedEntityInput:
    return ServedEntityInput(
        name=name, entity_name="content-ranker", entity_version="1", workload_size="Small", scale_to_zero_enabled=True
    )


capture = AutoCaptureConfigInput(catalog_name="quikapp_ml", schema_name="serving", table_name_prefix="ranker")
created = endpoints.create(
    NAME, config=EndpointCoreConfigInput(name=NAME, served_entities=[entity("a")], auto_capture_config=capture)
).result()
told["created"] = created.as_dict()
split = TrafficConfig(routes=[Route(served_entity_name="a", traffic_percentage=90), Route(10, "b")])
told["updated"] = endpoints.update_config_and_wait(
    NAME, served_entities=[entity("a"), entity("b")], traffic_config=split
).as_dict()
told["got"] = endpoints.get(NAME).as_dict()
answers = [endpoints.query(NAME, dataframe_records=[RECORD], client_request_id=f"r-{n}") for n in range(60)]
told["served_by"] = sorted({answer.served_model_name for answer in answers if answer.served_model_name})
told["records"] = answers[0].predictions
frame = DataframeSplitInput(columns=list(FEATURES), data=[list(RECORD.values())])
told["split"] = endpoints.query(NAME, dataframe_split=frame).predictions
told["instances"] = endpoints.query(NAME, instances=[RECORD]).predictions
told["inputs"] = endpoints.query(NAME, inputs={name: [value] for name, value in RECORD.items()}).predictions
told["wrong_input"] = refused(lambda: endpoints.query(NAME, dataframe_records=[{"author": "x"}]))
told["taken"] = refused(lambda: endpoints.create(NAME))
told["missing"] = refused(lambda: endpoints.get("nobody"))
told["disabled"] = refused(lambda: endpoints.put_ai_gateway(NAME))
told["elsewhere"] = refused(lambda: w.clusters.get("x"))
tags = endpoints.patch(NAME, add_tags=[EndpointTag("team", "search"), EndpointTag("old")], delete_tags=["none"])
told["tags"] = tags.as_dict()
endpoints.patch(NAME, delete_tags=["old"])
told["tags_left"] = [tag.as_dict() for tag in endpoints.get(NAME).tags or []]
bob = ServingEndpointAccessControlRequest(
    user_name="bob", permission_level=ServingEndpointPermissionLevel.CAN_QUERY
)  # fmt: skip
endpoint_id = str(created.id)
told["levels"] = len(endpoints.get_permission_levels(endpoint_id).permission_levels or [])
told["permissions"] = [
    endpoints.set_permissions(endpoint_id, access_control_list=[bob]).as_dict(),
    endpoints.update_permissions(endpoint_id, access_control_list=[bob]).as_dict(),
    endpoints.get_permissions(endpoint_id).as_dict(),
]
told["build_logs"] = endpoints.build_logs(NAME, "a").logs
told["logs"] = endpoints.logs(NAME, "a").logs
metrics, document = endpoints.export_metrics(NAME).contents, endpoints.get_open_api(NAME).contents
assert metrics is not None and document is not None
told["metrics"] = metrics.read().decode()
told["openapi"] = json.loads(document.read())
endpoints.delete(NAME)
told["gone"] = refused(lambda: endpoints.get(NAME))
print(json.dumps(told))  # noqa: T201
