"""The same features in Feast, for `online_features`: run by a Python that has Feast, never by ours.

`feast_store.py FOLDER N_USERS N_FEATURES` makes a store that `feast serve` can open; then, for each line with the JSON
`[n_keys, first, end]`, it reads as often as there are numbers and prints the seconds of each read.
"""

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource  # type: ignore[import-not-found]
from feast.types import Float64  # type: ignore[import-not-found]
from feast.value_type import ValueType  # type: ignore[import-not-found]

VIEW = "bench"
SETTINGS = """\
project: bench
provider: local
registry: registry.db
online_store:
  type: sqlite
  path: online.db
entity_key_serialization_version: 3
"""


def main() -> None:
    """Make the store, and measure for every line."""
    folder, n_users, n_features = Path(sys.argv[1]), *(int(each) for each in sys.argv[2:4])
    store = make(folder, n_users, n_features)
    names = [f"{VIEW}:f{k}" for k in range(n_features)]
    for line in sys.stdin:
        n_keys, first, end = json.loads(line)
        print(json.dumps(measured(store, names, n_users, n_keys, range(first, end))), flush=True)


def make(folder: Path, n_users: int, n_features: int) -> Any:
    """A store with values of all users, online."""
    folder.mkdir(parents=True)
    (folder / "feature_store.yaml").write_text(SETTINGS)
    rows = {"user_id": [f"u{n}" for n in range(n_users)], "at": datetime.now(UTC)}
    values = {f"f{k}": [n / (k + 1) for n in range(n_users)] for k in range(n_features)}
    frame = pd.DataFrame({**rows, **values})
    frame.to_parquet(folder / "rows.parquet")
    user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)
    view = FeatureView(
        name=VIEW,
        entities=[user],
        ttl=timedelta(days=1),
        schema=[Field(name=name, dtype=Float64) for name in values],
        source=FileSource(path=str(folder / "rows.parquet"), timestamp_field="at"),
    )
    store = FeatureStore(repo_path=str(folder))
    store.apply([user, view])
    store.write_to_online_store(VIEW, frame)
    return store


def measured(store: Any, names: list[str], n_users: int, n_keys: int, numbers: range) -> list[float]:
    """Seconds of each read."""
    seconds = []
    for number in numbers:
        keys = [{"user_id": f"u{(number * n_keys + k) * 7919 % n_users}"} for k in range(n_keys)]
        began = time.perf_counter()
        store.get_online_features(features=names, entity_rows=keys).to_dict()
        seconds.append(time.perf_counter() - began)
    return seconds


if __name__ == "__main__":
    main()
