"""Joins of features to the rows of a data frame: by key, or as they were known at the row's time.

The two clocks: a feature row can be seen from max(happened, known) on; of those seen, the one that happened last
counts, and of its corrections the one known last. One pass finds it: rows and features of a key in the order of when
they can be seen, with a running maximum of (happened, known). Written for the common ground of Sail and Apache Spark.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pyspark.sql.connect import functions as F  # noqa: N812 as everywhere in Spark
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.window import Window

_MARK_TYPE = "struct<happened: bigint, known: bigint>"
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Clocks:
    """Columns of time: of the row that asks, and of the features that answer."""

    asked: str
    happened: str
    known: str | None
    window: timedelta | None = None
    """How long before the row's time a value may have happened, that moment included."""


@dataclass(frozen=True)
class Wanted:
    """Features to join: their frame, its keys by the row's, feature → output name, and what stands for null."""

    frame: DataFrame
    keys: Sequence[tuple[str, str]]
    outputs: Mapping[str, str]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    clocks: Clocks | None = None


def join_features(rows: DataFrame, wanted: Wanted) -> DataFrame:
    """The rows, each once, with the outputs as further columns; null, or the default, where there is no value."""
    if wanted.clocks is None:
        keys = [named(key).alias(_joined(index)) for index, (_, key) in enumerate(wanted.keys)]
        values = wanted.frame.select(*keys, *_values(wanted))
        found = rows.join(
            values, _all(named(key) == F.col(_joined(n)) for n, (key, _) in enumerate(wanted.keys)), "left"
        )
        return found.select(*_columns(rows), *_outputs(wanted))
    marked = _marked(rows, wanted, wanted.clocks)
    keys = [named(key).alias(_joined(index)) for index, (_, key) in enumerate(wanted.keys)]
    happened, known = _micros(wanted.clocks)
    values = wanted.frame.select(*keys, happened.alias("__fs_happened"), known.alias("__fs_known"), *_values(wanted))
    same = [F.col(_asked(index)) == F.col(_joined(index)) for index in range(len(wanted.keys))]
    same += [F.col("__fs_best_happened") == F.col("__fs_happened"), F.col("__fs_best_known") == F.col("__fs_known")]
    return marked.join(values, _all(same), "left").select(*_columns(rows), *_outputs(wanted))


def named(column: str) -> Column:
    """A column by its whole name, whatever characters it holds."""
    return F.col("`" + column.replace("`", "``") + "`")


def _marked(rows: DataFrame, wanted: Wanted, clocks: Clocks) -> DataFrame:
    """The rows with their keys and, of the newest feature row that each can see, when it happened and was known."""
    happened, known = _micros(clocks)
    asking = rows.select(
        *_columns(rows),
        *(named(key).alias(_asked(index)) for index, (key, _) in enumerate(wanted.keys)),
        F.unix_micros(named(clocks.asked)).alias("__fs_at"),
        F.lit(None).cast(_MARK_TYPE).alias("__fs_mark"),
        F.lit(True).alias("__fs_asks"),
    )
    answering = wanted.frame.select(
        *(F.lit(None).cast(each.dataType).alias(each.name) for each in rows.schema),
        *(named(key).alias(_asked(index)) for index, (_, key) in enumerate(wanted.keys)),
        F.greatest(happened, known).alias("__fs_at"),
        F.struct(happened.alias("happened"), known.alias("known")).cast(_MARK_TYPE).alias("__fs_mark"),
        F.lit(False).alias("__fs_asks"),
    )
    keys = [_asked(index) for index in range(len(wanted.keys))]
    so_far = Window.partitionBy(*keys).orderBy("__fs_at").rangeBetween(Window.unboundedPreceding, Window.currentRow)
    seen = asking.unionAll(answering).withColumn("__fs_best", F.max("__fs_mark").over(so_far)).where("__fs_asks")
    best = F.col("__fs_best.happened")
    if clocks.window is not None:
        best = F.when(F.col("__fs_at") - best <= clocks.window // _MICROSECOND, best)
    carried = [*_columns(rows), *(F.col(key) for key in keys)]
    return seen.select(*carried, best.alias("__fs_best_happened"), F.col("__fs_best.known").alias("__fs_best_known"))


def _micros(clocks: Clocks) -> tuple[Column, Column]:
    happened = F.unix_micros(named(clocks.happened))
    return happened, happened if clocks.known is None else F.unix_micros(named(clocks.known))


def _columns(rows: DataFrame) -> list[Column]:
    return [named(column) for column in rows.columns]


def _values(wanted: Wanted) -> list[Column]:
    return [named(feature).alias(f"__fs_value_{index}") for index, feature in enumerate(wanted.outputs)]


def _outputs(wanted: Wanted) -> list[Column]:
    columns = []
    for index, (feature, output) in enumerate(wanted.outputs.items()):
        value = F.col(f"__fs_value_{index}")
        if output in wanted.defaults:
            kind = wanted.frame.schema[feature].dataType
            value = F.coalesce(value, F.lit(wanted.defaults[output]).cast(kind))
        columns.append(value.alias(output))
    return columns


def _all(conditions: Any) -> Column:
    first, *others = conditions
    for condition in others:
        first = first & condition
    return first


def _asked(index: int) -> str:
    return f"__fs_asked_{index}"


def _joined(index: int) -> str:
    return f"__fs_joined_{index}"
