"""What MLflow itself finds: the artefact loads by MLflow's own loader, and nothing is left outside the home."""

import json
import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import pytest

from quikapp_ml.errors import Damaged, InvalidInput, StorageFailed, Unavailable
from quikapp_ml.models.base import Model
from quikapp_ml.stores.registry import open_registry
from quikapp_ml.stores.registry.base import CHAMPION, ModelRegistry, NewVersion
from quikapp_ml.stores.registry.mlflow import MlflowRegistry, known_warnings_ignored

mlflow: Any = import_module("mlflow")  # after ours: it must not be imported before telemetry is off


class Scaler(Model):
    """Multiplies by what it has learnt."""

    name = "scaler"
    inputs: ClassVar[Mapping[str, str]] = {"value": "double", "text": "string", "n": "long"}
    outputs: ClassVar[Mapping[str, str]] = {"scaled": "double", "label": "string"}

    def __init__(self, factor: float) -> None:
        self.factor_ = factor

    def predict(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        return {
            "scaled": [value * self.factor_ for value in columns["value"]],
            "label": [text * n for text, n in zip(columns["text"], columns["n"], strict=True)],
        }

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        return {"factor": np.array([self.factor_])}

    def facts(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_parts(cls, arrays: dict[str, np.ndarray[Any, Any]], facts: dict[str, Any]) -> Self:
        return cls(float(arrays["factor"][0]))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home with #1 space")


@pytest.fixture(scope="module")
def uri(home: Path) -> str:
    return f"sqlite:///{home / 'mlflow.db'}"


@pytest.fixture(scope="module")
def registry(home: Path, uri: str) -> ModelRegistry:
    return MlflowRegistry(uri, "quikapp-ml", home / "mlartifacts")


@pytest.fixture
def saved(tmp_path: Path) -> NewVersion:
    folder = tmp_path / "saved"
    Scaler(2.5).save(folder)
    (folder / "card.md").write_text("# Scaler\n", encoding="utf-8")
    return NewVersion(
        name="scaler",
        folder=folder,
        model_class=f"{Scaler.__module__}:Scaler",
        semantic_version="2.0.0",
        parameters={"factor": "2.5"},
        metrics={"auc": 0.75},
        table_versions={"quikapp_ml.bronze.events": 17},
    )


@pytest.fixture
def tracked(uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    yield uri
    mlflow.set_tracking_uri(None)


def test_mlflows_own_loader_answers_by_the_alias(registry: ModelRegistry, saved: NewVersion, tracked: str) -> None:
    registry.set_alias("scaler", CHAMPION, registry.register(saved).number)
    mlflow.set_tracking_uri(tracked)
    model = mlflow.pyfunc.load_model("models:/scaler@champion")
    answer = model.predict(pd.DataFrame({"n": [1, 2], "text": ["ä", "b"], "value": [1.0, -2.0], "extra": [None, 1]}))
    assert answer.to_dict("list") == {"scaled": [2.5, -5.0], "label": ["ä", "bb"]}
    assert model.metadata.get_input_schema().to_dict() == [
        {"name": "value", "type": "double", "required": True},
        {"name": "text", "type": "string", "required": True},
        {"name": "n", "type": "long", "required": True},
    ]
    with pytest.raises(mlflow.exceptions.MlflowException, match="value"):
        model.predict(pd.DataFrame({"value": ["not a number"], "text": ["b"], "n": [1]}))


def test_the_artefact_holds_no_pickle_and_asks_for_this_package(
    registry: ModelRegistry, saved: NewVersion, home: Path
) -> None:
    registry.register(saved)
    artefact = max((home / "mlartifacts" / "models").iterdir(), key=lambda path: path.stat().st_mtime) / "artifacts"
    names = {path.relative_to(artefact).as_posix() for path in artefact.rglob("*") if path.is_file()}
    assert {"MLmodel", "pyfunc_model.py", "artifacts/model/arrays.npz", "artifacts/model/card.md"} <= names
    assert not [name for name in names if name.endswith((".pkl", ".pickle"))]
    assert "quikapp-ml==" in (artefact / "requirements.txt").read_text()


def test_the_run_tells_how_the_version_was_made(registry: ModelRegistry, saved: NewVersion, uri: str) -> None:
    number = registry.register(saved).number
    client = mlflow.MlflowClient(uri)
    version = client.get_model_version("scaler", str(number))
    run = client.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert client.get_experiment(run.info.experiment_id).name == "quikapp-ml"
    assert run.data.params["factor"] == "2.5"
    assert run.data.metrics == {"auc": 0.75}
    assert version.tags["semantic_version"] == run.data.tags["semantic_version"] == "2.0.0"
    assert json.loads(version.tags["table_versions"]) == {"quikapp_ml.bronze.events": 17}
    assert [(each.dataset.name, each.dataset.digest) for each in run.inputs.dataset_inputs] == [
        ("quikapp_ml.bronze.events", "17")
    ]
    assert [artifact.path for artifact in client.list_artifacts(version.run_id)] == ["card.md"]
    model = client.get_logged_model(run.outputs.model_outputs[0].model_id)
    assert (model.name, str(model.status)) == ("scaler", "READY")
    assert {metric.key: metric.value for metric in model.metrics} == {"auc": 0.75}


def test_a_class_that_cannot_be_imported_leaves_no_run(registry: ModelRegistry, saved: NewVersion, uri: str) -> None:
    client = mlflow.MlflowClient(uri)
    experiments = [each.experiment_id for each in client.search_experiments()]
    before = len(client.search_runs(experiments))
    for wrong in ("quikapp_ml.nowhere:Model", "quikapp_ml.errors:Nobody", "quikapp_ml.errors:NotFound"):
        with pytest.raises(InvalidInput, match=wrong):
            registry.register(NewVersion("scaler", saved.folder, wrong, "1.0.0"))
    assert len(client.search_runs(experiments)) == before


def test_a_registration_that_breaks_off_leaves_a_failed_run_and_no_version(
    registry: ModelRegistry, saved: NewVersion, uri: str, home: Path
) -> None:
    registry.register(saved)
    before = registry.versions("scaler")
    models = home / "mlartifacts" / "models"
    models.rename(home / "away")
    models.write_text("in the way")
    with pytest.raises(StorageFailed):
        registry.register(saved)
    models.unlink()
    (home / "away").rename(models)
    assert registry.versions("scaler") == before
    client = mlflow.MlflowClient(uri)
    newest = client.search_runs([each.experiment_id for each in client.search_experiments()])[0]
    assert newest.info.status == "FAILED"


def run(program: str, *arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program), *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


REGISTER = """
    import sys, types
    from pathlib import Path
    import numpy as np
    from quikapp_ml.models.base import Model
    from quikapp_ml.stores.registry import open_registry
    from quikapp_ml.stores.registry.base import NewVersion

    class Constant(Model):
        name, inputs, outputs = "constant", {"x": "double"}, {"y": "double"}
        def predict(self, columns): return {"y": columns["x"]}
        def arrays(self): return {"a": np.zeros(2)}
        def facts(self): return {}
        @classmethod
        def from_parts(cls, arrays, facts): return cls()

    module = types.ModuleType("made_up"); module.Constant = Constant; sys.modules["made_up"] = module
    home = Path(sys.argv[1])
    registry = open_registry(f"sqlite:///{home / 'mlflow.db'}", "quikapp-ml", home / "mlartifacts")
    assert "mlflow" not in sys.modules and "sqlalchemy" not in sys.modules, "imported too early"
    Constant().save(home / sys.argv[2]); (home / sys.argv[2] / "card.md").write_text("card")
    number = registry.register(NewVersion("constant", home / sys.argv[2], "made_up:Constant", "1.0.0")).number
    registry.set_alias("constant", "champion", number)
    registry.fetch("constant", number, home / f"{sys.argv[2]}-fetched")
    from mlflow.telemetry import get_telemetry_client
    assert get_telemetry_client() is None, "MLflow calls home"
    assert registry.by_alias("constant", "champion") and registry.versions("constant") and registry.names()
"""


def test_two_processes_at_once_make_one_home_and_nothing_outside_it_and_say_nothing(tmp_path: Path) -> None:
    home, elsewhere, user, temporary = (tmp_path / name for name in ("home", "cwd", "user", "tmp"))
    for folder in (home, elsewhere, user, temporary):
        folder.mkdir()

    def register(folder: str) -> subprocess.CompletedProcess[str]:
        return run(REGISTER, str(home), folder, cwd=elsewhere, HOME=str(user), TMPDIR=str(temporary))

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(register, ("left", "right")))
    assert [(done.returncode, done.stdout, done.stderr) for done in results] == [(0, "", "")] * 2
    for folder in (elsewhere, user, temporary):
        assert list(folder.iterdir()) == []
    names = {"mlartifacts", "mlflow.db", "mlflow.db.lock", "left", "left-fetched", "right", "right-fetched"}
    assert {path.name for path in home.iterdir()} == names
    registry = open_registry(f"sqlite:///{home / 'mlflow.db'}", "quikapp-ml", home / "mlartifacts")
    assert [version.number for version in registry.versions("constant")] == [2, 1]
    with closing(sqlite3.connect(home / "mlflow.db")) as connection:
        locations = [row[0] for row in connection.execute("SELECT artifact_location FROM experiments")]
    assert len(locations) == 2
    assert all(location.startswith((home / "mlartifacts").as_uri()) for location in locations)


def test_a_database_that_cannot_be_opened_is_refused_at_once(tmp_path: Path) -> None:
    began = time.monotonic()
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="MLflow"):
        MlflowRegistry(f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}", "e", tmp_path / "a")
    (tmp_path / "thesis").write_bytes(b"somebody's thesis, not a database" * 1000)
    with pytest.raises(Damaged, match="thesis"):
        MlflowRegistry(f"sqlite:///{tmp_path / 'thesis'}", "e", tmp_path / "a")
    assert time.monotonic() - began < 2


class _Broken(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(501)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_a_server_that_answers_with_an_error_is_unavailable_and_its_password_is_not_told(tmp_path: Path) -> None:
    server = HTTPServer(("127.0.0.1", 0), _Broken)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        registry = open_registry(f"http://ada:secret-1@127.0.0.1:{server.server_port}", "e", tmp_path)
        with pytest.raises(Unavailable, match="MLflow") as caught:
            registry.by_alias("scaler", CHAMPION)
    finally:
        server.shutdown()
        server.server_close()
    assert _Broken.asked
    assert "secret-1" not in str(caught.value)


def test_asking_for_an_alias_is_cheap(registry: ModelRegistry, saved: NewVersion) -> None:
    registry.set_alias("scaler", CHAMPION, registry.register(saved).number)
    began = time.perf_counter()
    for _ in range(20):
        registry.by_alias("scaler", CHAMPION)
    assert (time.perf_counter() - began) / 20 < 0.1


def test_remarks_of_mlflow_pass_and_others_do_not() -> None:
    with known_warnings_ignored():
        warnings.warn("An input example was not provided when logging", UserWarning, stacklevel=1)
        with pytest.raises(UserWarning, match="ours"):
            warnings.warn("ours", UserWarning, stacklevel=1)
