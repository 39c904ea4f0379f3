from collections.abc import AsyncIterator, Callable
from hashlib import md5
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow import MlflowClient

from quikapp_ml.databricks_api.files import below
from quikapp_ml.errors import Conflict, Damaged, InvalidInput

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
    for who, refused in (("admin", 409), ("eve", 403)):
        assert ask("PUT", file, who, content=b"bad").status_code == refused
        assert ask("DELETE", file, who).status_code == refused
        assert ask("PATCH", model, who, json={**ready, "status": "LOGGED_MODEL_PENDING"}).status_code == refused
    assert ask("GET", file).content == b"good"


@pytest.mark.parametrize("rest", ["x" * 300, "é" * 130, "a/" * 1500])
def test_longer_paths_than_disks_have_are_bad_input(rest: str) -> None:
    with pytest.raises(InvalidInput, match="bytes at most"):
        below(Path("/tmp"), rest)


def registered(ask: Ask, name: str) -> tuple[str, dict[str, Any]]:
    """The path of a run with a file, and a version of a model that was made of it."""
    experiment, root = run_root(ask, f"runs of {name}")
    assert ask("PUT", f"fs/files/{root}/model/code.py", content=b"good").status_code == 204
    source = f"dbfs:/databricks/mlflow-tracking/{experiment}/{root.split('/')[-2]}/artifacts/model"
    ask("POST", "mlflow/registered-models/create", json={"name": name})
    made = ask("POST", "mlflow/model-versions/create", json={"name": name, "source": source})
    version: dict[str, Any] = made.json()["model_version"]
    assert version["source"] == source and version["status"] == "READY"
    return root, version


def test_what_is_uploaded_after_a_registration_is_in_no_version(ask: Ask, home: Path) -> None:
    root, version = registered(ask, "of-a-run")
    assert ask("PUT", f"fs/files/{root}/model/code.py", content=b"bad").status_code == 204
    assert ask("PUT", f"fs/files/{root}/model/more.py", content=b"bad").status_code == 204
    assert ask("DELETE", f"fs/files/{root}/model/code.py").status_code == 204
    given = {"name": version["name"], "version": version["version"]}
    (told,) = ask("GET", "mlflow/model-versions/list-artifacts", params={**given, "path": ""}).json()["files"]
    assert told["path"] == "code.py"
    assert ask("GET", "mlflow/model-versions/files", params={**given, "path": "code.py"}).content == b"good"
    fetched = ask.service.registry.fetch_artefact(version["name"], 1, home / "of-a-run")
    assert {each.name: each.read_bytes() for each in fetched.iterdir()} == {"code.py": b"good"}


def test_a_run_that_a_version_stands_on_without_a_copy_does_not_change(ask: Ask, home: Path) -> None:
    root, _ = registered(ask, "by-another-door")
    own = next(home.glob(f"mlartifacts/*/{root.split('/')[-2]}/artifacts"))
    MlflowClient(f"sqlite:///{home / 'mlflow.db'}").create_model_version("by-another-door", (own / "model").as_uri())
    for method in ("PUT", "DELETE"):
        refused = ask(method, f"fs/files/{root}/model/code.py", content=b"bad")
        assert refused.status_code == 409 and "version 2 of by-another-door" in refused.json()["message"]
    assert (own / "model" / "code.py").read_bytes() == b"good"


def test_a_version_has_no_files_that_links_lead_to(ask: Ask, home: Path) -> None:
    (home / "secret.txt").write_text("secret")
    experiment, root = run_root(ask, "links")
    assert ask("PUT", f"fs/files/{root}/a.txt", content=b"x").status_code == 204
    run_id = root.split("/")[-2]
    (next(home.glob(f"mlartifacts/*/{run_id}/artifacts")) / "link").symlink_to(home / "secret.txt")
    ask("POST", "mlflow/registered-models/create", json={"name": "linked"})
    source = f"dbfs:/databricks/mlflow-tracking/{experiment}/{run_id}/artifacts"
    assert ask("POST", "mlflow/model-versions/create", json={"name": "linked", "source": source}).is_success
    given = {"name": "linked", "version": "1", "path": ""}
    (told,) = ask("GET", "mlflow/model-versions/list-artifacts", params=given).json()["files"]
    assert told["path"] == "a.txt"


async def slow_body(meanwhile: Callable[[], object]) -> AsyncIterator[bytes]:
    """A body whose second part is sent after something else was done."""
    yield b"bad"
    meanwhile()
    yield b"!"


