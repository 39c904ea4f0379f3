"""Built night by night, the tables hold what one build of the whole log makes; cut off at any moment, too."""

import math
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from quikapp_ml.entities.events import Event, parse_event
from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.serving.erasure import Erasure
from quikapp_ml.stores.lake import open_compute, open_lake
from quikapp_ml.stores.lake.base import Compute, Lake, Transaction
from quikapp_ml.stores.lake.deltars import DeltaLake
from quikapp_ml.stores.lake.tables import ACTIVITIES, EVENTS, MESSAGES
from quikapp_ml.training.build_log import BUILDS
from quikapp_ml.training.feature_history import FEATURE_TABLES
from quikapp_ml.training.feature_parts import CHANGES
from quikapp_ml.training.silver import SILVER, build_silver
from support.logs import LOG_END, LOG_START, late, random_log, table_of

HALF_A_DAY = timedelta(hours=12)
FEATURES = [FEATURE_TABLES[view.name] for view in FEATURE_VIEWS]


@pytest.fixture(scope="module")
def compute() -> Iterator[Compute]:
    engine = open_compute()
    yield engine
    engine.close()


def a_log(seed: int, n_events: int) -> list[Event]:
    """A random log with late events; some messages come twice, of which a few earlier ones are learnt of last.

    Of every other seed many things happen at one and the same time.
    """
    rng = Random(seed)
    told = [*random_log(seed, n_events), *(fact(rng, number) for number in range(n_events // 20))]
    if seed % 2:
        times = [LOG_START + (one.event_time - LOG_START) // HALF_A_DAY * HALF_A_DAY for one in told]
        told = [one.model_copy(update={"event_time": at}) for one, at in zip(told, times, strict=True)]
    again = [
        one.model_copy(
            update={
                "event_id": f"{one.event_id} again",
                "event_time": one.event_time + timedelta(hours=rng.choice((-300, -1, 1, 300))),
            }
        )
        for one in told
        if rng.random() < 0.1
    ]
    return late(sorted([*told, *again], key=lambda one: one.event_time), seed, most_places=n_events / 3)


def fact(rng: Random, number: int) -> Event:
    """Something told of a person or a channel."""
    kind = rng.choice(("user_updated", "role_changed", "channel_renamed", "channel_archived"))
    at = LOG_END - timedelta(days=70 * rng.random())
    person, channel = f"u{rng.randrange(8)}", f"c{rng.randrange(4)}"
    given: dict[str, Any] = {"type": kind, "event_id": f"f{number}", "event_time": at.isoformat(), "user_id": person}
    match kind:
        case "user_updated":
            given |= {"name": f"name {number % 3}", "is_deleted": rng.random() < 0.3}
        case "role_changed":
            given |= {"role": rng.choice(("admin", "member"))}
        case "channel_renamed":
            given |= {"channel_id": channel, "name": f"channel {number % 3}"}
        case _:
            given |= {"channel_id": channel, "removed": rng.random() < 0.5}
    return parse_event(given, now=LOG_END)


def in_nights(events: Sequence[Event], seed: int, n_nights: int, first: float = 0.0) -> list[Sequence[Event]]:
    """The log cut in random places, after the first share of it; some nights are short, and some are empty."""
    rng = Random(seed)
    cuts = sorted(rng.randrange(int(len(events) * first), len(events) + 1) for _ in range(n_nights - 1))
    return [events[start:end] for start, end in zip([0, *cuts], [*cuts, len(events)], strict=True)]


def tell(lake: Lake, nights: Sequence[Sequence[Event]], first: int = 0) -> None:
    """Append the events of each night, as they were learnt of."""
    for number, night in enumerate(nights, first):
        lake.append(EVENTS.name, table_of(night, LOG_END - timedelta(days=20 - number)))


def opened(folder: Path) -> Lake:
    lake = open_lake(str(folder))
    lake.ensure(EVENTS)
    return lake


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    return sorted(table.to_pylist(), key=lambda row: [str(value) for value in row.values() if type(value) is not float])


def agree(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-290) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


def assert_same_tables(lake: Lake, clean: Lake, n_builds: int = 1) -> None:
    """Every table holds the same rows; feature tables also those of the builds before the last."""
    for table in (*SILVER, *FEATURES):
        found, expected = lake.read(table.name), clean.read(table.name)
        if table in FEATURES:
            newest = pa.compute.equal(found["as_of"], pa.scalar(LOG_END, found["as_of"].type))
            assert len(found["as_of"].unique()) <= n_builds
            found = found.filter(newest)
            found, expected = (each.drop_columns(["ingest_time"]) for each in (found, expected))
        ours, theirs = rows_of(found), rows_of(expected)
        wrong = [
            (our, their)
            for our, their in zip(ours, theirs, strict=False)
            if not all(agree(our[name], their[name]) for name in found.column_names)
        ]
        assert not wrong, (table.name, wrong[0], len(wrong))
        assert len(ours) == len(theirs), table.name


def last_build(lake: Lake) -> dict[str, Any]:
    rows: list[dict[str, Any]] = lake.read(BUILDS.name).to_pylist()
    return max((row for row in rows if row["is_done"]), key=lambda row: row["number"])


@pytest.mark.parametrize(("seed", "first"), [(0, 0.0), (1, 0.975), (2, 0.975)])
def test_nights_make_what_one_build_makes(seed: int, first: float, compute: Compute, tmp_path: Path) -> None:
    nights = in_nights(a_log(seed, 400), seed, 4, first)
    lake, clean = opened(tmp_path / "nights"), opened(tmp_path / "clean")
    for number, night in enumerate(nights):
        tell(lake, [night], number)
        build_silver(lake, compute, LOG_END - timedelta(days=5 * (3 - number)), LOG_END + timedelta(days=number))
        assert last_build(lake)["is_full"] == (number == 0)
    parts_as_of = last_build(lake)["parts_as_of"]
    assert (parts_as_of < LOG_END) == (first > 0), "parts are counted anew when much has changed"
    tell(clean, nights)
    assert lake.read(EVENTS.name).num_rows == clean.read(EVENTS.name).num_rows > 300
    build_silver(clean, compute, LOG_END)
    assert all(clean.read(table.name).num_rows for table in (*SILVER, *FEATURES))
    assert_same_tables(lake, clean, len(nights))


@pytest.mark.spark
@pytest.mark.skipif(not os.environ.get("TEST_SPARK_REMOTE"), reason="scripts/test spark starts Apache Spark")
@pytest.mark.timeout(900)
def test_a_night_on_apache_spark_makes_what_one_build_on_sail_makes(compute: Compute, tmp_path: Path) -> None:
    log = a_log(5, 150)
    lake, clean = opened(tmp_path / "nights"), opened(tmp_path / "clean")
    tell(lake, [log[:120]])
    build_silver(lake, compute, LOG_END - timedelta(days=5))
    tell(lake, [log[120:]], 1)
    spark = open_compute(os.environ["TEST_SPARK_REMOTE"])
    build_silver(lake, spark, LOG_END, LOG_END)
    spark.close()
    assert not last_build(lake)["is_full"]
    tell(clean, [log[:120], log[120:]])
    build_silver(clean, compute, LOG_END)
    assert_same_tables(lake, clean, 2)


class MortalLake(DeltaLake):
    """A lake of a process that dies before one of its writes: nothing is written, or cleaned up, from then on."""

    def __init__(self, root: str, lives_for: int) -> None:
        super().__init__(root)
        self._left = lives_for

    def _live(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise ProcessIsDead

    def append(self, name: str, rows: pa.Table, transaction: Transaction | None = None) -> int:
        self._live()
        return super().append(name, rows, transaction)

    def overwrite(self, name: str, rows: pa.Table) -> int:
        self._live()
        return super().overwrite(name, rows)

    def replace(self, name: str, column: str, values: Sequence[str | date], rows: pa.Table) -> int:
        self._live()
        return super().replace(name, column, values, rows)

    def drop(self, name: str) -> None:
        self._live()
        super().drop(name)


class ProcessIsDead(BaseException):
    """Nothing may catch it."""


def test_cut_off_before_any_write_the_next_build_makes_it_good(compute: Compute, tmp_path: Path) -> None:
    log = a_log(7, 300)
    nights = [log[number::5] for number in range(5)]
    lake, clean = opened(tmp_path / "nights"), opened(tmp_path / "clean")
    for number, night in enumerate(nights):
        tell(lake, [night], number)
        known_at = LOG_END + timedelta(days=number)
        with pytest.raises(ProcessIsDead):
            build_silver(MortalLake(str(tmp_path / "nights"), 2 + 7 * number), compute, LOG_END, known_at)
        build_silver(lake, compute, LOG_END - timedelta(days=4 - number), known_at + timedelta(hours=1))
        assert last_build(lake)["is_full"]
    tell(clean, nights)
    build_silver(clean, compute, LOG_END)
    assert_same_tables(lake, clean, len(nights))
    assert [name for name in lake.names() if ".work." in name] == []
    times = lake.read(FEATURES[0].name)["ingest_time"].to_pylist()
    assert set(times) == {LOG_END + timedelta(days=number, hours=1) for number in range(5)}


BUILDER = textwrap.dedent("""
    import sys
    from quikapp_ml.stores.lake import open_compute, open_lake
    from quikapp_ml.training.silver import build_silver
    from support.logs import LOG_END

    lake, compute = open_lake(sys.argv[1]), open_compute()
    compute.query("SELECT 1 AS one", {})
    print("ready", flush=True)
    build_silver(lake, compute, LOG_END)
    print("done", flush=True)
""")


def test_killed_in_the_midst_of_a_build(tmp_path: Path, compute: Compute) -> None:
    nights = in_nights(a_log(9, 200), 10, 3)
    lake, clean = opened(tmp_path / "nights"), opened(tmp_path / "clean")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for number, (night, seconds) in enumerate(zip(nights, (0.3, 0.8, 0.0), strict=True)):
        tell(lake, [night], number)
        command = [sys.executable, "-c", BUILDER, str(tmp_path / "nights")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as builder:
            assert builder.stdout is not None
            assert builder.stdout.readline() == "ready\n"
            time.sleep(seconds)
            builder.kill()
            assert builder.stdout.read() == ""
    build_silver(lake, compute, LOG_END)
    tell(clean, nights)
    build_silver(clean, compute, LOG_END)
    assert_same_tables(lake, clean)


def test_what_is_not_known_to_be_as_it_was_is_made_anew(compute: Compute, tmp_path: Path) -> None:
    lake = opened(tmp_path)
    first, second = in_nights(a_log(3, 60), 2, 2)
    tell(lake, [first, second])
    build_silver(lake, compute, LOG_END)
    for name in (EVENTS.name, MESSAGES.name, ACTIVITIES.name):
        lake.compact(name)
    build_silver(lake, compute, LOG_END)
    assert not last_build(lake)["is_full"], "compaction changes no row"
    lake.overwrite(EVENTS.name, lake.read(EVENTS.name).slice(10))
    build_silver(lake, compute, LOG_END)
    assert last_build(lake)["is_full"], "events were taken away, as by an erasure"
    whole = lake.read(MESSAGES.name)
    lake.overwrite(MESSAGES.name, whole.slice(1))
    build_silver(lake, compute, LOG_END)
    assert not last_build(lake)["is_full"], "what the quality gate takes out is put back, to be judged again"
    assert rows_of(lake.read(MESSAGES.name)) == rows_of(whole)
    lake.overwrite(MESSAGES.name, whole.slice(1))
    lake.vacuum(MESSAGES.name, timedelta(0))
    build_silver(lake, compute, LOG_END)
    assert last_build(lake)["is_full"], "what the table held is no longer known"
    build_silver(lake, compute, LOG_END, full=True)
    assert last_build(lake)["is_full"], "as it was asked for"
    assert [name for name in lake.names() if ".work." in name] == []


def test_nothing_is_left_of_somebody_erased_and_the_next_build_makes_all_anew(compute: Compute, tmp_path: Path) -> None:
    lake, clean = opened(tmp_path / "nights"), opened(tmp_path / "clean")
    for number, night in enumerate(in_nights(a_log(4, 150), 4, 2, 0.95)):
        tell(lake, [night], number)
        build_silver(lake, compute, LOG_END)
    assert lake.read(CHANGES.name).num_rows
    Erasure(lake, "u1").run()
    for name in lake.names():
        assert not any("u1" in row.values() for row in lake.read(name).to_pylist()), name
    build_silver(lake, compute, LOG_END)
    assert last_build(lake)["is_full"]
    clean.append(EVENTS.name, lake.read(EVENTS.name))
    build_silver(clean, compute, LOG_END)
    for table in SILVER:
        assert rows_of(lake.read(table.name)) == rows_of(clean.read(table.name)), table.name
