"""The feature store: tables of features, training sets as things were known, models that know their features."""

import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, cast

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.pandas.types import to_arrow_schema

from quikapp_ml.errors import AlreadyExists, InvalidInput, JobFailed
from quikapp_ml.feature_store import publishing, scoring
from quikapp_ml.feature_store.joins import named
from quikapp_ml.feature_store.lookups import FeatureFunction, FeatureLookup, as_names
from quikapp_ml.feature_store.publishing import OnlineFeatureValues
from quikapp_ml.feature_store.spec import FeatureSpec
from quikapp_ml.feature_store.tables import FeatureTable, check_declaration, read_feature_table, read_newest, rows_for
from quikapp_ml.feature_store.training_sets import FeatureSource, TrainingSet, add_features, resolve
from quikapp_ml.models.base import Model
from quikapp_ml.stores.lake import open_compute
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.spark import SparkCompute
from quikapp_ml.stores.online.base import OnlineStore
from quikapp_ml.stores.registry.base import ModelRegistry, ModelVersion, NewVersion

Mode = Literal["merge", "overwrite"]


class FeatureStoreClient:
    """Feature tables in a lake, for Spark data frames: of the engine given (Sail in process by default), or any other.

    Rows go through this process (Arrow) and are committed by delta-rs; look-ups are computed by the engine.
    """

    def __init__(
        self,
        lake: Lake,
        compute: SparkCompute | None = None,
        *,
        registry: ModelRegistry | None = None,
        online: OnlineStore | None = None,
    ) -> None:
        self._lake = lake
        self._compute = compute or cast(SparkCompute, open_compute())
        self._registry = registry
        self._online = online

    @property
    def spark(self) -> Any:
        """The session of the engine, to make data frames with."""
        return self._compute.session()

    def create_table(  # noqa: PLR0913 the arguments that users of Databricks know, and two of ours
        self,
        name: str,
        primary_keys: str | Sequence[str],
        df: DataFrame | None = None,
        *,
        timestamp_keys: str | Sequence[str] | None = None,
        schema: Any = None,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        known_time_key: str | None = "ingest_time",
        ttl: timedelta | None = None,
    ) -> FeatureTable:
        """Make a table of the columns of `df`, with its rows, or of a Spark `schema`.

        With `timestamp_keys` (one column, one of the primary keys) values have times, and `known_time_key` names the
        column that says when each became known; None declares that each was known the moment it happened. `ttl` says
        how long a value holds. Raises AlreadyExists, and InvalidInput naming table and column.
        """
        if (df is None) == (schema is None):
            raise InvalidInput(f"table {name}: give either df or schema")
        times = as_names(timestamp_keys) if timestamp_keys else ()
        table = FeatureTable(
            name=name,
            primary_keys=as_names(primary_keys),
            timestamp_keys=times,
            known_time_key=known_time_key if times else None,
            ttl=ttl,
            description=description,
            tags=dict(tags or {}),
            columns=to_arrow_schema(schema if df is None else df.schema),
        )
        if self._lake.exists(name):
            raise AlreadyExists(f"table {name} is there already; write to it, or drop it first")
        check_declaration(table)
        rows = None if df is None else rows_for(table, _collected(df, name))
        self._lake.create(table.declared())
        if rows is not None:
            self._lake.merge(name, rows, table.identity)
        return self.get_table(name)

    def write_table(self, name: str, df: DataFrame, mode: Mode = "merge") -> int:
        """Write rows in one commit and return the table's version.

        `merge` updates the columns given of rows with the same key and adds the others; `overwrite` replaces all rows.
        Raises NotFound, and InvalidInput naming table, column and what was given.
        """
        if mode not in ("merge", "overwrite"):
            raise InvalidInput(f"mode {mode!r} of writing to table {name} must be 'merge' or 'overwrite'")
        table = self.get_table(name)
        rows = rows_for(table, _collected(df, name))
        if mode == "overwrite":
            return self._lake.overwrite(name, rows)
        return self._lake.merge(name, rows, table.identity)

    def read_table(self, name: str, version: int | None = None) -> DataFrame:
        """All rows, as they are now or were at a version. Raises NotFound."""
        columns = self.get_table(name).columns.names
        return self._compute.frame(self._lake.uri(name), version).select(*map(named, columns))

    def get_table(self, name: str) -> FeatureTable:
        """Keys, clocks, columns and version of a table. Raises NotFound, also for tables that are no feature tables."""
        return read_feature_table(self._lake, name)

    def drop_table(self, name: str) -> None:
        """Take a table away: its versions, and what is published of it in the client's online store."""
        self.get_table(name)
        if self._online is not None:
            publishing.unpublish(self._online, name)
        self._lake.drop(name)

    def create_training_set(
        self,
        df: DataFrame,
        feature_lookups: Sequence[FeatureLookup | FeatureFunction],
        label: str | Sequence[str] | None,
        exclude_columns: Sequence[str] | None = None,
        *,
        table_versions: Mapping[str, int] | None = None,
    ) -> TrainingSet:
        """Each row of `df` once, with its features as they had happened and were known at the row's time.

        Tables are read at their versions of now, or at `table_versions`: those of an earlier set give its rows again.
        Raises NotFound and InvalidInput naming table and column.
        """
        labels = as_names(label) if label else ()
        _check_label(df, labels, feature_lookups)
        tables = {one.table_name: self.get_table(one.table_name) for one in _lookups(feature_lookups)}
        versions = {name: (table_versions or {}).get(name, table.version or 0) for name, table in tables.items()}
        resolved = tuple(
            resolve(one, tables[one.table_name]) if isinstance(one, FeatureLookup) else one for one in feature_lookups
        )
        source = FeatureSource(self._lake, self._compute, df.sparkSession, versions)
        frame = add_features(df, resolved, source, are_given_kept=False)
        spec = FeatureSpec(resolved, labels, tuple(exclude_columns or ()), versions)
        return TrainingSet(spec, _arranged(frame, spec))

    def log_model(  # noqa: PLR0913 the arguments that users of Databricks know, and four of ours
        self,
        model: Model,
        *,
        training_set: TrainingSet,
        registered_model_name: str | None = None,
        semantic_version: str | None = None,
        metrics: Mapping[str, float] | None = None,
        card: str | None = None,
        feature_service: str | None = None,
    ) -> ModelVersion:
        """Register a model with the specification of its features and the versions of their tables.

        Models are subclasses of `quikapp_ml.models.base.Model`: nothing is pickled. The semantic version is the next
        patch by default; `feature_service`, a name for these features, is that of the model.
        """
        registry = self._require_registry()
        with tempfile.TemporaryDirectory(prefix="quikapp-ml-model-") as folder:
            model_class = scoring.save_model(model, training_set.spec, card, Path(folder))
            name = registered_model_name or model.name
            version = NewVersion(
                name=name,
                folder=Path(folder),
                model_class=model_class,
                semantic_version=semantic_version or scoring.next_version(registry.versions(name)),
                metrics=dict(metrics or {}),
                table_versions=dict(training_set.table_versions),
                tags=training_set.spec.service(feature_service or name).tags(),
            )
            return registry.register(version)

    def score_batch(self, model_uri: str, df: DataFrame) -> DataFrame:
        """Answers of a logged model to rows that need only its keys and times: `models:/NAME/NUMBER` or `…/NAME@ALIAS`.

        Features are looked up as the model was taught, in the tables as they are now; those that `df` has already are
        taken from it. The answer is column `prediction`, or the model's columns by name when it gives several.
        """
        with tempfile.TemporaryDirectory(prefix="quikapp-ml-model-") as folder:
            model, spec = scoring.load_model(self._require_registry(), model_uri, Path(folder))
        source = FeatureSource(self._lake, self._compute, df.sparkSession, {})
        return scoring.predict(model, add_features(df, spec.features, source, are_given_kept=True))

    def publish_table(self, name: str, online_store: OnlineStore | None = None, mode: Mode = "merge") -> int:
        """Bring the newest known values of each entity to the online store, and return how many were changed.

        `overwrite` also takes away entities that the table no longer has.
        """
        if mode not in ("merge", "overwrite"):
            raise InvalidInput(f"mode {mode!r} of publishing table {name} must be 'merge' or 'overwrite'")
        return publishing.publish_newest(
            lambda: read_newest(self._lake, name),
            self._require_online(online_store),
            lambda: datetime.now(UTC),
            overwrite=mode == "overwrite",
        )

    def read_online(
        self,
        name: str,
        keys: Sequence[Mapping[str, Any]],
        feature_names: Sequence[str] | None = None,
        online_store: OnlineStore | None = None,
    ) -> list[OnlineFeatureValues]:
        """Published values of entities: `present`, `not_found`, or `expired` when older than the table's ttl."""
        online = self._require_online(online_store)
        return publishing.read_published(online, name, keys, feature_names, datetime.now(UTC))

    def close(self) -> None:
        """Give the engine back; frames made with it can no longer be read."""
        self._compute.close()

    def _require_registry(self) -> ModelRegistry:
        if self._registry is None:
            raise InvalidInput("this client knows no model registry; give one: FeatureStoreClient(…, registry=…)")
        return self._registry

    def _require_online(self, given: OnlineStore | None) -> OnlineStore:
        online = given or self._online
        if online is None:
            raise InvalidInput("this client knows no online store; give one as online_store")
        return online


