from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.databricks_api.sharing.predicates import MAX_DEPTH, chosen_files, parse_json, parse_sql
from quikapp_ml.databricks_api.sharing.table_log import DataFile

TYPES = {"id": "long", "name": "string", "day": "date", "at": "timestamp", "flag": "boolean", "value": "double"}


def column(name: str, kind: str) -> dict[str, str]:
    return {"op": "column", "name": name, "valueType": kind}


def literal(value: str, kind: str) -> dict[str, str]:
    return {"op": "literal", "value": value, "valueType": kind}


def file(rows: Sequence[Mapping[str, Any]], **partition: str | None) -> DataFile:
    """A file with the statistics that a writer would have put into the log."""
    stats: dict[str, Any] = {"numRecords": len(rows), "minValues": {}, "maxValues": {}, "nullCount": {}}
    for name in {name for row in rows for name in row}:
        values = [row[name] for row in rows if row[name] is not None]
        stats["nullCount"][name] = len(rows) - len(values)
        if values:
            stats["minValues"][name], stats["maxValues"][name] = min(values), max(values)
    return DataFile("f", 1, partition, stats=stats)


def stays(tree: Mapping[str, Any], kept: DataFile) -> bool:
    parsed = parse_json(orjson.dumps(tree).decode(), TYPES)
    assert parsed is not None
    return chosen_files([kept], [parsed], None) == [kept]


# --- what must never happen: a file with a wanted row left out


_IDS = st.one_of(st.none(), st.integers(-3, 3))
_NAMES = st.one_of(st.none(), st.sampled_from(["a", "b", "c"]))
_ROWS = st.lists(st.fixed_dictionaries({"id": _IDS, "name": _NAMES}), min_size=1, max_size=4)
_DAYS = st.one_of(st.none(), st.sampled_from(["2021-01-01", "2021-01-02"]))
_COMPARED = st.one_of(
    st.tuples(st.just(column("id", "long")), st.integers(-4, 4).map(lambda n: literal(str(n), "long"))),
    st.tuples(st.just(column("name", "string")), st.sampled_from("abcd").map(lambda c: literal(c, "string"))),
    st.tuples(
        st.just(column("day", "date")), st.sampled_from(["2021-01-01", "2021-01-03"]).map(lambda d: literal(d, "date"))
    ),
)
_OPS = st.sampled_from(["equal", "lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"])
_LEAVES = st.one_of(
    st.builds(
        lambda op, pair, turn: {"op": op, "children": list(pair[::-1] if turn else pair)},
        _OPS,
        _COMPARED,
        st.booleans(),
    ),
    st.sampled_from([column("id", "long"), column("name", "string"), column("day", "date")]).map(
        lambda found: {"op": "isNull", "children": [found]}
    ),
)
_TREES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.builds(
            lambda op, trees: {"op": op, "children": trees},
            st.sampled_from(["and", "or"]),
            st.lists(inner, min_size=2, max_size=3),
        ),
        inner.map(lambda tree: {"op": "not", "children": [tree]}),
    ),
    max_leaves=6,
)


def value_of(leaf: Mapping[str, str], row: Mapping[str, Any]) -> Any:
    given = row[leaf["name"]] if leaf["op"] == "column" else leaf["value"]
    if given is None:
        return None
    return int(given) if leaf["valueType"] == "long" else str(given)


def evaluated(tree: Mapping[str, Any], row: Mapping[str, Any]) -> bool | None:
    """SQL's three-valued logic on one row, written down plainly."""
    op, children = tree["op"], tree["children"]
    if op == "isNull":
        return value_of(children[0], row) is None
    if op == "not":
        inner = evaluated(children[0], row)
        return None if inner is None else not inner
    if op in ("and", "or"):
        values = [evaluated(child, row) for child in children]
        decisive = op == "or"
        return decisive if decisive in values else None if None in values else not decisive
    left, right = (value_of(child, row) for child in children)
    if left is None or right is None:
        return None
    tests: dict[str, bool] = {
        "equal": left == right,
        "lessThan": left < right,
        "lessThanOrEqual": left <= right,
        "greaterThan": left > right,
        "greaterThanOrEqual": left >= right,
    }
    return tests[op]


@given(_TREES, _ROWS, _DAYS)
def test_a_file_with_a_wanted_row_stays(tree: dict[str, Any], rows: list[dict[str, Any]], day: str | None) -> None:
    if any(evaluated(tree, {**row, "day": day}) for row in rows):
        assert stays(tree, file(rows, day=day))


@given(_TREES, st.lists(_ROWS, max_size=5), st.integers(0, 6))
def test_a_limit_leaves_enough_wanted_rows(
    tree: dict[str, Any], contents: list[list[dict[str, Any]]], limit: int
) -> None:
    parsed = parse_json(orjson.dumps(tree).decode(), TYPES)
    assert parsed is not None
    files = [file(rows, day="2021-01-01") for rows in contents]
    rows_in = {id(each): rows for each, rows in zip(files, contents, strict=True)}

    def wanted(chosen: list[DataFile]) -> int:
        return sum(
            evaluated(tree, {**row, "day": "2021-01-01"}) is True for each in chosen for row in rows_in[id(each)]
        )

    assert wanted(chosen_files(files, [parsed], limit)) >= min(limit, wanted(files))


