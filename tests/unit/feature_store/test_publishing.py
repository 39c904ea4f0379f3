import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from quikapp_ml.errors import Conflict, InvalidInput, NotFound, StorageFailed
from quikapp_ml.feature_store.publishing import DOCUMENTS_A_WRITE, publish, publish_newest, read_published, unpublish
from quikapp_ml.feature_store.tables import FeatureTable
from quikapp_ml.stores.online.base import Changes
from quikapp_ml.stores.online.memory import MemoryOnlineStore
from quikapp_ml.stores.online.published import published_tables, read_mark
from quikapp_ml.stores.online.sqlite import SQLiteOnlineStore

NAME = "quikapp_ml.features.people"
TIME = pa.timestamp("us", tz="UTC")
NOW = datetime(2026, 11, 1, 12, 0, 0, 123456, UTC)
MINUTE = timedelta(minutes=1)
PLAIN = FeatureTable(
    NAME, ("id", "day"), version=1,
    columns=pa.schema([("id", pa.int64()), ("day", pa.date32()), ("x", pa.float64()), ("words", pa.list_(pa.string())),
                       ("at", TIME), ("vector", pa.list_(pa.float64())), ("yes", pa.bool_())]),
)  # fmt: skip
TIMED = FeatureTable(
    NAME, ("id", "at"), ("at",), "known", timedelta(hours=1), version=1,
    columns=pa.schema([("id", pa.string()), ("at", TIME), ("known", TIME), ("n", pa.int64())]),
)  # fmt: skip


def timed(*rows: tuple[str, int, int, int]) -> pa.Table:
    """Rows of id, minutes since it happened, minutes since it was known, and value."""
    found = [{"id": i, "at": NOW - at * MINUTE, "known": NOW - known * MINUTE, "n": n} for i, at, known, n in rows]
    return pa.Table.from_pylist(found, schema=TIMED.columns)


def read(online: MemoryOnlineStore, *ids: str, now: datetime = NOW) -> list[Any]:
    found = read_published(online, NAME, [{"id": one} for one in ids], None, now)
    return [one.values.get("n") if one.status == "present" else one.status for one in found]


def test_every_type_comes_back_as_it_was() -> None:
    online, day = MemoryOnlineStore(), date(2026, 2, 28)
    rows = [
        {"id": 2**62, "day": day, "x": float("inf"), "words": ["é", None], "at": NOW, "vector": [], "yes": True},
        {"id": 2, "day": day, "x": None, "words": None, "at": None, "vector": [1.5, float("-inf")], "yes": None},
    ]
    assert publish(PLAIN, pa.Table.from_pylist(rows, schema=PLAIN.columns), online, NOW, overwrite=False) == 2
    found = read_published(online, NAME, [{"id": 2**62, "day": day}, {"day": day, "id": 2}], None, NOW)
    features = ("x", "words", "at", "vector", "yes")
    assert [dict(one.values) for one in found] == [{name: row[name] for name in features} for row in rows]
    assert {one.status for one in found} == {"present"}
    (some,) = read_published(online, NAME, [{"id": 2, "day": day}], ["yes", "x"], NOW)
    assert list(some.values) == ["yes", "x"]


def test_the_newest_that_happened_and_was_known_by_now_is_published() -> None:
    online = MemoryOnlineStore()
    rows = timed(("a", 9, 9, 1), ("a", 5, 5, 2), ("a", 5, 4, 3), ("a", 5, -9, 4), ("a", 7, 1, 5), ("b", -1, 0, 6))
    assert publish(TIMED, rows, online, NOW, overwrite=False) == 1
    assert read(online, "a", "b") == [3, "not_found"]
    assert publish(TIMED, rows, online, NOW + 10 * MINUTE, overwrite=False) == 2
    assert read(online, "a", "b") == [4, 6]


def test_a_value_holds_for_its_ttl_and_no_longer() -> None:
    online = MemoryOnlineStore()
    publish(TIMED, timed(("a", 5, 5, 2)), online, NOW, overwrite=False)
    assert read(online, "a", now=NOW + 55 * MINUTE) == [2]
    assert read(online, "a", now=NOW + 55 * MINUTE + timedelta(microseconds=1)) == ["expired"]


