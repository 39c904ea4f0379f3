"""A toy model, its recipe and a registry: small enough that the right answer is known."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from quikapp_ml.models.base import Model
from quikapp_ml.stores.lake.base import Lake, Table
from quikapp_ml.stores.registry.base import ModelVersion, NewVersion
from quikapp_ml.stores.registry.memory import MemoryRegistry
from quikapp_ml.training.recipe import NotEnoughData, Recipe

READINGS = Table(
    "quikapp_ml.ml.readings",
    pa.schema([("at", pa.int64()), ("value", pa.float64()), ("label", pa.bool_())]),
    ("at",),
    "Values with their labels.",
)
Examples = Sequence[tuple[float, bool]]


class Threshold(Model):
    """Says yes above a threshold,
    which it learns.

    A second paragraph that no card needs.
    """

    name = "threshold"
    inputs: ClassVar[Mapping[str, str]] = {"value": "double"}
    outputs: ClassVar[Mapping[str, str]] = {"says_yes": "boolean"}

    def __init__(self, threshold: float) -> None:
        self.threshold_ = threshold

    def predict(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        return {"says_yes": [value > self.threshold_ for value in columns["value"]]}

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        return {"threshold": np.array([self.threshold_])}

    def facts(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_parts(cls, arrays: dict[str, np.ndarray[Any, Any]], facts: dict[str, Any]) -> Self:
        return cls(float(arrays["threshold"][0]))


class ThresholdRecipe(Recipe[Threshold, Examples]):
    """Sets the threshold between the two kinds."""

    model_class = Threshold
    metric = "accuracy"
    tables = (READINGS.name,)

    def examples(self, lake: Lake) -> Examples:
        rows = sorted(lake.read(READINGS.name).to_pylist(), key=lambda row: row["at"])
        if len(rows) < 10:
            raise NotEnoughData(f"{len(rows)} readings, at least 10 are needed")
        return [(row["value"], row["label"]) for row in rows]

    def split(self, examples: Examples) -> tuple[Examples, Examples]:
        cut = len(examples) * 4 // 5
        return examples[:cut], examples[cut:]

    def fit(self, examples: Examples, previous: Threshold) -> Threshold:
        below = max(value for value, label in examples if not label)
        above = min(value for value, label in examples if label)
        return Threshold((below + above) / 2)

    def evaluate(self, model: Threshold, examples: Examples) -> dict[str, float]:
        right = [(value > model.threshold_) == label for value, label in examples]
        accuracy = sum(right) / len(right)
        majority = max(sum(label for _, label in examples), sum(not label for _, label in examples)) / len(right)
        return {
            "accuracy": accuracy, "accuracy_low": accuracy - 0.02, "accuracy_high": accuracy + 0.02,
            "baseline_majority": majority,
        }  # fmt: skip


def readings(n: int, threshold: float = 0.5, first: int = 0) -> pa.Table:
    values = [(index * 7 % 10) / 10 + 0.05 for index in range(first, first + n)]
    rows = [{"at": first + i, "value": value, "label": value > threshold} for i, value in enumerate(values)]
    return pa.Table.from_pylist(rows, schema=READINGS.columns)


class WatchedRegistry(MemoryRegistry):
    """Remembers what it was given to register."""

    def __init__(self) -> None:
        super().__init__()
        self.new_versions: list[NewVersion] = []

    def register(self, version: NewVersion) -> ModelVersion:
        self.new_versions.append(version)
        return super().register(version)


def save_starter(folder: Path) -> Path:
    """A starter that is right about most: its threshold is 0.6, where that of `readings` is 0.5."""
    Threshold(0.6).save(folder)
    metadata = '{"semantic_version": "2.4.0", "alias": "champion", "metrics": {"accuracy": 0.9}}'
    (folder / "metadata.json").write_text(metadata)
    (folder / "card.md").write_text("# threshold 2.4.0\n\n## Limits\n\nKnows numbers only.\n\n## Other\n\nx\n")
    return folder
