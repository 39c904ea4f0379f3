"""The OpenAPI document of one serving endpoint."""

from collections.abc import Mapping
from typing import Any

from quikapp_ml.serving.endpoints import EndpointHost
from quikapp_ml.stores.state.endpoints import EndpointRecord

_JSON_TYPES = {
    "string": {"type": "string"},
    "double": {"type": "number", "format": "double"},
    "float": {"type": "number", "format": "float"},
    "long": {"type": "integer", "format": "int64"},
    "integer": {"type": "integer", "format": "int32"},
    "boolean": {"type": "boolean"},
}


def openapi_of(record: EndpointRecord, host: EndpointHost) -> dict[str, Any]:
    """Paths, input forms and the fields of a record, as far as the model says them."""
    paths = {f"/serving-endpoints/{record.name}/invocations": _path(_record_schema(record, host))}
    config = record.active
    for entity in () if config is None else config.entities:
        served = host.served(record.name, entity.name)
        schema = _schema_of(None if served is None else served.inputs)
        paths[f"/serving-endpoints/{record.name}/served-models/{entity.name}/invocations"] = _path(schema)
    return {
        "openapi": "3.1.0",
        "info": {"title": record.name, "version": str(config.version if config else 1)},
        "paths": paths,
    }


def _record_schema(record: EndpointRecord, host: EndpointHost) -> dict[str, Any]:
    built_in = host.built_in(record.name)
    if built_in is not None:
        return built_in[0].record_schema()
    config = record.active
    if config is None or len(config.entities) != 1:
        return {"type": "object"}
    served = host.served(record.name, config.entities[0].name)
    return _schema_of(None if served is None else served.inputs)


def _schema_of(inputs: Mapping[str, str] | None) -> dict[str, Any]:
    if inputs is None:
        return {"type": "object"}
    properties = {name: _JSON_TYPES.get(kind, {}) for name, kind in inputs.items()}
    return {"type": "object", "properties": properties, "required": list(inputs)}


def _path(record: dict[str, Any]) -> dict[str, Any]:
    columnar = {name: {"type": "array", "items": kind} for name, kind in record.get("properties", {}).items()}
    forms = {
        "dataframe_records": {"type": "array", "items": record},
        "dataframe_split": {
            "type": "object",
            "properties": {"columns": {"type": "array"}, "data": {"type": "array", "items": {"type": "array"}}},
            "required": ["columns", "data"],
        },
        "instances": {"type": "array", "items": record},
        "inputs": {"type": "object", "properties": columnar},
    }
    bodies = [{"type": "object", "properties": {form: schema}, "required": [form]} for form, schema in forms.items()]
    answer = {"type": "object", "properties": {"predictions": {"type": "array"}}, "required": ["predictions"]}
    return {
        "post": {
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"oneOf": bodies}}, "text/csv": {}},
            },
            "responses": {"200": {"description": "Predictions", "content": {"application/json": {"schema": answer}}}},
        }
    }
