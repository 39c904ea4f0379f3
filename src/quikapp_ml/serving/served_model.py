"""A model version that an endpoint serves: by its class where it is ours, by MLflow where it is not."""

import asyncio
from collections.abc import Mapping
from importlib import import_module, metadata
from pathlib import Path
from threading import Lock
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement

from quikapp_ml.errors import Damaged, QuikAppMLError
from quikapp_ml.models.base import Model
from quikapp_ml.serving.invocations import Invocation, Scored, predictions
from quikapp_ml.stores.registry.late_import import import_late

DESCRIPTION_FILE = "MLmodel"
REQUIREMENTS_FILE = "requirements.txt"
MODEL_FOLDER = Path("artifacts") / "model"
INLINE_BYTES = 64 * 1024
"""Larger bodies are answered in a thread of their own, so that nobody else waits for them."""

_MLFLOW_SCORING = "quikapp_ml.serving.mlflow_scoring"


class ServedModel:
    """An MLflow artefact in memory. Any thread may ask it."""

    def __init__(self, folder: Path, own: Model | None) -> None:
        self._folder = folder
        self._own = own
        self._pyfunc: Any = None
        self._loading = Lock()

    @classmethod
    def load(cls, folder: Path) -> "ServedModel":
        """Read an artefact. Raises Damaged when it is none, and whatever its own code raises."""
        model_class = _model_class(folder)
        served = cls(folder, None if model_class is None else model_class.load(folder / MODEL_FOLDER))
        if model_class is None:
            served._load_pyfunc()
        return served

    @property
    def is_ours(self) -> bool:
        """Whether a model class of this project answers plain requests."""
        return self._own is not None

    @property
    def inputs(self) -> Mapping[str, str] | None:
        """Columns that it reads, and their MLflow types; None when it does not say."""
        if self._own is not None:
            return self._own.inputs
        schema = self._pyfunc.metadata.get_input_schema()
        if schema is None or not schema.has_input_names() or schema.is_tensor_spec():
            return None
        return {column.name: getattr(column.type, "name", "object") for column in schema.inputs}

    async def answer(self, invocation: Invocation) -> Scored:
        """Answer a request without keeping the event loop from others."""
        if self._own is None or len(invocation.body) > INLINE_BYTES:
            return await asyncio.to_thread(self.answer_now, invocation)
        scored = self.answer_plainly(invocation)
        return await asyncio.to_thread(self.answer_by_mlflow, invocation) if scored is None else scored

    def answer_now(self, invocation: Invocation) -> Scored:
        """Answer in this thread, whatever it takes."""
        return self.answer_plainly(invocation) or self.answer_by_mlflow(invocation)

    def answer_plainly(self, invocation: Invocation) -> Scored | None:
        """Answer a plain request in this thread; None when MLflow has to look at it."""
        if self._own is None:
            return None
        columns = invocation.columns(self._own.inputs)
        if columns is None:
            return None
        try:
            return predictions(self._own.predict(columns))
        except (QuikAppMLError, ValueError, TypeError):
            return None  # MLflow says it in its own words

    def answer_by_mlflow(self, invocation: Invocation) -> Scored:
        """Answer any request; takes milliseconds to seconds, so not in the thread of the event loop."""
        scored: Scored = import_late(_MLFLOW_SCORING).score(
            self._load_pyfunc(), invocation.body, invocation.content_type
        )
        return scored

    def _load_pyfunc(self) -> Any:
        with self._loading:
            if self._pyfunc is None:
                self._pyfunc = import_late(_MLFLOW_SCORING).load(self._folder)
            return self._pyfunc


def unmet_requirements(folder: Path) -> list[str]:
    """What the artefact asks for that is not installed here, each as one sentence."""
    file = folder / REQUIREMENTS_FILE
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [problem for line in lines if (problem := _unmet(line.strip()))]


def _unmet(line: str) -> str:
    try:
        wanted = Requirement(line)
    except InvalidRequirement:
        return ""  # an option of pip, or a comment
    if wanted.marker is not None and not wanted.marker.evaluate():
        return ""
    try:
        found = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        # MLflow comes in two sizes; the small one has all that serving needs.
        return "" if wanted.name == "mlflow" else f"{wanted} is asked for, {wanted.name} is not installed"
    if wanted.specifier.contains(found, prereleases=True):
        return ""
    return f"{wanted} is asked for, {found} is installed"


def _model_class(folder: Path) -> type[Model] | None:
    """The class of ours that loads the artefact; None for a model of others. Raises Damaged."""
    try:
        description = yaml.safe_load((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))
        flavour = description["flavors"]["python_function"]
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise Damaged(f"{folder} is no MLflow artefact with a Python function: {error!r}") from error
    config = flavour.get("config")
    named = config.get("model_class") if isinstance(config, dict) else None
    if not isinstance(named, str) or not (folder / MODEL_FOLDER).is_dir():
        return None
    module, _, name = named.partition(":")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        return None  # the artefact may bring its code itself
    return found if isinstance(found, type) and issubclass(found, Model) else None
