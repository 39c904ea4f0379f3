"""MLflow's own scoring code: for models that are not ours, and for every request that is not plain.

It takes MLflow and pandas along, so it is imported by its first use only.
"""

import json
from pathlib import Path
from typing import Any

from quikapp_ml.serving.invocations import Scored
from quikapp_ml.stores.registry.mlflow import known_warnings_ignored

with known_warnings_ignored():
    import mlflow.pyfunc
    from mlflow.exceptions import MlflowException
    from mlflow.pyfunc import scoring_server

_TRACE = "stack_trace"


def load(folder: Path) -> Any:
    """Load an artefact of any flavour that has a Python function."""
    with known_warnings_ignored():
        return mlflow.pyfunc.load_model(str(folder), suppress_warnings=True)


def score(model: Any, body: bytes, content_type: str) -> Scored:
    """Answer as `mlflow models serve` does, but keep the trace of an error for the log."""
    try:
        with known_warnings_ignored():
            answer = scoring_server.invocations(body, content_type, model, model.metadata.get_input_schema())
    except MlflowException as error:
        content = json.loads(error.serialize_as_json())
        trace = str(content.pop(_TRACE, "") or "")
        return Scored(error.get_http_status_code(), json.dumps(content).encode(), trace=trace)
    return Scored(answer.status, answer.response.encode(), answer.mimetype)