@pytest.mark.parametrize("overwritten", [True, False])
def test_an_upload_that_was_begun_before_a_version_was_finished_comes_too_late(ask: Ask, overwritten: bool) -> None:
    unity, name = "mlflow/unity-catalog", f"quikapp_ml.models.slow_{overwritten}".lower()
    ask("POST", f"{unity}/registered-models/create", json={"name": name})
    ask("POST", f"{unity}/model-versions/create", json={"name": name, "source": "anywhere"})
    file = f"fs/files/Models/{name.replace('.', '/')}/1/code.py"
    if overwritten:
        assert ask("PUT", file, content=b"good").status_code == 204
    stores = ask.app.state.mlflow_stores
    late = ask("PUT", file, content=slow_body(lambda: stores.finish_version(name, "1")))
    assert late.status_code == 409
    assert ask("GET", file).content == b"good" if overwritten else ask("GET", file).status_code == 404


def test_what_is_loaded_is_what_was_registered(ask: Ask, home: Path) -> None:
    """Whoever reaches the folder of a version: of a run's, of a logged model's, of one that came by Unity Catalog."""
    registry = ask.service.registry
    registered(ask, "held-run")
    experiment, _ = run_root(ask, "held models")
    model = ask("POST", "mlflow/logged-models", json={"experiment_id": experiment, "name": "m"}).json()["model"]["info"]
    file = f"fs/files/WorkspaceInternal/Mlflow/Artifacts/{experiment}/LoggedModels/{model['model_id']}/code.py"
    assert ask("PUT", file, content=b"good").status_code == 204
    ready = {"model_id": model["model_id"], "status": "LOGGED_MODEL_READY"}
    assert ask("PATCH", f"mlflow/logged-models/{model['model_id']}", json=ready).status_code == 200
    ask("POST", "mlflow/registered-models/create", json={"name": "held-model"})
    asked = {"name": "held-model", "source": model["artifact_uri"], "model_id": model["model_id"]}
    assert ask("POST", "mlflow/model-versions/create", json=asked).status_code == 200
    unity, name = "mlflow/unity-catalog", "quikapp_ml.models.held"
    ask("POST", f"{unity}/registered-models/create", json={"name": name})
    ask("POST", f"{unity}/model-versions/create", json={"name": name, "source": "anywhere"})
    assert ask("PUT", "fs/files/Models/quikapp_ml/models/held/1/code.py", content=b"good").status_code == 204
    with pytest.raises(Conflict, match="not finished"):
        registry.fetch_artefact(name, 1, home / "early")
    ask("POST", f"{unity}/model-versions/finalize", json={"name": name, "version": "1"})
    for each in ("held-run", "held-model", name):
        assert (registry.fetch_artefact(each, 1, home / f"good {each}") / "code.py").read_bytes() == b"good"
        folder = Path(unquote(urlsplit(ask.app.state.mlflow_stores.models.get_model_version(each, "1").source).path))
        (folder / "more.py").write_bytes(b"bad")
        with pytest.raises(Damaged, match=r"more\.py"):
            registry.fetch_artefact(each, 1, home / f"bad {each}")
        assert not (home / f"bad {each}").exists()


@pytest.mark.parametrize(
    ("method", "path", "whole"),
    [
        ("DELETE", "mlflow/model-versions/delete", False),
        ("DELETE", "mlflow/registered-models/delete", True),
        ("DELETE", "mlflow/unity-catalog/model-versions/delete", False),
        ("DELETE", "/api/2.1/unity-catalog/models/{name}/versions/1", False),
        ("DELETE", "/api/2.1/unity-catalog/models/{name}", True),
    ],
)
def test_a_version_that_is_forgotten_leaves_no_files(ask: Ask, home: Path, method: str, path: str, whole: bool) -> None:
    name = f"quikapp_ml.models.gone_{md5(path.encode(), usedforsecurity=False).hexdigest()[:6]}"
    before = set((home / "mlartifacts" / "versions").glob("*"))
    root, version = registered(ask, name)
    run_id = root.split("/")[-2]
    assert len(set((home / "mlartifacts" / "versions").glob("*")) - before) == 3, "files, their source, their digests"
    body = {"name": name} if whole else {"name": name, "version": version["version"]}
    assert ask(method, path.format(name=name), **({"json": body} if "mlflow" in path else {})).status_code == 200
    assert set((home / "mlartifacts" / "versions").glob("*")) == before
    assert next(home.glob(f"mlartifacts/*/{run_id}/artifacts/model/code.py")).read_bytes() == b"good"
