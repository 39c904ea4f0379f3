"""mlflow with `MLFLOW_TRACKING_URI=databricks`: files of runs, and a model that is logged here and loaded elsewhere."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import pandas as pd
from mlflow import MlflowClient

client = MlflowClient()
told: dict[str, Any] = {}
LARGE = 60 * 1024**2  # more than what the client sends in one request by itself


class Doubling(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined, unused-ignore]
    """Twice of what it is given."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
        return model_input["x"] * 2


mlflow.set_experiment("/Users/ann/files")
with TemporaryDirectory() as place, mlflow.start_run() as run:
    folder = Path(place) / "report"
    (folder / "deep").mkdir(parents=True)
    (folder / "a b.txt").write_text("first")
    (folder / "deep" / "ü.json").write_text("{}")
    large = Path(place) / "large.bin"
    with large.open("wb") as out:
        out.seek(LARGE - 1)
        out.write(b"!")
    mlflow.log_text("hello", "notes/hello.txt")
    mlflow.log_dict({"a": 1}, "config.json")
    mlflow.log_artifacts(str(folder), "report")
    mlflow.log_artifact(str(large))
    logged = mlflow.pyfunc.log_model(
        name="doubling", python_model=Doubling(), input_example=pd.DataFrame({"x": [1.0]}), pip_requirements=[]
    )
run_id = run.info.run_id
told["listed"] = sorted(each.path for each in client.list_artifacts(run_id))
told["report"] = sorted(each.path for each in client.list_artifacts(run_id, "report"))
told["nothing"] = client.list_artifacts(run_id, "nowhere")
told["text"] = mlflow.artifacts.load_text(f"runs:/{run_id}/notes/hello.txt")
with TemporaryDirectory() as place:
    downloaded = Path(client.download_artifacts(run_id, "", place))
    told["downloaded"] = sorted(str(each.relative_to(downloaded)) for each in downloaded.rglob("*") if each.is_file())
    told["large"] = (downloaded / "large.bin").stat().st_size == LARGE
model = mlflow.pyfunc.load_model(logged.model_uri)
told["predicted"] = list(model.predict(pd.DataFrame({"x": [2.0, 3.5]})))
info = client.get_logged_model(logged.model_id)
told["model"] = [info.name, str(info.status), info.artifact_location.startswith("dbfs:/databricks/mlflow-tracking/")]
found = client.search_logged_models(experiment_ids=[run.info.experiment_id])
told["found"] = [each.model_id == logged.model_id for each in found]
told["run_id"], told["experiment_id"] = run_id, run.info.experiment_id
print(json.dumps(told))  # noqa: T201
