from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.databricks_api.files import below
from quikapp_ml.errors import InvalidInput

Ask = Any


def run_root(ask: Ask, name: str) -> tuple[str, str]:
    """Experiment and path of a fresh run of it."""
    experiment = ask("POST", "mlflow/experiments/create", json={"name": name}).json()["experiment_id"]
    run = ask("POST", "mlflow/runs/create", json={"experiment_id": experiment, "start_time": 1}).json()["run"]
    return experiment, f"WorkspaceInternal/Mlflow/Artifacts/{experiment}/Runs/{run['info']['run_id']}/artifacts"


def test_files_are_kept_listed_read_in_part_and_removed(ask: Ask) -> None:
    _, root = run_root(ask, "files")
    file = f"fs/files/{root}/deep/a.bin"
    assert ask("PUT", file, content=b"0123456789").status_code == 204
    assert ask("PUT", file, content=b"other", params={"overwrite": "false"}).status_code == 409
    assert ask("GET", file).content == b"0123456789"
    part = ask("HEAD", file)
    assert part.headers["content-length"] == "10" and part.content == b""
    (entry,) = ask("GET", f"fs/directories/{root}").json()["contents"]
    assert entry == {"path": f"/{root}/deep", "name": "deep", "is_directory": True}
    (entry,) = ask("GET", f"fs/directories/{root}/deep").json()["contents"]
    assert entry["file_size"] == 10 and entry["path"] == f"/{root}/deep/a.bin"
    assert ask("HEAD", f"fs/directories/{root}/deep").status_code == 200
    assert ask("PUT", f"fs/files/{root}/deep", content=b"").status_code == 409
    assert ask("PUT", f"fs/files/{root}/deep/a.bin/b", content=b"").status_code == 409
    assert ask("PUT", f"fs/directories/{root}/deep/a.bin").status_code == 409
    assert ask("PUT", f"fs/directories/{root}/new").status_code == 204
    assert ask("DELETE", file).status_code == 204
    assert ask("DELETE", file).status_code == ask("GET", file).status_code == 404
    assert ask("GET", f"fs/directories/{root}/nowhere").status_code == 404


def test_no_path_leaves_its_run(ask: Ask, home: Path) -> None:
    experiment, root = run_root(ask, "closed")
    (home / "secret.txt").write_text("secret")
    for rest in ("..%2F..%2F..%2F..%2Fsecret.txt", "%2e%2e/%2e%2e/x", "a/..%2f..%2f..%2fx", "%00"):
        assert ask("GET", f"fs/files/{root}/{rest}").status_code == 400, rest
        assert ask("PUT", f"fs/files/{root}/{rest}", content=b"x").status_code == 400, rest
    assert ask("PUT", f"fs/files/{root}/a.txt", content=b"x").status_code == 204
    folder = next(home.glob("mlartifacts/*/*/artifacts/a.txt")).parent.parent
    (folder / "artifacts").mkdir(exist_ok=True)
    (folder / "artifacts" / "link").symlink_to(home)
    assert ask("GET", f"fs/files/{root}/link/secret.txt").status_code == 400
    elsewhere = root.replace(f"/{experiment}/", "/0/")
    assert ask("GET", f"fs/directories/{elsewhere}").status_code == 404
    assert ask("GET", f"fs/files/{root.replace('Runs', 'Other')}/x").status_code == 404
    assert ask("GET", "fs/files/Models/a/b/c/1/x").status_code == 404
    assert ask("GET", "fs/files/Workspace/a/x").json()["error_code"] == "ENDPOINT_NOT_FOUND"


@given(st.text(alphabet="a/.\0é", max_size=12))
def test_below_stays_below(rest: str) -> None:
    folder = Path("/tmp/some/folder")
    try:
        path = below(folder, rest)
    except InvalidInput:
        assert ".." in rest or "\0" in rest
    else:
        assert path.resolve().is_relative_to(folder.resolve())


@pytest.mark.parametrize("rest", ["..", "a/../..", "../folder2/x", "\0"])
def test_below_refuses_what_leads_out(rest: str) -> None:
    with pytest.raises(InvalidInput):
        below(Path("/tmp/some/folder"), rest)


def test_a_file_may_be_larger_than_other_bodies(ask: Ask) -> None:
    _, root = run_root(ask, "large")
    content = b"x" * (9 * 1024**2)
    assert ask("PUT", f"fs/files/{root}/large.bin", content=content).status_code == 204
    assert ask("HEAD", f"fs/files/{root}/large.bin").headers["content-length"] == str(len(content))
    assert ask("POST", "mlflow/runs/search", content=content).status_code == 413


def test_a_version_has_no_files_from_outside_its_run(ask: Ask) -> None:
    experiment, root = run_root(ask, "sources")
    run_id = root.split("/")[-2]
    assert ask("POST", "mlflow/registered-models/create", "eve", json={"name": "reaching"}).status_code == 200
    source = f"dbfs:/databricks/mlflow-tracking/{experiment}/{run_id}/artifacts"
    for rest in ("/../../..", "/../../../versions", "/a/../.."):
        asked = {"name": "reaching", "source": source + rest}
        assert ask("POST", "mlflow/model-versions/create", "eve", json=asked).status_code == 400, rest
    assert ask("POST", "mlflow/model-versions/create", "eve", json={"name": "reaching", "source": source}).is_success


def test_the_files_of_a_logged_model_that_is_ready_do_not_change(ask: Ask) -> None:
    experiment, _ = run_root(ask, "ready models")
    made = ask("POST", "mlflow/logged-models", json={"experiment_id": experiment, "name": "m"}).json()
    model_id = made["model"]["info"]["model_id"]
    file = f"fs/files/WorkspaceInternal/Mlflow/Artifacts/{experiment}/LoggedModels/{model_id}/model.pkl"
    model = f"mlflow/logged-models/{model_id}"
    assert ask("PUT", file, content=b"good").status_code == 204
    ready = {"model_id": model_id, "status": "LOGGED_MODEL_READY"}
    assert ask("PATCH", model, json=ready).status_code == 200
    assert ask("PUT", file, "eve", content=b"bad").status_code == 409
    assert ask("DELETE", file, "eve").status_code == 409
    assert ask("PATCH", model, "eve", json={**ready, "status": "LOGGED_MODEL_PENDING"}).status_code == 409
    assert ask("GET", file).content == b"good"


@pytest.mark.parametrize("rest", ["x" * 300, "é" * 130, "a/" * 1500])
def test_longer_paths_than_disks_have_are_bad_input(rest: str) -> None:
    with pytest.raises(InvalidInput, match="bytes at most"):
        below(Path("/tmp"), rest)
