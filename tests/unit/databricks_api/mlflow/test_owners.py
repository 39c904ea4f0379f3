"""Experiments, runs and logged models are changed by who made them, who made their experiment, and administrators."""

from typing import Any

import pytest

from quikapp_ml.databricks_api.mlflow.owners import OWNER

Ask = Any


def experiment(ask: Ask, name: str, who: str) -> str:
    tags = [{"key": OWNER, "value": "eve"}]
    made = ask("POST", "mlflow/experiments/create", who, json={"name": name, "tags": tags})
    return str(made.json()["experiment_id"])


def run(ask: Ask, experiment_id: str, who: str) -> str:
    asked = {"experiment_id": experiment_id, "start_time": 1, "user_id": "eve"}
    made = ask("POST", "mlflow/runs/create", who, json=asked).json()["run"]
    assert made["info"]["user_id"] == who, "whatever the client says"
    return str(made["info"]["run_id"])


def statuses(ask: Ask, calls: list[tuple[str, str, dict[str, Any]]], who: str) -> set[int]:
    return {ask(method, f"mlflow/{path}", who, json=body).status_code for method, path, body in calls}


def test_an_experiment_is_changed_by_its_maker_and_administrators(ask: Ask) -> None:
    id_ = {"experiment_id": experiment(ask, "anns", "ann")}
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "experiments/update", {**id_, "new_name": "anns own"}),
        ("POST", "experiments/set-experiment-tag", {**id_, "key": "a", "value": "b"}),
        ("POST", "experiments/delete-experiment-tag", {**id_, "key": "a"}),
        ("POST", "experiments/delete", id_),
        ("POST", "experiments/restore", id_),
    ]
    assert statuses(ask, calls, "eve") == {403}
    assert statuses(ask, calls, "ann") == statuses(ask, calls, "admin") == {200}
    assert ask("GET", "mlflow/experiments/get", "eve", params=id_).status_code == 200


@pytest.mark.parametrize(("maker", "others"), [("ann", {200}), ("eve", {200}), ("bob", {403})])
def test_a_run_is_changed_by_its_maker_the_experiments_and_administrators(
    ask: Ask, maker: str, others: set[int]
) -> None:
    """`maker` asks to change a run of eve's in an experiment of ann's."""
    in_ = experiment(ask, f"changed by {maker}", "ann")
    id_ = {"run_id": run(ask, in_, "eve")}
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "runs/update", {**id_, "status": "FINISHED"}),
        ("POST", "runs/log-metric", {**id_, "key": "m", "value": 1.0, "timestamp": 1}),
        ("POST", "runs/log-parameter", {**id_, "key": "p", "value": "v"}),
        ("POST", "runs/log-batch", {**id_, "params": [{"key": "q", "value": "v"}]}),
        ("POST", "runs/set-tag", {**id_, "key": "t", "value": "v"}),
        ("POST", "runs/delete-tag", {**id_, "key": "t"}),
        ("POST", "runs/delete", id_),
        ("POST", "runs/restore", id_),
    ]
    assert statuses(ask, calls, maker) == others
    file = f"fs/files/WorkspaceInternal/Mlflow/Artifacts/{in_}/Runs/{id_['run_id']}/artifacts/a.txt"
    kept = {ask("PUT", file, maker, content=b"x").is_success, ask("DELETE", file, maker).is_success}
    assert kept == {others == {200}}
    assert statuses(ask, calls[:1], "admin") == {200}


def test_a_logged_model_is_changed_by_its_maker_and_administrators(ask: Ask) -> None:
    in_ = experiment(ask, "of models", "admin")
    made = ask("POST", "mlflow/logged-models", "ann", json={"experiment_id": in_, "name": "m"}).json()
    model_id = made["model"]["info"]["model_id"]
    path, id_ = f"logged-models/{model_id}", {"model_id": model_id}
    file = f"fs/files/WorkspaceInternal/Mlflow/Artifacts/{in_}/LoggedModels/{model_id}/a.txt"
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", f"{path}/params", {**id_, "params": [{"key": "p", "value": "v"}]}),
        ("PATCH", f"{path}/tags", {**id_, "tags": [{"key": "t", "value": "v"}]}),
        ("DELETE", f"{path}/tags/t", {}),
        ("PATCH", path, {**id_, "status": "LOGGED_MODEL_READY"}),
    ]
    assert ask("PUT", file, "eve", content=b"x").status_code == 403
    assert ask("PUT", file, "ann", content=b"x").status_code == 204
    assert statuses(ask, calls, "eve") == {403}
    assert statuses(ask, calls, "ann") == {200}
    assert ask("DELETE", f"mlflow/{path}", "eve").status_code == 403
    assert ask("DELETE", f"mlflow/{path}", "ann").status_code == 200


