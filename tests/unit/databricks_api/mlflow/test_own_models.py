"""The models that the service answers by are changed by administrators alone, and their moves are recorded."""

from typing import Any

from quikapp_ml.training.alias_moves import moves_of

Ask = Any
OWN = "spam-classifier"


def make_versions(ask: Ask) -> None:
    assert ask("POST", "mlflow/registered-models/create", json={"name": OWN}).status_code == 200
    run = ask("POST", "mlflow/runs/create", json={"experiment_id": "0"}).json()["run"]["info"]
    for _ in range(2):
        body = {"name": OWN, "source": f"{run['artifact_uri']}/model", "run_id": run["run_id"]}
        made = ask("POST", "mlflow/model-versions/create", json=body)
        assert made.status_code == 200, made.text


def test_a_move_of_the_champion_has_a_row_and_needs_an_administrator(ask: Ask) -> None:
    make_versions(ask)
    path = "mlflow/registered-models/alias"

    def move(who: str, alias: str, version: str) -> int:
        status: int = ask("POST", path, who, json={"name": OWN, "alias": alias, "version": version}).status_code
        return status

    assert move("cyd", "champion", "1") == 403
    assert (move("admin", "champion", "1"), move("admin", "champion", "2"), move("admin", "other", "1")) == (200,) * 3
    assert move("admin", "champion", "9") in (400, 404)
    moves = moves_of(ask.service.lake, OWN, "champion")
    assert [(each.from_version, each.to_version, each.who) for each in moves] == [(None, 1, "admin"), (1, 2, "admin")]
    assert "past the gate" in moves[0].why
    assert moves_of(ask.service.lake, OWN, "other") == []


def test_others_may_look_at_them_and_nothing_else(ask: Ask) -> None:
    assert ask("GET", "mlflow/registered-models/get", "cyd", params={"name": OWN}).status_code == 200
    for method, path, body in (
        ("DELETE", "registered-models/delete", {"name": OWN}),
        ("DELETE", "model-versions/delete", {"name": OWN, "version": "1"}),
        ("DELETE", "registered-models/alias", {"name": OWN, "alias": "champion"}),
        ("PATCH", "registered-models/update", {"name": OWN, "description": "mine"}),
        ("POST", "registered-models/rename", {"name": OWN, "new_name": "mine"}),
        ("POST", "registered-models/create", {"name": "content-ranker"}),
    ):
        refused = ask(method, f"mlflow/{path}", "cyd", json=body)
        assert (refused.status_code, refused.json()["error_code"]) == (403, "PERMISSION_DENIED"), path
