"""What a model was told: look-ups, functions, label and table versions, as the YAML that is kept with the model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import yaml

from quikapp_ml.errors import Damaged
from quikapp_ml.feature_store.lookups import FeatureFunction, FeatureLookup
from quikapp_ml.features.services import FeatureService

SPEC_FILE = "feature_spec.yaml"


@dataclass(frozen=True)
class FeatureSpec:
    """How the columns of a training set came about; look-ups name each of their features."""

    features: tuple[FeatureLookup | FeatureFunction, ...]
    label: tuple[str, ...] = ()
    exclude_columns: tuple[str, ...] = ()
    table_versions: Mapping[str, int] = field(default_factory=dict, hash=False)

    def service(self, name: str) -> FeatureService:
        """The features that are looked up, by table."""
        inputs: dict[str, tuple[str, ...]] = {}
        for one in self.features:
            if isinstance(one, FeatureLookup):
                known = inputs.get(one.table_name, ())
                inputs[one.table_name] = tuple(dict.fromkeys((*known, *(one.feature_names or ()))))
        return FeatureService(name, inputs)

    def to_yaml(self, model_class: str) -> str:
        """The specification, with the class that loads the model beside it."""
        document = {
            "model_class": model_class,
            "features": [_lookup(one) if isinstance(one, FeatureLookup) else _function(one) for one in self.features],
            "label": list(self.label),
            "exclude_columns": list(self.exclude_columns),
            "table_versions": dict(self.table_versions),
        }
        return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


def spec_from_yaml(text: str) -> tuple[FeatureSpec, str]:
    """The specification and the model's class again. Raises Damaged."""
    try:
        given = yaml.safe_load(text)
        spec = FeatureSpec(
            features=tuple(_feature(one) for one in given["features"]),
            label=tuple(given["label"]),
            exclude_columns=tuple(given["exclude_columns"]),
            table_versions=given["table_versions"],
        )
        return spec, str(given["model_class"])
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"{SPEC_FILE} of the model cannot be read: {error}") from error


def _lookup(one: FeatureLookup) -> dict[str, Any]:
    return {
        "table_name": one.table_name,
        "lookup_key": list(one.lookup_key),
        "feature_names": list(one.feature_names or ()),
        "timestamp_lookup_key": one.timestamp_lookup_key,
        "lookback_seconds": None if one.lookback_window is None else one.lookback_window.total_seconds(),
        "default_values": dict(one.default_values),
        "rename_outputs": dict(one.rename_outputs),
    }


def _function(one: FeatureFunction) -> dict[str, Any]:
    return {
        "udf_name": one.udf_name, "input_bindings": dict(one.input_bindings), "output_name": one.output_name,
    }  # fmt: skip


def _feature(given: dict[str, Any]) -> FeatureLookup | FeatureFunction:
    if "udf_name" in given:
        return FeatureFunction(**given)
    seconds = given.pop("lookback_seconds")
    return FeatureLookup(**given, lookback_window=None if seconds is None else timedelta(seconds=seconds))