def _lookups(features: Sequence[FeatureLookup | FeatureFunction]) -> list[FeatureLookup]:
    return [one for one in features if isinstance(one, FeatureLookup)]


def _check_label(df: DataFrame, labels: tuple[str, ...], features: Sequence[FeatureLookup | FeatureFunction]) -> None:
    lacking = [label for label in labels if label not in df.columns]
    if lacking:
        raise InvalidInput(f"label {', '.join(lacking)} is no column of the data frame; it has {', '.join(df.columns)}")
    for one in features:
        read = one.lookup_key if isinstance(one, FeatureLookup) else one.input_bindings.values()
        told = [label for label in labels if label in read]
        if told:
            raise InvalidInput(
                f"label {', '.join(told)} cannot be read by a look-up or function: it is to be predicted"
            )


def _arranged(frame: DataFrame, spec: FeatureSpec) -> DataFrame:
    unknown = [name for name in spec.exclude_columns if name not in frame.columns or name in spec.label]
    if unknown:
        raise InvalidInput(f"exclude_columns {', '.join(unknown)}: no such column but the label; {frame.columns}")
    left = [name for name in frame.columns if name not in spec.exclude_columns and name not in spec.label]
    return frame.select(*map(named, (*left, *spec.label)))


def _collected(df: DataFrame, name: str) -> pa.Table:
    try:
        return df.toArrow()
    except PySparkException as error:
        raise JobFailed(f"the rows for table {name} could not be computed: {error}") from error
