from collections.abc import Iterator

import pytest

from quikapp_ml.api.errors import STATUSES
from quikapp_ml.databricks_api.errors import CODES, code_of
from quikapp_ml.errors import (
    AlreadyExists,
    Conflict,
    FeatureDisabled,
    HomeInUse,
    InvalidInput,
    NotFound,
    Overloaded,
    PermissionDenied,
    QuikAppMLError,
    StorageFailed,
)
from support.workspace import ENDPOINTS, Workspace


def _subclasses(cls: type[QuikAppMLError]) -> Iterator[type[QuikAppMLError]]:
    for below in cls.__subclasses__():
        yield below
        yield from _subclasses(below)


def test_every_error_has_a_code() -> None:
    mapped = set(CODES) - {QuikAppMLError}
    assert [cls.__name__ for cls in _subclasses(QuikAppMLError) if not mapped & set(cls.__mro__)] == []
    assert set(STATUSES) <= set(CODES)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInput, (400, "INVALID_PARAMETER_VALUE")), (NotFound, (404, "RESOURCE_DOES_NOT_EXIST")),
        (AlreadyExists, (409, "RESOURCE_ALREADY_EXISTS")), (Conflict, (409, "RESOURCE_CONFLICT")),
        (HomeInUse, (409, "RESOURCE_CONFLICT")), (PermissionDenied, (403, "PERMISSION_DENIED")),
        (FeatureDisabled, (501, "FEATURE_DISABLED")), (Overloaded, (503, "TEMPORARILY_UNAVAILABLE")),
        (StorageFailed, (503, "TEMPORARILY_UNAVAILABLE")),
    ],
)  # fmt: skip
def test_codes(error: type[QuikAppMLError], code: tuple[int, str]) -> None:
    assert code_of(error) == code


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/2.0/nothing"), ("POST", "/api/2.1/unity-catalog/nothing"), ("PATCH", ENDPOINTS),
        ("GET", "/serving-endpoints/quikapp-spam/invocations"), ("GET", "/serving-endpoints"), ("PUT", "/sql/x"),
        ("GET", "/api/2.9/jobs"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told_as_databricks_tells_it(workspace: Workspace, method: str, path: str) -> None:
    answer = workspace.request(method, path)
    assert (answer.status_code, answer.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
    assert path in answer.json()["message"]


def test_a_bug_shows_nothing_but_where_to_look(workspace: Workspace) -> None:
    workspace.service.answers.failure = RuntimeError("a secret")
    answer = workspace.request(
        "POST", "/serving-endpoints/quikapp-recommendations/invocations", json={"inputs": [{"user_id": "u"}]}
    )
    assert (answer.status_code, answer.json()["error_code"]) == (500, "INTERNAL_ERROR")
    assert "secret" not in answer.text and answer.headers["x-request-id"] in answer.json()["message"]


def test_a_body_that_is_too_large_has_their_shape_too(workspace: Workspace) -> None:
    limit = workspace.service.settings.max_body_bytes
    answer = workspace.request("POST", ENDPOINTS, content=b"x" * (limit + 1))
    assert (answer.status_code, answer.json()["error_code"]) == (413, "MAX_BLOCK_SIZE_EXCEEDED")
