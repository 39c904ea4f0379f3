"""What every model is: arrays in, arrays out; configuration stored, knowledge learnt; files without code."""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self
from zipfile import BadZipFile

import numpy as np
import orjson

from quikapp_ml.errors import Damaged, NotFound

ARRAYS_FILE = "arrays.npz"
FACTS_FILE = "model.json"


class Model(ABC):
    """A model keeps its configuration in `__init__` and what it has learnt in attributes that end in `_`.

    A saved model is a folder: `arrays.npz` (read without pickle) and `model.json`.
    """

    name: ClassVar[str]
    """Registered name, such as `spam-classifier`."""

    inputs: ClassVar[Mapping[str, str]]
    """Columns that `predict` reads: name → MLflow type (string, double, long, boolean)."""

    outputs: ClassVar[Mapping[str, str]]
    """Columns that `predict` gives, in the same form."""

    @abstractmethod
    def predict(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """Answer a batch given as columns of equal length; the MLflow artefact of the model is this method."""

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """Learnt arrays by name, all finite numbers or fixed-width text."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """Everything else that loading needs, as JSON."""

    @classmethod
    @abstractmethod
    def from_parts(cls, arrays: dict[str, np.ndarray[Any, Any]], facts: dict[str, Any]) -> Self:
        """Build the model again; the opposite of `arrays` and `facts`."""

    def save(self, folder: Path) -> None:
        """Write the model's two files into the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / ARRAYS_FILE, allow_pickle=False, **self.arrays())
        (folder / FACTS_FILE).write_bytes(orjson.dumps(self.facts(), option=orjson.OPT_INDENT_2))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a saved model. Raises NotFound without its files and Damaged when a number in them is not finite."""
        try:
            with (folder / ARRAYS_FILE).open("rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            facts = orjson.loads((folder / FACTS_FILE).read_bytes())
        except FileNotFoundError as error:
            raise NotFound(f"{folder} holds no saved model: {Path(error.filename).name} is missing") from None
        except (ValueError, OSError, EOFError, KeyError, BadZipFile, zlib.error) as error:
            raise Damaged(f"{folder} cannot be read as a model: {error}") from error
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray):  # numpy hands out members that are no arrays as bytes
                raise Damaged(f"{folder}: {name!r} is no array; the model is not loaded")
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise Damaged(f"{folder}: array {name!r} holds a number that is not finite; the model is not loaded")
        return cls.from_parts(arrays, facts)
