"""What every lake promises of constraints, owner and retention: held from the first row on, and brought up to date."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlparse

import deltalake
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.errors import PySparkException
from pyspark.sql.connect import functions
from pyspark.sql.connect.session import SparkSession

from quikapp_ml.errors import Conflict, InvalidInput, NotFound
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake, Table, Transaction
from quikapp_ml.stores.lake.memory import MemoryLake
from support.clouds import CLOUD_ROOTS

REMOTE = os.environ.get("TEST_SPARK_REMOTE", "")
TIME = pa.timestamp("us", tz="UTC")
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
LABELS = Table(
    name="quikapp_ml.ml.labels",
    columns=pa.schema(
        [("id", pa.string()), ("label", pa.string()), ("score", pa.float64()), ("since", TIME), ("until", TIME)]
    ),
    key=("id",),
    comment="Labels.",
    constraints={
        "known_label": "label IN ('spam', 'ham')",
        "score_is_a_share": "score IS NULL OR score BETWEEN 0 AND 1",
        "in_order": "until IS NULL OR until >= since",
    },
    owner="ml-platform",
    retention=timedelta(days=90),
    retention_column="since",
)
NAME = LABELS.name
PLAIN = Table(NAME, LABELS.columns, LABELS.key, LABELS.comment)


@pytest.fixture(params=["memory", "folder", *CLOUD_ROOTS])
def lake(request: pytest.FixtureRequest, tmp_path: Path, cloud_root: Callable[[str], str]) -> Lake:
    if request.param == "memory":
        return MemoryLake()
    return open_lake(str(tmp_path / "a läke") if request.param == "folder" else cloud_root(request.param))


@pytest.fixture
def labels(lake: Lake) -> Lake:
    lake.ensure(LABELS)
    return lake


def rows(*given: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist([{"id": "a", "label": "ham", **row} for row in given], schema=LABELS.columns)


def ids(lake: Lake) -> list[str]:
    return sorted(lake.read(NAME)["id"].to_pylist())


class TestDeclaration:
    def test_it_comes_back_as_it_was_given(self, labels: Lake) -> None:
        assert labels.declaration(NAME) == LABELS
        assert dict(labels.declaration(NAME).constraints) == dict(LABELS.constraints)

    def test_of_a_table_without_more_than_columns(self, lake: Lake) -> None:
        lake.ensure(PLAIN)
        assert lake.declaration(NAME) == PLAIN

    def test_without_the_table(self, lake: Lake) -> None:
        with pytest.raises(NotFound):
            lake.declaration(NAME)

    def test_a_table_that_is_up_to_date_gets_no_commit(self, labels: Lake) -> None:
        before = labels.history(NAME)
        labels.ensure(LABELS)
        assert labels.history(NAME) == before

    def test_an_older_table_is_brought_up_to_date_once(self, lake: Lake) -> None:
        lake.ensure(PLAIN)
        lake.append(NAME, rows({}), Transaction("w", 3))
        lake.ensure(LABELS)
        version = lake.version(NAME)
        lake.ensure(LABELS)
        assert (lake.declaration(NAME), lake.version(NAME)) == (LABELS, version)
        assert (ids(lake), lake.transaction_number(NAME, "w")) == (["a"], 3)
        with pytest.raises(InvalidInput, match="known_label"):
            lake.append(NAME, rows({"label": "egg"}))

    def test_a_comment_follows_the_declaration(self, labels: Lake) -> None:
        changed = replace(LABELS, comment="Labels of messages.")
        labels.ensure(changed)
        version = labels.version(NAME)
        labels.ensure(changed)
        assert (labels.declaration(NAME), labels.version(NAME)) == (changed, version)

    def test_what_is_declared_no_longer_goes(self, labels: Lake) -> None:
        labels.ensure(PLAIN)
        assert labels.declaration(NAME) == PLAIN
        labels.append(NAME, rows({"label": "egg"}))

    def test_a_changed_constraint_takes_the_place_of_the_older(self, labels: Lake) -> None:
        wider = replace(LABELS, constraints={**LABELS.constraints, "known_label": "label IN ('spam', 'ham', 'egg')"})
        labels.ensure(wider)
        labels.append(NAME, rows({"label": "egg"}))
        with pytest.raises(Conflict, match=r"known_label .* broken by 1 rows, such as id='a', label='egg'.*correct"):
            labels.ensure(LABELS)
        assert labels.declaration(NAME) == wider

    def test_columns_and_constraints_are_added_together(self, lake: Lake) -> None:
        lake.ensure(replace(PLAIN, columns=PLAIN.columns.remove(1)))
        lake.ensure(LABELS)
        assert set(lake.columns(NAME).names) == set(LABELS.columns.names)
        with pytest.raises(InvalidInput, match="known_label"):
            lake.append(NAME, rows({"label": "egg"}))

    @pytest.mark.parametrize(
        ("changed", "told"),
        [
            ({"constraints": {"x": "lable = 'spam'"}}, "x .* names no column"),
            ({"constraints": {"x": "label = 'spam' AND nope > 3"}}, "no such column: nope"),
            ({"constraints": {"x": "label IN ('spam'"}}, "cannot be read"),
            ({"constraints": {"x": '"label" = 1'}}, "without quotes"),
            ({"constraints": {"X y": "score > 0"}}, "'X y' of a constraint"),
            ({"retention": None}, "together"),
            ({"retention_column": ""}, "together"),
            ({"retention": timedelta(0)}, "a second or longer"),
            ({"retention_column": "score"}, "no column of times; such are since, until"),
        ],
    )
    def test_what_does_not_hold_together_is_refused(self, lake: Lake, changed: dict[str, object], told: str) -> None:
        with pytest.raises(InvalidInput, match=told):
            lake.ensure(replace(LABELS, **changed))  # type: ignore[arg-type]
        assert not lake.exists(NAME)


class TestConstraints:
    @pytest.mark.parametrize(
        ("row", "broken"),
        [
            ({"label": "egg"}, r"known_label \(label IN \('spam', 'ham'\)\)"),
            ({"label": None}, "known_label"),
            ({"score": 1.5}, "score_is_a_share"),
            ({"score": float("nan")}, "score_is_a_share"),
            ({"since": NOW, "until": NOW - timedelta(microseconds=1)}, "in_order"),
            ({"until": NOW}, "in_order"),
        ],
    )
    def test_a_row_that_breaks_one_is_refused_by_every_way_in(
        self, labels: Lake, row: dict[str, object], broken: str
    ) -> None:
        labels.append(NAME, rows({"id": "first"}))
        before = labels.version(NAME)
        given = rows({"id": "good"}, {"id": "bad", **row})
        told = f"table {NAME}: constraint {broken}.* is broken by 1 rows, such as id='bad'.*; nothing was written"
        with pytest.raises(InvalidInput, match=told):
            labels.append(NAME, given, Transaction("w", 1))
        with pytest.raises(InvalidInput, match=told):
            labels.overwrite(NAME, given)
        with pytest.raises(InvalidInput, match=told):
            labels.merge(NAME, given, ["id"])
        assert (labels.version(NAME), ids(labels)) == (before, ["first"])
        assert labels.transaction_number(NAME, "w") is None

    def test_what_a_merge_leaves_is_what_counts(self, labels: Lake) -> None:
        labels.append(NAME, rows({"since": NOW}))
        earlier = pa.table({"id": ["a"], "until": pa.array([NOW - timedelta(days=1)], TIME)})
        with pytest.raises(InvalidInput, match=r"constraint in_order .* such as id='a'"):
            labels.merge(NAME, earlier, ["id"])
        labels.merge(NAME, pa.table({"id": ["a"], "until": pa.array([NOW], TIME)}), ["id"])
        assert labels.read(NAME)["until"].to_pylist() == [NOW]

    @pytest.mark.parametrize(
        ("kind", "given"),
        [
            (pa.list_(pa.float64()), [1.5]),
            (pa.struct([("x", pa.string())]), {"x": "y"}),
            (pa.map_(pa.string(), pa.string()), [("x", "y")]),
            (pa.date32(), NOW.date()),
            (pa.bool_(), False),
        ],
    )
    def test_values_of_every_type_can_be_asked_for(self, lake: Lake, kind: pa.DataType, given: object) -> None:
        declared = Table(NAME, pa.schema([("value", kind)]), (), "", constraints={"given": "value IS NOT NULL"})
        lake.ensure(declared)
        lake.append(NAME, pa.table({"value": pa.array([given], kind)}))
        with pytest.raises(InvalidInput, match="constraint given"):
            lake.append(NAME, pa.table({"value": pa.array([given, None], kind)}))
        assert lake.read(NAME)["value"].to_pylist() == [given]

    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        label=st.sampled_from(["spam", "ham", "egg", None]),
        score=st.none() | st.floats(-0.5, 1.5) | st.sampled_from([0.0, 1.0, float("nan"), float("inf")]),
        lasts=st.none() | st.integers(-2, 2),
    )
    def test_all_lakes_hold_the_same(
        self, lake: Lake, label: str | None, score: float | None, lasts: int | None
    ) -> None:
        lake.ensure(LABELS)
        until = None if lasts is None else NOW + timedelta(seconds=lasts)
        held = label in ("spam", "ham") and (score is None or 0 <= score <= 1) and (lasts is None or lasts >= 0)
        given = rows({"label": label, "score": score, "since": NOW, "until": until})
        if held:
            lake.append(NAME, given)
        else:
            with pytest.raises(InvalidInput, match="is broken by 1 rows"):
                lake.append(NAME, given)


def test_another_writer_of_delta_is_held_to_them_too(tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path))
    lake.ensure(LABELS)
    table = deltalake.DeltaTable(lake.uri(NAME))
    assert table.protocol().min_writer_version >= 3
    with pytest.raises(Exception, match="failed validation check"):
        deltalake.write_deltalake(table, rows({"label": "egg"}), mode="append")


@pytest.mark.spark
@pytest.mark.skipif(not REMOTE, reason="scripts/test spark starts a server")
def test_apache_spark_is_held_to_them_too_and_may_change_the_table(tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path))
    lake.ensure(LABELS)
    lake.append(NAME, rows({"id": "ours"}))
    path = unquote(urlparse(lake.uri(NAME)).path)
    session = SparkSession.builder.remote(REMOTE).create()
    labels = session.read.format("delta").load(path)
    labels.withColumn("id", functions.lit("theirs")).write.format("delta").mode("append").save(path)
    with pytest.raises(PySparkException, match=r"known_label .* violated"):
        labels.withColumn("label", functions.lit("egg")).write.format("delta").mode("append").save(path)
    session.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('their.own' = '1')")
    version = lake.version(NAME)
    lake.ensure(LABELS)
    assert (lake.version(NAME), ids(lake)) == (version, ["ours", "theirs"])
    lake.vacuum(NAME, timedelta(0), [1])
    lake.trim_log(NAME, timedelta(days=1), [1])
    assert session.read.format("delta").option("versionAsOf", 1).load(path).count() == 1
    session.stop()


def test_a_table_with_features_of_newer_writers_can_get_constraints(tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path))
    lake.ensure(PLAIN)
    table = deltalake.DeltaTable(lake.uri(NAME))
    table.alter.add_feature(deltalake.TableFeatures.AppendOnly, allow_protocol_versions_increase=True)
    lake.ensure(LABELS)
    with pytest.raises(InvalidInput, match="known_label"):
        lake.append(NAME, rows({"label": "egg"}))
