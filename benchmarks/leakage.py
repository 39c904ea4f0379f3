"""What joining by one clock would have pretended: AUC with features that were not known yet, and without."""

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from quikapp_ml.feature_store import FeatureLookup, FeatureStoreClient
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.spark import SparkCompute

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 60
ACTIVITY = "quikapp_ml.features.activity"
COMPLAINTS = "quikapp_ml.features.complaints"
FEATURES = ("activity", "complained")
Arrays = Mapping[str, np.ndarray[Any, Any]]


def main() -> None:
    """Measure for several seeds, print a table, and one line of JSON at the end."""
    options = _options()
    compute = SparkCompute()
    runs = [_run(compute, seed, options) for seed in range(options.seed, options.seed + options.repeats)]
    compute.close()
    print(f"{options.rows:,} rows of {options.users} people over {DAYS} days, {options.repeats} seeds")
    print(f"{'':44}{'median':>9}{'least':>9}{'most':>9}")
    results = {name: [round(run[name], 4) for run in runs] for name in runs[0]}
    for name, found in results.items():
        print(f"{name.replace('_', ' '):44}{np.median(found):9.3f}{min(found):9.3f}{max(found):9.3f}")
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    facts = {"rows": options.rows, "users": options.users, "repeats": options.repeats, "seed": options.seed}
    print(orjson.dumps({"benchmark": "leakage", "machine": machine, **facts, "results": results}).decode())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000, help="rows with a label")
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=5)
    return parser.parse_args()


def _run(compute: SparkCompute, seed: int, options: argparse.Namespace) -> dict[str, float]:
    labels, activity, complaints = _history(np.random.default_rng(seed), options)
    started = time.perf_counter()
    one_clock = _training_set(compute, labels, activity, complaints, known_time_key=None)
    two_clocks = _training_set(compute, labels, activity, complaints, known_time_key="ingest_time")
    seconds = time.perf_counter() - started
    is_early = two_clocks["day"] < DAYS * 0.7
    pretended = LogisticRegression().fit(_matrix(one_clock)[is_early], one_clock["label"][is_early])
    honest = LogisticRegression().fit(_matrix(two_clocks)[is_early], two_clocks["label"][is_early])
    return {
        "AUC_pretended_by_one_clock": _auc(pretended, one_clock, ~is_early),
        "AUC_of_that_model_on_what_was_known": _auc(pretended, two_clocks, ~is_early),
        "AUC_learnt_and_measured_by_two_clocks": _auc(honest, two_clocks, ~is_early),
        "share_of_rows_told_of_the_future": float(np.mean(one_clock["complained"] != two_clocks["complained"])),
        "seconds_for_both_training_sets": seconds,
    }


def _history(random: np.random.Generator, options: argparse.Namespace) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Labels of rows; activity, known at once, which tells a little; complaints, which come in days later."""
    temper = random.normal(size=options.users)
    user = random.integers(options.users, size=options.rows)
    day = np.sort(random.uniform(1, DAYS, options.rows))
    label = random.random(options.rows) < 1 / (1 + np.exp(1.5 - temper[user]))
    labels = {"row": np.arange(options.rows), "user_id": _names(user), "at": _times(day), "day": day, "label": label}

    n_days = DAYS * options.users
    each, morning = np.tile(np.arange(options.users), DAYS), np.repeat(np.arange(DAYS), options.users)
    measured = temper[each] + random.normal(scale=1.5, size=n_days)
    activity = {"user_id": _names(each), "event_time": _times(morning), "ingest_time": _times(morning)}

    complained = random.random(options.rows) < np.where(label, 0.6, 0.03)
    happened = (day - 1 / 24)[complained]
    known = happened + random.exponential(2.0, complained.sum())
    complaints = {"user_id": _names(user[complained]), "event_time": _times(happened), "ingest_time": _times(known)}
    return (
        pa.table(labels),
        pa.table({**activity, "activity": measured}),
        pa.table({**complaints, "complained": np.ones(complained.sum())}),
    )


def _training_set(
    compute: SparkCompute, labels: pa.Table, activity: pa.Table, complaints: pa.Table, known_time_key: str | None
) -> Arrays:
    with tempfile.TemporaryDirectory() as folder:
        fs = FeatureStoreClient(open_lake(folder), compute)
        for name, rows in ((ACTIVITY, activity), (COMPLAINTS, complaints)):
            fs.create_table(
                name, ["user_id", "event_time"], fs.spark.createDataFrame(rows),
                timestamp_keys="event_time", known_time_key=known_time_key,
            )  # fmt: skip
        lookups = [
            FeatureLookup(ACTIVITY, "user_id", "activity", "at", default_values={"activity": 0.0}),
            FeatureLookup(COMPLAINTS, "user_id", "complained", "at", timedelta(days=1), {"complained": 0.0}),
        ]
        training_set = fs.create_training_set(fs.spark.createDataFrame(labels), lookups, label="label")
        rows = training_set.load_df().toArrow().sort_by("row")
    return {name: rows.column(name).to_numpy() for name in ("day", *FEATURES, "label")}


def _matrix(rows: Arrays) -> np.ndarray[Any, Any]:
    return np.column_stack([rows[name] for name in FEATURES])


def _auc(model: LogisticRegression, rows: Arrays, chosen: np.ndarray[Any, Any]) -> float:
    return float(roc_auc_score(rows["label"][chosen], model.predict_proba(_matrix(rows)[chosen])[:, 1]))


def _names(users: np.ndarray[Any, Any]) -> list[str]:
    return [f"U{user:05}" for user in users]


def _times(days: np.ndarray[Any, Any]) -> pa.Array:
    return pa.array([START + timedelta(days=float(day)) for day in days], pa.timestamp("us", tz="UTC"))


if __name__ == "__main__":
    main()
