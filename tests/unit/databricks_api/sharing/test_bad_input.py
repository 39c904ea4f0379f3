"""Whatever a recipient asks, the answer is an answer or a refusal in the protocol's shape: never a failure."""

from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.sharing import TABLE, Reader, open_house

_JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(max_size=20)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=12,
)
_COLUMNS = st.sampled_from(["id", "day", "page", "nobody"])
_KINDS = st.sampled_from(["int", "long", "string", "date", "bool", "timestamp", "double", ""])
_LEAF = st.one_of(
    st.builds(lambda name, kind: {"op": "column", "name": name, "valueType": kind}, _COLUMNS, _KINDS),
    st.builds(
        lambda value, kind: {"op": "literal", "value": value, "valueType": kind}, st.one_of(st.text(), _JSON), _KINDS
    ),
)
_OPS = st.sampled_from(["equal", "lessThan", "greaterThanOrEqual", "and", "or", "not", "isNull", "xor"])
_HINT = st.recursive(
    _LEAF, lambda inner: st.builds(lambda op, of: {"op": op, "children": of}, _OPS, st.lists(inner, max_size=3))
)
_SQL = st.builds(
    lambda left, op, right: f"{left} {op} {right}",
    st.one_of(_COLUMNS, st.text(max_size=10)),
    st.sampled_from(["=", "<", ">=", "<>", "IS NULL", "IS NOT NULL", "LIKE", ""]),
    st.one_of(st.integers().map(str), st.text(max_size=10).map(lambda text: f"'{text}'"), _COLUMNS),
)
_VERSION = st.one_of(st.integers(-2, 6), st.integers(2**62, 2**64 - 1))
_TIME = st.one_of(
    st.datetimes().map(str), st.text(max_size=20), st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31"])
)
_QUESTION = st.fixed_dictionaries(
    {},
    optional={
        "predicateHints": st.one_of(st.lists(_SQL, max_size=3), _JSON),
        "jsonPredicateHints": st.one_of(_HINT.map(lambda hint: orjson.dumps(hint).decode()), _JSON),
        "limitHint": st.one_of(st.integers(-1, 3), _JSON),
        "version": st.one_of(_VERSION, _JSON),
        "timestamp": st.one_of(_TIME, _JSON),
        "startingVersion": st.one_of(_VERSION, _JSON),
        "endingVersion": st.one_of(_VERSION, _JSON),
    },
)
_RANGE = st.fixed_dictionaries(
    {},
    optional={
        "startingVersion": st.one_of(_VERSION.map(str), st.text(max_size=5)),
        "endingVersion": st.one_of(_VERSION.map(str), st.text(max_size=5)),
        "startingTimestamp": _TIME,
        "endingTimestamp": _TIME,
        "includeHistoricalMetadata": st.sampled_from(["true", "False", "1", "maybe"]),
    },
)
_CAPABILITIES = st.sampled_from(
    ["", "responseformat=delta", "responseformat=delta,parquet;readerfeatures=x", ";;=;", "responseformat="]
)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with open_house(tmp_path_factory.mktemp("sharing") / "lake") as house:
        house.share(with_changes=True)
        house.visit(1, 2, 3)
        yield house.reader()


def check(answer: httpx.Response) -> None:
    if answer.status_code == 200:
        assert all(isinstance(orjson.loads(line), dict) for line in answer.content.splitlines())
    else:
        assert answer.status_code == 400, answer.text
        assert set(orjson.loads(answer.content)) == {"errorCode", "message"}


@settings(max_examples=150, deadline=None)
@given(question=st.one_of(_QUESTION, _JSON), capabilities=_CAPABILITIES)
def test_any_query(reader: Reader, question: Any, capabilities: str) -> None:
    headers = {"delta-sharing-capabilities": capabilities}
    check(reader.http.post(f"{TABLE}/query", content=orjson.dumps(question), headers=headers))


@settings(max_examples=100, deadline=None)
@given(given_range=_RANGE, capabilities=_CAPABILITIES)
def test_any_range_of_changes(reader: Reader, given_range: dict[str, str], capabilities: str) -> None:
    headers = {"delta-sharing-capabilities": capabilities}
    check(reader.http.get(f"{TABLE}/changes", params=given_range, headers=headers))


@settings(max_examples=50, deadline=None)
@given(body=st.binary(max_size=50))
def test_any_body(reader: Reader, body: bytes) -> None:
    check(reader.http.post(f"{TABLE}/query", content=body))
