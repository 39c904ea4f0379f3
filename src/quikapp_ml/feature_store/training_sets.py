"""Training sets: a data frame with features as they were known, from table versions that are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql.connect import functions as F  # noqa: N812 as everywhere in Spark
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.types import TimestampType

from quikapp_ml.errors import InvalidInput
from quikapp_ml.feature_store.joins import Clocks, Wanted, join_features, named
from quikapp_ml.feature_store.lookups import FeatureFunction, FeatureLookup
from quikapp_ml.feature_store.spec import FeatureSpec
from quikapp_ml.feature_store.tables import FeatureTable, read_feature_table
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.spark import SparkCompute


@dataclass(frozen=True)
class TrainingSet:
    """Rows with their features. `spec.table_versions` says from which versions, whatever is written meanwhile."""

    spec: FeatureSpec
    frame: DataFrame

    def load_df(self) -> DataFrame:
        """The columns of the data frame, the features in the order of the look-ups, and the label at the end."""
        return self.frame

    @property
    def table_versions(self) -> Mapping[str, int]:
        """Feature table → version of the Delta table that is read."""
        return self.spec.table_versions


class FeatureSource:
    """Feature tables as frames of the session of a data frame: at pinned versions, or as they are now."""

    def __init__(self, lake: Lake, compute: SparkCompute, session: Any, versions: Mapping[str, int]) -> None:
        self._lake = lake
        self._compute = compute
        self._session = session
        self._versions = versions

    def table(self, name: str) -> FeatureTable:
        """The table's keys, clocks and columns."""
        return read_feature_table(self._lake, name)

    def frame(self, name: str) -> DataFrame:
        """The table's rows."""
        return self._compute.frame(self._lake.uri(name), self._versions.get(name), self._session)


def resolve(lookup: FeatureLookup, table: FeatureTable) -> FeatureLookup:
    """The look-up with every feature named. Raises InvalidInput when it does not fit the table."""
    where = f"look-up in table {table.name}"
    if len(lookup.lookup_key) != len(table.entity_keys):
        raise InvalidInput(
            f"{where}: lookup_key is {', '.join(lookup.lookup_key)}, and the table's keys are "
            f"{', '.join(table.entity_keys)}; name a column for each, in this order"
        )
    if table.timestamp_key is not None and lookup.timestamp_lookup_key is None:
        raise InvalidInput(
            f"{where}: its values change over time ({table.timestamp_key}); name the column that holds the time of "
            "each row as timestamp_lookup_key, or a row would be told of its future"
        )
    if table.timestamp_key is None and lookup.timestamp_lookup_key is not None:
        raise InvalidInput(
            f"{where}: timestamp_lookup_key {lookup.timestamp_lookup_key} is given, and the table has no timestamp key"
        )
    chosen = tuple(lookup.feature_names) if lookup.feature_names is not None else table.features
    _refuse_unknown(f"{where}: feature", chosen, table.features)
    _refuse_unknown(f"{where}: rename_outputs", lookup.rename_outputs, chosen)
    resolved = replace(lookup, feature_names=chosen)
    _check_defaults(where, resolved, table)
    return resolved


def add_features(
    rows: DataFrame, features: Sequence[FeatureLookup | FeatureFunction], source: FeatureSource, are_given_kept: bool
) -> DataFrame:
    """The rows with all outputs. With `are_given_kept`, outputs that the rows have already are taken from there."""
    given = frozenset(rows.columns) if are_given_kept else frozenset()
    for feature in features:
        if isinstance(feature, FeatureFunction):
            if feature.output_name not in given:
                rows = _call(rows, feature)
            continue
        outputs = {name: output for name, output in outputs_of(feature).items() if output not in given}
        if outputs:
            rows = join_features(rows, _wanted(rows, feature, outputs, source))
    return rows


def outputs_of(lookup: FeatureLookup) -> dict[str, str]:
    """Feature → output name of a resolved look-up."""
    return {name: lookup.rename_outputs.get(name, name) for name in lookup.feature_names or ()}


def _wanted(rows: DataFrame, lookup: FeatureLookup, outputs: Mapping[str, str], source: FeatureSource) -> Wanted:
    table, frame = source.table(lookup.table_name), source.frame(lookup.table_name)
    where = f"look-up in table {table.name}"
    taken = [column.lower() for column in (*rows.columns, *outputs.values())]  # engines do not tell case apart
    for name, output in outputs.items():
        if taken.count(output.lower()) > 1:
            raise InvalidInput(
                f"{where}: column {output} would be there twice; give feature {name} another name by rename_outputs"
            )
    keys = list(zip(lookup.lookup_key, table.entity_keys, strict=True))
    for asked, key in keys:
        _check_type(rows, asked, frame.schema[key].dataType, f"{where}: lookup_key", key)
    return Wanted(frame, keys, outputs, lookup.default_values, _clocks(rows, lookup, table))


def _clocks(rows: DataFrame, lookup: FeatureLookup, table: FeatureTable) -> Clocks | None:
    if table.timestamp_key is None or lookup.timestamp_lookup_key is None:
        return None
    where = f"look-up in table {table.name}: timestamp_lookup_key"
    _check_type(rows, lookup.timestamp_lookup_key, TimestampType(), where, table.timestamp_key)
    windows = [window for window in (lookup.lookback_window, table.ttl) if window is not None]
    return Clocks(lookup.timestamp_lookup_key, table.timestamp_key, table.known_time_key, min(windows, default=None))


def _call(rows: DataFrame, function: FeatureFunction) -> DataFrame:
    where = f"function {function.udf_name}"
    _refuse_unknown(f"{where}: input_bindings", function.input_bindings.values(), rows.columns)
    if function.output_name.lower() in (column.lower() for column in rows.columns):
        raise InvalidInput(f"{where}: column {function.output_name} would be there twice; choose another output_name")
    columns = ("`" + column.replace("`", "``") + "`" for column in function.input_bindings.values())
    called = F.expr(f"{function.udf_name}({', '.join(columns)})").alias(function.output_name)
    result = rows.select(*(named(column) for column in rows.columns), called)
    try:
        result.schema  # noqa: B018 the engine looks the function up
    except PySparkException as error:
        raise InvalidInput(
            f"{where} of {', '.join(function.input_bindings.values())} is not possible: {error}"
        ) from error
    return result


def _check_type(rows: DataFrame, column: str, expected: Any, where: str, key: str) -> None:
    _refuse_unknown(where, [column], rows.columns)
    given = rows.schema[column].dataType
    if given != expected:
        raise InvalidInput(
            f"{where} {column} is {given.simpleString()} in the data frame, and {key} of the table is "
            f"{expected.simpleString()}; cast the column"
        )


def _check_defaults(where: str, lookup: FeatureLookup, table: FeatureTable) -> None:
    features = {output: name for name, output in outputs_of(lookup).items()}
    _refuse_unknown(f"{where}: default_values", lookup.default_values, features)
    for output, value in lookup.default_values.items():
        kind = table.columns.field(features[output]).type
        try:
            pa.scalar(value, kind)
        except (pa.ArrowException, TypeError, ValueError):
            raise InvalidInput(f"{where}: the default {value!r} of {output} is not of its type, {kind}") from None


def _refuse_unknown(what: str, given: Any, known: Any) -> None:
    unknown = [name for name in given if name not in known]
    if unknown:
        raise InvalidInput(f"{what} {', '.join(unknown)} is unknown; known are {', '.join(known)}")