# --- known answers


@pytest.mark.parametrize(
    ("hint", "is_left_out"),
    [
        ("id = 3", True),
        ("id = 5", False),
        ("5 < id", False),
        ("id >= 8", True),
        ("10 <= id", True),
        ("id <> 5", False),
        ("name = 'Zoë''s'", True),
        ("`name` < 'b'", False),
        ("NAME > 'b'", True),
        ("day = '2021-04-28'", False),
        ("day < '2021-04-28'", True),
        ("day != '2021-04-28'", True),
        ("day IS NULL", True),
        ("day is not null", False),
        ("id IS NULL", True),
        ("at >= '2021-01-01 12:00:01'", True),
        ("at >= '2021-01-01T12:00:00.000001Z'", False),
        ("flag = 'true'", True),
        ("id = 3 OR id = 5", False),
        ("value > 100", False),
        ("missing = 1", False),
        ("id = name", False),
        ("1 = 2", False),
        ("id = 'x'", False),
        ("", False),
        ("id = " + "9" * 5000, False),
    ],
)
def test_sql_hints(hint: str, is_left_out: bool) -> None:
    noon = "2021-01-01T12:00:00.000Z"
    row = {"id": 5, "name": "a", "at": noon, "flag": False, "value": 1.5}
    one = file([row, {**row, "id": 7}], day="2021-04-28")
    parsed = parse_sql(hint, TYPES)
    assert (chosen_files([one], [parsed] if parsed else [], None) == []) is is_left_out


@pytest.mark.parametrize(
    "hint",
    [
        "",
        "{",
        "3",
        "null",
        "[]",
        "{}",
        '{"op":"equal"}',
        '{"op":"equal","children":[]}',
        '{"op":"equal","children":[{"op":"column","name":"id","valueType":"string"},{"op":"literal","value":"1","valueType":"string"}]}',
        '{"op":"equal","children":[{"op":"column","name":"nobody","valueType":"long"},{"op":"literal","value":"1","valueType":"long"}]}',
        '{"op":"equal","children":[{"op":"column","name":["id"],"valueType":"long"},{"op":"literal","value":"1","valueType":"long"}]}',
        '{"op":"isNull","children":[{"op":"literal","value":"1","valueType":"long"}]}',
        '{"op":"and","children":[{"op":"isNull","children":[{"op":"column","name":"id","valueType":"long"}]}]}',
        '{"op":["and"],"children":[]}',
        "[" * 2000,
    ],
)
def test_a_json_hint_that_is_not_understood_leaves_out_nothing(hint: str) -> None:
    assert parse_json(hint, TYPES) is None


def test_a_hint_that_is_nested_too_deep_leaves_out_nothing() -> None:
    tree: dict[str, Any] = {"op": "isNull", "children": [column("id", "long")]}
    for _ in range(MAX_DEPTH):
        tree = {"op": "not", "children": [tree]}
    assert parse_json(orjson.dumps(tree).decode(), TYPES) is None


def test_a_long_list_of_alternatives_takes_no_longer_than_it_is() -> None:
    one = {"op": "equal", "children": [column("id", "long"), literal("1", "long")]}
    tree = {"op": "or", "children": [one] * 500}
    assert not stays(tree, file([{"id": 5}]))


def test_a_literal_that_is_not_of_its_type_leaves_out_nothing() -> None:
    assert stays({"op": "equal", "children": [column("id", "long"), literal("five", "long")]}, file([{"id": 5}]))


def test_without_statistics_nothing_is_left_out() -> None:
    bare = DataFile("f", 1, {})
    for tree in (
        {"op": "equal", "children": [column("id", "int"), literal("3", "int")]},
        {"op": "isNull", "children": [column("id", "int")]},
    ):
        assert stays(tree, bare)
    assert chosen_files([bare, bare], [], 1) == [bare, bare], "a file of unknown length counts for nothing"


def test_a_time_cut_to_milliseconds_by_its_writer_leaves_out_nothing() -> None:
    cut = datetime(2021, 1, 1, 12, 0, 0, 500_000, tzinfo=UTC)
    real = cut + timedelta(microseconds=999)
    text = f"{cut:%Y-%m-%dT%H:%M:%S}.500Z"
    kept = file([{"at": text}])
    assert stays({"op": "equal", "children": [column("at", "timestamp"), literal(real.isoformat(), "timestamp")]}, kept)


def test_dates_are_compared_as_dates() -> None:
    tree = {"op": "lessThan", "children": [column("day", "date"), literal(date(2021, 10, 1).isoformat(), "date")]}
    assert stays(tree, file([{"id": 1}], day="2021-09-30"))
    assert not stays(tree, file([{"id": 1}], day="2021-10-01"))
