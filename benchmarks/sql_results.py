"""Rows of a large SQL answer by Arrow to the official connector, per second, beside the engine without the service."""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from databricks import sql

from quikapp_ml.connect import sql_address
from quikapp_ml.serving.local_token import read_local_token
from quikapp_ml.stores.lake import open_compute

STATEMENT = "SELECT id, id * 0.5D AS score, CAST(id AS STRING) AS name FROM range({rows})"


def rates(n_rows: int, repeats: int, ask: Callable[[], int]) -> list[float]:
    found = []
    for _ in range(repeats):
        begun = time.perf_counter()
        n = ask()
        assert n == n_rows, n
        found.append(n / (time.perf_counter() - begun))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    text = STATEMENT.format(rows=asked.rows)
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    start = import_module("support.running").start
    with tempfile.TemporaryDirectory() as folder:
        service = start(Path(folder) / "home", "up", "--users", "10", "--days", "2")
        address = sql_address(service.url, "/sql/1.0/warehouses/quikapp")
        with sql.connect(access_token=read_local_token(service.home), **address) as connection:
            cursor = connection.cursor()

            def by_connector() -> int:
                cursor.execute(text)
                n: int = cursor.fetchall_arrow().num_rows
                return n

            by_connector()
            served = rates(asked.rows, asked.repeats, by_connector)
        service.stop()
    engine = open_compute("")
    engine.query("SELECT 1", {})
    bare = rates(asked.rows, asked.repeats, lambda: int(engine.query(text, {}).num_rows))
    engine.close()
    for name, found in (("connector", served), ("engine alone", bare)):
        print(f"{name:14} {statistics.median(found):12,.0f} rows/s  ({min(found):,.0f} to {max(found):,.0f})")
    ratio = statistics.median(served) / statistics.median(bare)
    print(json.dumps({"rows_per_second": round(statistics.median(served)), "of_the_engine": round(ratio, 3)}))


if __name__ == "__main__":
    main()
