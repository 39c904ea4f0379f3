import asyncio
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from quikapp_ml.errors import Damaged
from quikapp_ml.serving.invocations import Invocation
from quikapp_ml.serving.served_model import ServedModel, unmet_requirements
from quikapp_ml.stores.registry.mlflow import known_warnings_ignored

CODE = """
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

class Doubler(PythonModel):
    def predict(self, context, model_input, params=None):
        if model_input["x"].sum() > 1000:
            raise RuntimeError("too much of it")
        return (model_input["x"] * 2 + (params or {}).get("offset", 0)).tolist()

set_model(Doubler())
"""


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of somebody else, as any MLflow saves it."""
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "doubler.py").write_text(CODE)
    with known_warnings_ignored():
        models, types = import_module("mlflow.models"), import_module("mlflow.types")
        schema = types.Schema([types.ColSpec("double", "x")])
        parameters = types.ParamSchema([types.ParamSpec("offset", "double", 0.0)])
        import_module("mlflow.pyfunc").save_model(
            folder / "artefact",
            python_model=str(folder / "doubler.py"),
            signature=models.ModelSignature(schema, params=parameters),
            pip_requirements=["numpy>=1", "pandas<1", "nobody-has-this==3", "mlflow"],
        )
    return folder / "artefact"


def ask(served: ServedModel, body: object, content_type: str = "application/json") -> tuple[int, object, str]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    scored = asyncio.run(served.answer(Invocation.read(content, content_type)))
    return scored.status, json.loads(scored.body), scored.trace


def test_a_model_of_others_is_served_by_mlflow(foreign: Path) -> None:
    served = ServedModel.load(foreign)
    assert not served.is_ours
    assert served.inputs == {"x": "double"}
    assert ask(served, {"dataframe_records": [{"x": 1.5}, {"x": 2}]})[:2] == (200, {"predictions": [3.0, 4.0]})
    assert ask(served, {"inputs": {"x": [1.0]}, "params": {"offset": 10}})[:2] == (200, {"predictions": [12.0]})
    assert ask(served, b"x\n3\n", "text/csv")[:2] == (200, {"predictions": [6.0]})


def test_its_failure_is_told_without_its_trace(foreign: Path) -> None:
    status, body, trace = ask(ServedModel.load(foreign), {"dataframe_records": [{"x": 5000}]})
    assert status == 400 and isinstance(body, dict)
    assert body["error_code"] == "BAD_REQUEST"
    assert "stack_trace" not in body and "too much" not in str(body)
    assert "RuntimeError: too much of it" in trace


def test_packages_that_do_not_match_are_named(foreign: Path, tmp_path: Path) -> None:
    problems = unmet_requirements(foreign)
    assert len(problems) == 2
    assert problems[0].startswith("pandas<1 is asked for, ") and problems[0].endswith(" is installed")
    assert problems[1] == "nobody-has-this==3 is asked for, nobody-has-this is not installed"
    assert unmet_requirements(tmp_path) == []


@pytest.mark.parametrize("description", [None, "", "[]", "flavors: {}", "flavors: {sklearn: {}}", "\x00", "a: ["])
def test_a_folder_that_is_no_artefact_is_damaged(tmp_path: Path, description: str | None) -> None:
    if description is not None:
        (tmp_path / "MLmodel").write_text(description)
    with pytest.raises(Damaged, match="no MLflow artefact"):
        ServedModel.load(tmp_path)


def test_what_the_service_loads_at_its_start_has_no_pandas_and_no_mlflow_in_it() -> None:
    heavy = ("mlflow", "pandas", "databricks", "pyspark", "sklearn")
    code = (
        "import sys, quikapp_ml.api.app, quikapp_ml.bootstrap\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
