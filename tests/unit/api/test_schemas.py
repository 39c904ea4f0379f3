import re
from typing import Any

import orjson

from quikapp_ml.api.schemas import OPERATIONS
from support.fake_service import Client


def _document(client: Client) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/openapi.json").json()
    return document


def _operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def _required(operation: dict[str, Any]) -> dict[str, str]:
    """A value for each parameter of the query that may not be left out."""
    parameters = (p for p in operation.get("parameters", ()) if p["in"] == "query" and p["required"])
    return {parameter["name"]: "user-123" for parameter in parameters}


def test_every_operation_is_documented(client: Client) -> None:
    operations = _operations(_document(client))
    assert [operation["summary"] for _, _, operation in operations] == [o.summary for o in OPERATIONS.values()]
    assert all(operation["description"] and operation["tags"] for _, _, operation in operations)


def test_every_reference_leads_to_a_schema(client: Client) -> None:
    document = _document(client)
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', orjson.dumps(document).decode()))
    assert named <= set(document["components"]["schemas"])
    assert {"RecommendationQuestion", "SpamAnswer", "Event", "ErrorAnswer"} <= named


def test_the_examples_work(client: Client) -> None:
    for method, path, operation in _operations(_document(client)):
        body = operation.get("requestBody")
        more = {"json": body["content"]["application/json"]["example"]} if body else {}
        answer = client.request(method, path, params=_required(operation), **more)
        assert str(answer.status_code) in operation["responses"], path
        assert answer.status_code < 300, answer.text


def test_answers_have_the_documented_fields(client: Client) -> None:
    document = _document(client)
    for method, path, operation in _operations(document):
        status = next(iter(operation["responses"]))
        schema = operation["responses"][status]["content"].get("application/json", {}).get("schema")
        if schema is None:
            continue
        declared = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"]
        body = operation.get("requestBody")
        more = {"json": body["content"]["application/json"]["example"]} if body else {}
        given = client.request(method, path, params=_required(operation), **more).json()
        assert set(given) <= set(declared), path
        assert list(given) == [name for name in declared if name in given], path
