"""The code of every MLflow artefact of ours ("models from code"): load the model folder, answer by `Model.predict`.

MLflow copies this file into the artefact and runs it there; nothing is pickled.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext


class FolderModel(PythonModel):  # type: ignore[misc]
    """A model class of ours behind MLflow's interface: a frame in, a frame out."""

    def load_context(self, context: PythonModelContext) -> None:
        """Import the class named in the artefact's configuration and load the artefact's model folder."""
        module, _, name = context.model_config["model_class"].partition(":")
        self.model = getattr(import_module(module), name).load(Path(context.artifacts["model"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:  # noqa: ARG002
        """Answer a batch; columns are those of the signature."""
        columns = {name: model_input[name].tolist() for name in self.model.inputs}
        return pd.DataFrame(self.model.predict(columns))


set_model(FolderModel())
