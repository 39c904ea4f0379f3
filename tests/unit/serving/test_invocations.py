"""Answers without pandas beside those of MLflow's own scoring server, for the same artefact and the same bytes."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Self

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quikapp_ml.models.base import Model
from quikapp_ml.serving import mlflow_scoring
from quikapp_ml.serving.invocations import Invocation, Scored, encode
from quikapp_ml.serving.served_model import ServedModel
from quikapp_ml.stores.registry import open_registry
from quikapp_ml.stores.registry.base import NewVersion
from quikapp_ml.stores.registry.mlflow import known_warnings_ignored

JSON = "application/json"


class Mirror(Model):
    """Shows what it was given, so that a wrong type cannot hide."""

    name = "mirror"
    inputs: ClassVar[Mapping[str, str]] = {"text": "string", "number": "double", "count": "long", "flag": "boolean"}
    outputs: ClassVar[Mapping[str, str]] = {"text": "string", "number": "double", "count": "long", "flag": "boolean"}

    def predict(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        if "refuse me" in columns["text"]:
            raise ValueError("as asked")
        return {
            "text": [f"<{value}>" for value in columns["text"]],
            "number": [value / 2 for value in columns["number"]],
            "count": [value + 1 for value in columns["count"]],
            "flag": [not value for value in columns["flag"]],
        }

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        return {}

    def facts(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_parts(cls, arrays: dict[str, np.ndarray[Any, Any]], facts: dict[str, Any]) -> Self:
        return cls()


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mirror")
    Mirror().save(folder / "model")
    (folder / "model" / "card.md").write_text("# mirror\n")
    registry = open_registry(f"sqlite:///{folder / 'mlflow.db'}", "tests", folder / "artifacts")
    registry.register(NewVersion("mirror", folder / "model", f"{__name__}:Mirror", "1.0.0"))
    return registry.fetch_artefact("mirror", 1, folder / "artefact")


@pytest.fixture(scope="module")
def served(artefact: Path) -> ServedModel:
    # pytest imports this file under a name of its own, and the artefact names the class by it
    return ServedModel(artefact, Mirror())


@pytest.fixture(scope="module")
def scoring_server(artefact: Path) -> Iterator[Callable[[bytes, str], httpx.Response]]:
    with known_warnings_ignored():
        app = import_module("mlflow.pyfunc.scoring_server").init(mlflow_scoring.load(artefact))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://mlflow")
    with asyncio.Runner() as runner:

        def ask(body: bytes, content_type: str) -> httpx.Response:
            with known_warnings_ignored():
                return runner.run(
                    client.post("/invocations", content=body, headers={"content-type": content_type})
                )  # fmt: skip

        yield ask


ROW = {"text": "a", "number": 1.5, "count": 3, "flag": True}
SPLIT = {"columns": list(ROW), "data": [list(ROW.values())] * 2}

PLAIN: list[dict[str, Any]] = [
    {"dataframe_records": [ROW]},
    {"dataframe_records": [ROW, {**ROW, "text": "ü€😀", "number": -0.25}]},
    {"dataframe_records": [{**ROW, "number": 2}]},  # a whole number is a double, too
    {"dataframe_records": [{**ROW, "other": [1, {"deep": None}]}]},  # columns that the model does not want
    {"dataframe_records": [ROW], "client_request_id": "r-1"},
    {"dataframe_split": SPLIT},
    {"dataframe_split": {"data": [[True, 3, 1.5, "a"]], "columns": ["flag", "count", "number", "text"]}},
    {"inputs": {name: [value, value] for name, value in ROW.items()}},
    {"instances": [ROW, ROW]},
]
ODD: list[dict[str, Any]] = [
    {},
    {"predict": [1]},
    {"dataframe_records": [ROW], "inputs": {}},
    {"dataframe_records": []},
    {"dataframe_records": {}},
    {"dataframe_records": [1]},
    {"dataframe_records": [{"text": "a"}]},
    {"dataframe_records": [{**ROW, "number": "1.5"}]},
    {"dataframe_records": [{**ROW, "number": None}, ROW]},
    {"dataframe_records": [{**ROW, "text": 7}]},
    {"dataframe_records": [{**ROW, "count": 1.5}]},
    {"dataframe_records": [{**ROW, "flag": 1}]},
    {"dataframe_records": [{**ROW, "text": "refuse me"}]},
    {"dataframe_split": {"columns": ["text"]}},
    {"dataframe_split": {"columns": ["text"], "data": [["a", "b"]]}},
    {"dataframe_split": {**SPLIT, "index": [7, 8]}},
    {"dataframe_split": {**SPLIT, "columns": ["text", "text", "count", "flag"]}},
    {"instances": [{**ROW, "number": 2}]},
    {"instances": [[1, 2]]},
    {"instances": "a"},
    {"inputs": {"text": ["a"], "number": [1.0]}},
    {"inputs": {name: [value] for name, value in ROW.items()} | {"number": [2]}},
    {"inputs": ROW},
    {"inputs": [ROW]},
    {"dataframe_records": [ROW], "params": {"temperature": 1}},
]
BODIES: list[tuple[bytes, str]] = [
    *((json.dumps(body).encode(), JSON) for body in PLAIN + ODD),
    *((json.dumps(body).encode(), f"{JSON}; charset=UTF-8") for body in PLAIN[:1]),
    (b"", JSON),
    (b"{", JSON),
    (b"[1]", JSON),
    (b'"text"', JSON),
    (b"\xff\xfe", JSON),
    (b'{"dataframe_records": [{"text": "a", "number": NaN, "count": 3, "flag": true}]}', JSON),
    (b"text,number,count,flag\na,1.5,3,true\nb,2,4,false\n", "text/csv"),
    (b"text,number\na,1.5\n", "text/csv"),
    (b"\xff", "text/csv"),
    (b"", "text/csv"),
    (b"{}", "text/plain"),
    (b"{}", f"{JSON}; charset=latin-1"),
    (b"{}", f"{JSON}; flavour=sweet"),
]


def answer(served: ServedModel, body: bytes, content_type: str) -> Scored:
    return asyncio.run(served.answer(Invocation.read(body, content_type)))


def without_trace(text: str) -> Any:
    try:
        content = json.loads(text)
    except ValueError:
        return text
    return {name: value for name, value in content.items() if name != "stack_trace"}


@pytest.mark.parametrize(("body", "content_type"), BODIES)
def test_bodies_are_those_of_the_scoring_server(
    served: ServedModel,
    scoring_server: Callable[[bytes, str], httpx.Response],
    body: bytes,
    content_type: str,
) -> None:
    ours, theirs = answer(served, body, content_type), scoring_server(body, content_type)
    # repr, for NaN is not equal to itself
    assert (ours.status, repr(without_trace(ours.body.decode()))) == (
        theirs.status_code,
        repr(without_trace(theirs.text)),
    )
    assert ours.media_type == theirs.headers["content-type"].partition(";")[0]


@pytest.mark.parametrize("body", PLAIN)
def test_plain_bodies_need_neither_pandas_nor_mlflow(served: ServedModel, body: dict[str, Any]) -> None:
    assert served.answer_plainly(Invocation.read(json.dumps(body).encode(), JSON)) is not None


@pytest.mark.parametrize("body", ODD)
def test_mlflow_looks_at_everything_else(served: ServedModel, body: dict[str, Any]) -> None:
    assert served.answer_plainly(Invocation.read(json.dumps(body).encode(), JSON)) is None


def test_the_trace_of_an_error_is_kept_for_the_log(served: ServedModel) -> None:
    scored = answer(served, json.dumps({"dataframe_records": [{**ROW, "text": "refuse me"}]}).encode(), JSON)
    assert scored.status == 400
    assert b"as asked" not in scored.body and b"stack_trace" not in scored.body
    assert "as asked" in scored.trace


_VALUES = st.one_of(
    st.text(max_size=3), st.floats(allow_nan=False, allow_infinity=False, width=32), st.integers(-3, 2**63 - 2),
    st.booleans(), st.none(),
)  # fmt: skip
_COLUMNS = st.sampled_from([*ROW, "other"])
_RECORDS = st.lists(st.dictionaries(_COLUMNS, _VALUES, max_size=5) | st.just(ROW), max_size=3)


@settings(max_examples=40, deadline=None)
@given(form=st.sampled_from(["dataframe_records", "instances"]), records=_RECORDS)
def test_any_records_get_the_answer_of_the_scoring_server(
    served: ServedModel,
    scoring_server: Callable[[bytes, str], httpx.Response],
    form: str,
    records: list[dict[str, Any]],
) -> None:
    body = json.dumps({form: records}).encode()
    ours, theirs = answer(served, body, JSON), scoring_server(body, JSON)
    assert (ours.status, repr(without_trace(ours.body.decode()))) == (
        theirs.status_code,
        repr(without_trace(theirs.text)),
    )


@pytest.mark.parametrize(
    ("body", "unit"),
    [
        ({"client_request_id": "r-1", "dataframe_records": [{"user_id": "u-1"}]}, "r-1"),
        ({"dataframe_records": [{"user_id": "u-1"}, {"user_id": "u-1"}]}, "u-1"),
        ({"dataframe_split": {"columns": ["user_id"], "data": [["u-2"]]}}, "u-2"),
        ({"dataframe_records": [{"user_id": "u-1"}, {"user_id": "u-2"}]}, ""),
        ({"dataframe_records": [{"text": "a"}]}, ""),
        ({"client_request_id": 7}, ""),
    ],
)
def test_the_unit_is_the_request_else_its_only_user(body: dict[str, Any], unit: str) -> None:
    assert Invocation.read(json.dumps(body).encode(), JSON).unit == unit


def test_records_are_read_from_every_form() -> None:
    rows = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    for body in (
        {"dataframe_records": rows},
        {"instances": rows},
        {"dataframe_split": {"columns": ["a", "b"], "data": [[1, "x"], [2, "y"]]}},
        {"inputs": {"a": [1, 2], "b": ["x", "y"]}},
        {"inputs": rows},
    ):
        assert Invocation.read(json.dumps(body).encode(), JSON).records() == rows
    csv = Invocation.read(b'a,b\n1,"x, y"\n,z\n', "text/csv; charset=utf-8")
    assert csv.is_csv
    assert csv.csv_records() == [{"a": "1", "b": "x, y"}, {"b": "z"}]
    assert Invocation.read(b"a,b\n1\n", "text/csv").csv_records() is None


def test_a_value_without_a_form_in_json_is_refused() -> None:
    with pytest.raises(TypeError, match="not JSON serializable: object"):
        encode({"a": object()})
