"""mlflow with `MLFLOW_TRACKING_URI=databricks`, both registries: register, tag, alias, find, load, delete."""

import json
from typing import Any

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

DATA = pd.DataFrame({"x": [2.0, 3.5]})
SIGNATURE = ModelSignature(Schema([ColSpec("double", "x")]), Schema([ColSpec("double")]))


class Doubling(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined, unused-ignore]
    """Twice of what it is given."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
        return model_input["x"] * 2


def refused(call: Any) -> list[str]:
    try:
        call()
    except MlflowException as error:
        return [error.error_code, str(error)]
    return []


def aliased(client: MlflowClient, name: str) -> dict[str, Any]:
    client.set_registered_model_alias(name, "champion", "1")
    told: dict[str, Any] = {
        "predicted": list(mlflow.pyfunc.load_model(f"models:/{name}@champion").predict(DATA)),
        "by_alias": str(client.get_model_version_by_alias(name, "champion").version),
        "aliases": list(client.get_model_version(name, "1").aliases),
    }
    client.delete_registered_model_alias(name, "champion")
    told["no_alias"] = bool(refused(lambda: client.get_model_version_by_alias(name, "champion")))
    return told


def drive(registry: str, name: str) -> dict[str, Any]:
    mlflow.set_registry_uri(registry)
    client = MlflowClient()
    told: dict[str, Any] = {}
    with mlflow.start_run() as run:
        logged = mlflow.pyfunc.log_model(
            name="doubling", python_model=Doubling(), signature=SIGNATURE, registered_model_name=name
        )
    if registry == "databricks-uc":  # MLflow's client knows no aliases in the workspace registry
        told |= aliased(client, name)
    told["by_number"] = list(mlflow.pyfunc.load_model(f"models:/{name}/1").predict(DATA))
    second = mlflow.register_model(logged.model_uri, name)
    client.set_registered_model_tag(name, "team", "search")
    client.set_model_version_tag(name, "1", "state", "good")
    client.update_registered_model(name, "doubles")
    client.update_model_version(name, "2", "once more")
    model, version = client.get_registered_model(name), client.get_model_version(name, "1")
    told["model"] = [model.description, dict(model.tags)]
    told["version"] = [str(version.version), version.status, dict(version.tags), version.run_id == run.info.run_id]
    told["second"] = [str(second.version), client.get_model_version(name, "2").description]
    told["found"] = sorted(str(each.version) for each in client.search_model_versions(f"name='{name}'"))
    told["names"] = [each.name for each in client.search_registered_models()]
    told["taken"] = refused(lambda: client.create_registered_model(name))
    told["missing"] = refused(lambda: client.get_model_version(name, "9"))
    client.delete_registered_model_tag(name, "team")
    client.delete_model_version_tag(name, "1", "state")
    told["left"] = [dict(client.get_registered_model(name).tags), dict(client.get_model_version(name, "1").tags)]
    client.delete_model_version(name, "2")
    told["versions_left"] = [str(each.version) for each in client.search_model_versions(f"name='{name}'")]
    return told


mlflow.set_experiment("/Users/ann/models")
unity = drive("databricks-uc", "quikapp_ml.models.doubling")
workspace = drive("databricks", "doubling")
MlflowClient(registry_uri="databricks-uc").create_registered_model("quikapp_ml.models.fleeting")
MlflowClient(registry_uri="databricks-uc").delete_registered_model("quikapp_ml.models.fleeting")
elsewhere = refused(
    lambda: MlflowClient(registry_uri="databricks").create_model_version("doubling", "file:///etc", run_id=None)
)
print(json.dumps({"unity": unity, "workspace": workspace, "elsewhere": elsewhere}))  # noqa: T201