def test_a_merge_keeps_what_is_gone_from_the_table_and_an_overwrite_does_not() -> None:
    online = MemoryOnlineStore()
    publish(TIMED, timed(("a", 5, 5, 1), ("b", 5, 5, 2)), online, NOW, overwrite=False)
    assert publish(TIMED, timed(("b", 4, 4, 3)), online, NOW, overwrite=False) == 1
    assert read(online, "a", "b") == [1, 3]
    publish(TIMED, timed(("b", 4, 4, 3)), online, NOW, overwrite=True)
    assert read(online, "a", "b") == ["not_found", 3]
    unpublish(online, NAME)
    with pytest.raises(NotFound, match="is not published"):
        read(online, "b")


class FailingStore(MemoryOnlineStore):
    """Takes so many writes."""

    writes = 1

    def write(self, changes: Changes, checkpoint: int | None = None) -> None:
        self.writes -= 1
        if self.writes < 0:
            raise StorageFailed("full")
        super().write(changes, checkpoint)


def test_a_run_that_was_cut_off_is_made_whole_by_the_next() -> None:
    online = FailingStore()
    rows = timed(*((f"u{n}", 5, 5, n) for n in range(DOCUMENTS_A_WRITE + 5)))
    with pytest.raises(StorageFailed):
        publish(TIMED, rows, online, NOW, overwrite=False)
    with pytest.raises(NotFound, match="is not published"):
        read(online, "u1")
    online.writes = 9
    assert publish(TIMED, rows, online, NOW, overwrite=False) == 5
    assert read(online, "u1", f"u{DOCUMENTS_A_WRITE + 4}") == [1, DOCUMENTS_A_WRITE + 4]


def test_keys_and_features_that_are_not_there_are_refused() -> None:
    online = MemoryOnlineStore()
    publish(TIMED, timed(("a", 5, 5, 1)), online, NOW, overwrite=False)
    with pytest.raises(InvalidInput, match=r"keys\.0: key of table .*people: id is lacking; its keys are id"):
        read_published(online, NAME, [{"user": "a"}], None, NOW)
    with pytest.raises(InvalidInput, match="people has no published feature m; it has n"):
        read_published(online, NAME, [{"id": "a"}], ["m"], NOW)


def test_a_type_that_has_no_online_form_is_refused() -> None:
    table = FeatureTable(NAME, ("id",), columns=pa.schema([("id", pa.string()), ("d", pa.decimal128(5, 2))]))
    with pytest.raises(InvalidInput, match=r"column d of table .*people is decimal128\(5, 2\), which cannot be"):
        publish(table, table.columns.empty_table(), MemoryOnlineStore(), NOW, overwrite=False)


@pytest.mark.parametrize("seed", range(5))
def test_of_runs_at_once_the_newest_rows_win(tmp_path: Path, seed: int) -> None:
    """Two runs over one SQLite store while the table goes on: whoever ends last, the newest is published."""
    versions = [(f"u{n}", 5, 5, version) for version in range(4) for n in range(30)]
    tables = [(replace(TIMED, version=v), timed(*versions[v * 30 : v * 30 + 30])) for v in range(4)]
    at = [0]

    def newest() -> tuple[FeatureTable, pa.Table]:
        return tables[at[0]]

    def run(stores: SQLiteOnlineStore) -> None:
        publish_newest(newest, stores, lambda: NOW, overwrite=False)

    one, other = SQLiteOnlineStore(tmp_path / "o.db"), SQLiteOnlineStore(tmp_path / "o.db")
    with ThreadPoolExecutor(4) as pool:
        running = []
        for version in range(4):
            at[0] = version
            running += [pool.submit(run, store) for store in (one, other)]
            time.sleep(0.001 * seed)
        for each in running:
            each.result(20)
    found = read_published(one, NAME, [{"id": f"u{n}"} for n in range(30)], None, NOW)
    assert {value.values["n"] for value in found} == {3}
    assert read_mark(other, NAME).version == 3
    assert publish_newest(newest, other, lambda: NOW, overwrite=True) == 0
    one.close()
    other.close()


def test_a_table_that_never_rests_is_told_as_a_conflict() -> None:
    numbers = count()

    def newest() -> tuple[FeatureTable, pa.Table]:
        return TIMED, timed(("a", 5, 5, next(numbers)))

    with pytest.raises(Conflict, match="written anew during each of 20 passes"):
        publish_newest(newest, MemoryOnlineStore(), lambda: NOW, overwrite=False)


def test_what_is_published_is_listed_with_its_time() -> None:
    online = MemoryOnlineStore()
    assert published_tables(online) == {}
    publish(TIMED, timed(("a", 5, 5, 1)), online, NOW, overwrite=False)
    ((name, (mark, at)),) = published_tables(online).items()
    assert (name, mark.version, dict(mark.features), at) == (NAME, 1, {"n": "integer"}, NOW.timestamp())
