"""Time and memory of a training set by two clocks: a million rows by 20 features."""

import argparse
import os
import platform
import resource
import tempfile
import time

import numpy as np
import orjson

from quikapp_ml.feature_store import FeatureLookup, FeatureStoreClient
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.spark import SparkCompute

NAME = "quikapp_ml.features.many"
N_FEATURES = 20
START_MICROS = 1_767_225_600_000_000
SPREAD_MS = 1_000_000_000
"""Everything happens within these eleven days; values become known up to an hour later."""


def main() -> None:
    """Measure, print a table, and one line of JSON at the end."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        fs = FeatureStoreClient(open_lake(folder), SparkCompute(options.remote))
        started = time.perf_counter()
        _write(fs, options)
        writing = time.perf_counter() - started
        seconds, found = [], 0
        for _ in range(options.repeats):
            started = time.perf_counter()
            found = _training_set(fs, options)
            seconds.append(time.perf_counter() - started)
        fs.close()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{options.rows:,} rows by {N_FEATURES} features, from {options.values:,} rows of {options.users:,} entities")
    print(f"table written in {writing:.1f} s; {found:,} rows found values; peak memory {peak_mb:,.0f} MB")
    print(f"training set: median {np.median(seconds):.1f} s, {min(seconds):.1f} to {max(seconds):.1f} s")
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    facts = {"rows": options.rows, "values": options.values, "users": options.users, "repeats": options.repeats}
    results = {
        "training_set_seconds": [round(one, 2) for one in seconds],
        "writing_seconds": round(writing, 1),
        "peak_mb": round(peak_mb),
    }
    print(orjson.dumps({"benchmark": "training_sets", "machine": machine, **facts, "results": results}).decode())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows with a label")
    parser.add_argument("--values", type=int, default=1_000_000, help="rows of the feature table")
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--remote", default="", help="a Spark Connect URL; empty: Sail in this process")
    return parser.parse_args()


def _write(fs: FeatureStoreClient, options: argparse.Namespace) -> None:
    """Values in a shuffled order, so that many arrive after later ones of the same entity."""
    values = fs.spark.range(options.values).selectExpr(
        f"concat('U', id % {options.users}) AS user_id",
        f"timestamp_micros({START_MICROS} + (id * 104729 % {SPREAD_MS}) * 1000 + id % 1000) AS event_time",
        f"timestamp_micros({START_MICROS} + (id * 104729 % {SPREAD_MS} + id % 3600000) * 1000 + 999) AS ingest_time",
        *(f"CAST(id + {index} AS DOUBLE) AS feature_{index}" for index in range(N_FEATURES)),
    )
    fs.create_table(NAME, ["user_id", "event_time"], values, timestamp_keys="event_time")


def _training_set(fs: FeatureStoreClient, options: argparse.Namespace) -> int:
    labels = fs.spark.range(options.rows).selectExpr(
        f"concat('U', id % {options.users}) AS user_id",
        f"timestamp_micros({START_MICROS} + (id * 7919 % {SPREAD_MS}) * 1000) AS at",
        "id % 2 AS label",
    )
    lookup = FeatureLookup(NAME, "user_id", timestamp_lookup_key="at")
    rows = fs.create_training_set(labels, [lookup], label="label").load_df().toArrow()
    if rows.num_rows != options.rows:
        raise SystemExit(f"{rows.num_rows} rows came back of {options.rows}")
    return int(rows.num_rows - rows.column("feature_0").null_count)


if __name__ == "__main__":
    main()