def test_no_run_writes_metrics_to_a_model_of_others(ask: Ask) -> None:
    in_ = experiment(ask, "of metrics", "admin")
    made = ask("POST", "mlflow/logged-models", "ann", json={"experiment_id": in_, "name": "m"}).json()
    model_id = made["model"]["info"]["model_id"]
    metric = {"key": "m", "value": 1.0, "timestamp": 1, "step": 0, "model_id": model_id}
    for who, expected in (("eve", 403), ("ann", 200)):
        id_ = {"run_id": run(ask, in_, who)}
        calls: list[tuple[str, str, dict[str, Any]]] = [
            ("POST", "runs/log-metric", {**id_, **metric}),
            ("POST", "runs/log-batch", {**id_, "metrics": [metric]}),
            ("POST", "runs/outputs", {**id_, "models": [{"model_id": model_id, "step": 0}]}),
        ]
        assert statuses(ask, calls, who) == {expected}
        read = {**id_, "models": [{"model_id": model_id}]}
        assert ask("POST", "mlflow/runs/log-inputs", who, json=read).status_code == 200, "to use one changes nothing"


def test_nobody_says_who_made_something(ask: Ask) -> None:
    in_ = experiment(ask, "signed", "ann")
    for path, body in (
        ("experiments/set-experiment-tag", {"experiment_id": in_, "key": OWNER, "value": "bob"}),
        ("experiments/delete-experiment-tag", {"experiment_id": in_, "key": OWNER}),
    ):
        assert ask("POST", f"mlflow/{path}", "ann", json=body).status_code == 400
    model = {"experiment_id": in_, "name": "m", "tags": [{"key": OWNER, "value": "bob"}]}
    model_id = ask("POST", "mlflow/logged-models", "ann", json=model).json()["model"]["info"]["model_id"]
    told = ask("GET", f"mlflow/logged-models/{model_id}", "bob").json()["model"]["info"]["tags"]
    assert {"key": OWNER, "value": "ann"} in told
    changed = {"model_id": model_id, "tags": [{"key": OWNER, "value": "bob"}]}
    assert ask("PATCH", f"mlflow/logged-models/{model_id}/tags", "ann", json=changed).status_code == 400


def test_a_model_with_a_plain_name_is_changed_by_its_maker_and_administrators(ask: Ask) -> None:
    in_ = experiment(ask, "of versions", "ann")
    source = f"dbfs:/databricks/mlflow-tracking/{in_}/{run(ask, in_, 'ann')}/artifacts"
    model: dict[str, Any] = {"name": "anns-model", "tags": [{"key": OWNER, "value": "eve"}]}
    assert ask("POST", "mlflow/registered-models/create", "ann", json=model).status_code == 200
    name, version = {"name": "anns-model"}, {"name": "anns-model", "version": "1"}
    first: list[tuple[str, str, dict[str, Any]]] = [("POST", "model-versions/create", {**name, "source": source})]
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("PATCH", "registered-models/update", {**name, "description": "x"}),
        ("POST", "registered-models/set-tag", {**name, "key": "t", "value": "v"}),
        ("DELETE", "registered-models/delete-tag", {**name, "key": "t"}),
        ("POST", "registered-models/alias", {**version, "alias": "champion"}),
        ("DELETE", "registered-models/alias", {**name, "alias": "champion"}),
        ("PATCH", "model-versions/update", {**version, "description": "x"}),
        ("POST", "model-versions/set-tag", {**version, "key": "t", "value": "v"}),
        ("DELETE", "model-versions/delete-tag", {**version, "key": "t"}),
    ]
    last: list[tuple[str, str, dict[str, Any]]] = [
        ("DELETE", "model-versions/delete", version),
        ("POST", "registered-models/rename", {**name, "new_name": "anns-other"}),
        ("DELETE", "registered-models/delete", {"name": "anns-other"}),
    ]
    assert statuses(ask, first, "eve") == {403} and statuses(ask, first, "ann") == {200}
    unity = [(method, f"unity-catalog/{path}", body) for method, path, body in calls]
    assert statuses(ask, [*calls, *unity, *last[:2]], "eve") == {403}
    assert statuses(ask, calls, "ann") == statuses(ask, calls, "admin") == {200}
    assert ask("GET", "mlflow/registered-models/get", "eve", params=name).status_code == 200
    forged = {**name, "key": OWNER, "value": "eve"}
    assert ask("POST", "mlflow/registered-models/set-tag", "ann", json=forged).status_code == 400
    assert statuses(ask, last, "ann") == {200}
