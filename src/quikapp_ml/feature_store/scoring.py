"""A model that knows its features: saved with their specification, and asked with keys alone."""

import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.types import BooleanType, DoubleType, LongType, StringType, StructField, StructType

from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.feature_store.spec import SPEC_FILE, FeatureSpec, spec_from_yaml
from quikapp_ml.models.base import Model
from quikapp_ml.stores.registry.base import CARD_FILE, ModelRegistry, ModelVersion

PREDICTION = "prediction"
FIRST_VERSION = "0.1.0"

_URI = re.compile(r"models:/(?P<name>[^/@]+)(?:/(?P<number>\d+)|@(?P<alias>[^/@]+))")
_SPARK_TYPES = {"string": StringType(), "double": DoubleType(), "long": LongType(), "boolean": BooleanType()}
_ARROW_TYPES = {"string": pa.string(), "double": pa.float64(), "long": pa.int64(), "boolean": pa.bool_()}


def save_model(model: Model, spec: FeatureSpec, card: str | None, folder: Path) -> str:
    """Write the model, its card and the specification of its features; returns the dotted path of its class."""
    if not isinstance(model, Model):
        raise InvalidInput(
            f"a {type(model).__name__} cannot be logged: nothing is pickled here; wrap it in a subclass of "
            "quikapp_ml.models.base.Model, which says its arrays and facts"
        )
    model_class = f"{type(model).__module__}:{type(model).__qualname__}"
    model.save(folder)
    (folder / SPEC_FILE).write_text(spec.to_yaml(model_class), encoding="utf-8")
    if card is not None or not (folder / CARD_FILE).exists():
        (folder / CARD_FILE).write_text(card or _card(model, spec), encoding="utf-8")
    return model_class


def load_model(registry: ModelRegistry, model_uri: str, folder: Path) -> tuple[Model, FeatureSpec]:
    """The model and its features. Raises InvalidInput on another form of URI, NotFound without version or features."""
    version = _version(registry, model_uri)
    fetched = registry.fetch(version.name, version.number, folder / "model")
    if not (fetched / SPEC_FILE).is_file():
        raise NotFound(f"{model_uri} was registered without features; log it with log_model and a training set")
    spec, model_class = spec_from_yaml((fetched / SPEC_FILE).read_text(encoding="utf-8"))
    module, _, name = model_class.partition(":")
    try:
        loaded = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise NotFound(f"class {model_class} of {model_uri} cannot be used here: {error}") from error
    return loaded.load(fetched), spec


def predict(model: Model, rows: DataFrame) -> DataFrame:
    """The rows with the model's answers: column `prediction` when it gives one column, else its columns by name."""
    lacking = [name for name in model.inputs if name not in rows.columns]
    if lacking:
        raise InvalidInput(
            f"model {model.name} reads {', '.join(model.inputs)}; neither the data frame nor its features have "
            f"{', '.join(lacking)}"
        )
    names = {name: PREDICTION if len(model.outputs) == 1 else name for name in model.outputs}
    twice = [name for name in names.values() if name in rows.columns]
    if twice:
        raise InvalidInput(f"column {', '.join(twice)} of the data frame would be there twice; rename it")
    answers = [StructField(names[name], _SPARK_TYPES[kind]) for name, kind in model.outputs.items()]

    def answer(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            given = model.predict({name: batch.column(name).to_pylist() for name in model.inputs})
            columns = [pa.array(given[name], _ARROW_TYPES[kind]) for name, kind in model.outputs.items()]
            yield pa.RecordBatch.from_arrays([*batch.columns, *columns], [*batch.schema.names, *names.values()])

    return rows.mapInArrow(answer, StructType([*rows.schema, *answers]))


def next_version(versions: Iterable[ModelVersion]) -> str:
    """The greatest semantic version with its last number one greater; the first of a new model."""
    known = [tuple(int(part) for part in version.semantic_version.split(".")) for version in versions]
    if not known:
        return FIRST_VERSION
    major, minor, patch = max(known)
    return f"{major}.{minor}.{patch + 1}"


def _version(registry: ModelRegistry, model_uri: str) -> ModelVersion:
    parts: Any = _URI.fullmatch(model_uri)
    if not parts:
        raise InvalidInput(f"model URI {model_uri!r} must be models:/NAME/NUMBER or models:/NAME@ALIAS")
    found = registry.by_alias(parts["name"], parts["alias"]) if parts["alias"] else _numbered(registry, parts)
    if found is None:
        raise NotFound(f"there is no model {model_uri}")
    return found


def _numbered(registry: ModelRegistry, parts: Any) -> ModelVersion | None:
    number = int(parts["number"])
    return next((version for version in registry.versions(parts["name"]) if version.number == number), None)


def _card(model: Model, spec: FeatureSpec) -> str:
    task = (type(model).__doc__ or "").strip().partition("\n\n")[0]
    tables = "".join(f"- `{name}`, version {number}\n" for name, number in spec.table_versions.items())
    return f"# {model.name}\n\n{task}\n\n## Features\n\n{tables}"
