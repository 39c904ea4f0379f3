from pathlib import Path
from typing import Any

import pytest

from quikapp_ml.databricks_api.mlflow.routes import ROUTES
from quikapp_ml.errors import Conflict
from quikapp_ml.stores.registry import open_registry

Ask = Any
RUN = "0" * 32


def code(answer: Any) -> str:
    return str(answer.json().get("error_code"))


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "experiments/create", {}),
        ("POST", "experiments/create", {"name": []}),
        ("POST", "experiments/create", {"name": ""}),
        ("GET", "experiments/get", None),
        ("GET", "experiments/get?experiment_id=x", None),
        ("GET", "experiments/search?max_results=many", None),
        ("POST", "experiments/search", {"max_results": -1}),
        ("POST", "experiments/search", {"max_results": 10**30}),
        ("GET", "runs/get", None),
        ("POST", "runs/log-metric", {"run_id": RUN, "key": "a", "value": "much", "timestamp": 1}),
        ("POST", "runs/search", {"filter": "~~~"}),
        ("POST", "runs/search", {"experiment_ids": ["0"], "page_token": "é"}),
        ("POST", "runs/search", {"experiment_ids": ["0"], "page_token": "123456789"}),
        ("POST", "logged-models/search", {"experiment_ids": ["0"], "page_token": "MTIzNDU2"}),
        ("GET", f"metrics/get-history?run_id={RUN}&metric_key=a&max_results=0", None),
        ("POST", "registered-models/create", {"name": ""}),
        ("GET", f"model-versions/get?name=a&version={10**30}", None),
        ("POST", "model-versions/create", {"name": "a", "source": "file:///etc"}),
        ("POST", "logged-models/search", {"filter": "~~~", "experiment_ids": ["0"]}),
    ],
)
def test_bad_input_is_refused(ask: Ask, method: str, path: str, body: Any) -> None:
    answer = ask(method, f"mlflow/{path}", **({"json": body} if body is not None else {}))
    assert answer.status_code in {400, 404}, answer.text
    assert code(answer) in {"INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"}, answer.text


def test_what_is_not_there_and_what_is_not_implemented(ask: Ask) -> None:
    assert code(ask("GET", f"mlflow/runs/get?run_id={RUN}")) == "RESOURCE_DOES_NOT_EXIST"
    assert code(ask("GET", "mlflow/logged-models/m-none")) == "RESOURCE_DOES_NOT_EXIST"
    assert code(ask("GET", "mlflow/registered-models/get?name=none")) == "RESOURCE_DOES_NOT_EXIST"
    assert code(ask("POST", "mlflow/model-versions/transition-stage", json={})) == "ENDPOINT_NOT_FOUND"
    placed = ask("POST", "mlflow/experiments/create", json={"name": "placed", "artifact_location": "file:///etc"})
    assert code(placed) == "FEATURE_DISABLED"


def test_files_of_a_version_are_written_until_it_is_finished(ask: Ask, home: Path) -> None:
    unity, name = "mlflow/unity-catalog", "quikapp_ml.models.thing"
    assert ask("POST", f"{unity}/registered-models/create", json={"name": name}).status_code == 200
    made = ask("POST", f"{unity}/model-versions/create", json={"name": name, "source": "anywhere"}).json()
    version = made["model_version"]
    assert version["version"] == "1" and version["status"] == "PENDING_REGISTRATION"
    file = "fs/files/Models/quikapp_ml/models/thing/1/MLmodel"
    assert ask("PUT", file, content=b"flavors: {}").status_code == 204
    finished = ask("POST", f"{unity}/model-versions/finalize", json={"name": name, "version": "1"}).json()
    assert finished["model_version"]["status"] == "READY"
    assert code(ask("PUT", file, content=b"other")) == "RESOURCE_CONFLICT"
    assert code(ask("DELETE", file)) == "RESOURCE_CONFLICT"
    assert ask("GET", file).content == b"flavors: {}"
    listed = ask("GET", "mlflow/model-versions/list-artifacts", params={"name": name, "version": "1", "path": ""})
    assert listed.json()["files"] == [{"path": "MLmodel", "is_dir": False, "file_size": 11}]
    outside = {"name": name, "version": "1", "path": "../../../secret"}
    assert (
        code(ask("GET", "mlflow/model-versions/get-signed-download-uri", params=outside)) == "INVALID_PARAMETER_VALUE"
    )
    alias = {"name": name, "alias": "champion", "version": "1"}
    assert ask("POST", f"{unity}/registered-models/alias", json=alias).status_code == 200
    got = ask("GET", f"{unity}/model-versions/get", params={"name": name, "version": "1"}).json()["model_version"]
    assert got["aliases"] == [{"alias": "champion", "version": "1"}]
    registry = open_registry(f"sqlite:///{home / 'mlflow.db'}", "any", home / "mlartifacts")
    fetched = registry.fetch_artefact(name, 1, home / "fetched")
    assert (fetched / "MLmodel").read_bytes() == b"flavors: {}"
    with pytest.raises(Conflict):
        registry.fetch_artefact(name, 1, home / "fetched")


def test_every_path_is_named_once_for_the_audit_table() -> None:
    pairs = [(method, route.path) for route in ROUTES for method in route.methods or () if method != "HEAD"]
    assert len(pairs) == len(set(pairs))
    assert all(route.endpoint.__name__ not in {"handle", ""} for route in ROUTES)
