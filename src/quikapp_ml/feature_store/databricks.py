"""Handing over to Databricks' own feature store, where it is."""

import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from quikapp_ml.errors import InvalidInput
from quikapp_ml.feature_store.client import FeatureStoreClient
from quikapp_ml.feature_store.lookups import FeatureFunction, FeatureLookup

OFFICIAL = "databricks.feature_engineering"
RUNTIME = "DATABRICKS_RUNTIME_VERSION"
"""Databricks sets it on every cluster; the official package works nowhere else, by its licence too."""


def open_feature_store(
    uri: str, open_ours: Callable[[], FeatureStoreClient], environment: Mapping[str, str] = os.environ
) -> Any:
    """The feature store of FEATURE_STORE_URI: ours when it is empty, Databricks' official one for databricks://….

    Raises InvalidInput on another scheme, outside Databricks, and without the package
    `databricks-feature-engineering`, which is not a dependency: its licence allows it on Databricks only.
    """
    if not uri:
        return open_ours()
    if not uri.startswith("databricks://"):
        raise InvalidInput("FEATURE_STORE_URI must be empty or databricks://CATALOG; the one given has another form")
    if RUNTIME not in environment:
        raise InvalidInput(f"{uri} needs Databricks: {RUNTIME} is not set here; leave FEATURE_STORE_URI empty for ours")
    try:
        official = import_module(OFFICIAL)
    except ImportError as error:
        raise InvalidInput(f"{uri} needs the package databricks-feature-engineering on the cluster: {error}") from error
    return OfficialClient(official)


class OfficialClient:
    """The official client, given our look-ups in its own words; everything else is its own."""

    def __init__(self, official: Any) -> None:
        self._official = official
        self._client = official.FeatureEngineeringClient()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def create_training_set(self, *, feature_lookups: Sequence[Any], **given: Any) -> Any:
        """Translate our look-ups and functions; official ones pass as they are."""
        translated = [self._translated(one) for one in feature_lookups]
        return self._client.create_training_set(feature_lookups=translated, **given)

    def _translated(self, one: Any) -> Any:
        if isinstance(one, FeatureFunction):
            return self._official.FeatureFunction(
                udf_name=one.udf_name, input_bindings=dict(one.input_bindings), output_name=one.output_name
            )
        if not isinstance(one, FeatureLookup):
            return one
        return self._official.FeatureLookup(
            table_name=one.table_name,
            lookup_key=list(one.lookup_key),
            feature_names=None if one.feature_names is None else list(one.feature_names),
            timestamp_lookup_key=one.timestamp_lookup_key,
            lookback_window=one.lookback_window,
            default_values=dict(one.default_values) or None,
            rename_outputs=dict(one.rename_outputs) or None,
        )
