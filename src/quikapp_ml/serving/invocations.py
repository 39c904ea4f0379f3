"""What a serving endpoint is sent, read without pandas where it is plain; MLflow's own code reads everything else.

A body is plain when it has exactly one of the four forms, and every column that the model wants has values of its type
in every row. Then the columns are what MLflow would make of it; `tests/unit/serving/test_invocations.py` compares.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

FORMS = ("dataframe_records", "dataframe_split", "instances", "inputs")
_CHAT_FIELDS = frozenset({"messages", "input", "prompt"})
"""MLflow takes a body with one of these for a question to a language model."""

_JSON = "application/json"
_CSV = "text/csv"
_INT64 = 2**63
_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_SERIALIZE_NUMPY

Columns = dict[str, list[Any]]
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scored:
    """An answer as it goes out; `trace` is for the log of the endpoint alone."""

    status: int
    body: bytes
    media_type: str = _JSON
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One request to an endpoint. `parsed` is None when the body is no JSON object."""

    body: bytes
    content_type: str
    parsed: Mapping[str, Any] | None

    @classmethod
    def read(cls, body: bytes, content_type: str) -> "Invocation":
        """Parse a body as far as it is JSON; nothing is refused here."""
        parsed = None
        if _kind(content_type) == _JSON:
            try:
                found = orjson.loads(body)
            except orjson.JSONDecodeError:
                found = None
            parsed = found if isinstance(found, dict) else None
        return cls(body, content_type, parsed)

    @property
    def is_csv(self) -> bool:
        """Whether the body is a table in CSV."""
        return _kind(self.content_type) == _CSV

    @property
    def client_request_id(self) -> str:
        """The client's own name of the request; empty when there is none."""
        given = (self.parsed or {}).get("client_request_id")
        return given if isinstance(given, str) else ""

    @property
    def unit(self) -> str:
        """Whom the answer must not change for while shares stay: the request's name, else its only user, else empty."""
        return self.client_request_id or self.user

    @property
    def user(self) -> str:
        """The only user that the rows name; empty when they name none or several."""
        users = {record.get("user_id") for record in self.records() or ()}
        only = users.pop() if len(users) == 1 else None
        return only if isinstance(only, str) else ""

    def records(self) -> list[Record] | None:
        """The rows as objects; None when the body has another form."""
        form, given = self._form()
        reader = _ROWS.get(form)
        return None if reader is None else reader(given)

    def csv_records(self) -> list[Record] | None:
        """The rows of a body in CSV, all values as texts and empty ones left out; None when there are none."""
        try:
            rows = list(csv.DictReader(io.StringIO(self.body.decode()), strict=True))
        except (UnicodeDecodeError, csv.Error):
            return None
        if not rows or any(None in row or None in row.values() for row in rows):
            return None  # rows of different lengths
        return [{name: value for name, value in row.items() if value != ""} for row in rows]

    def columns(self, inputs: Mapping[str, str]) -> Columns | None:
        """The wanted columns (name → MLflow type) with their values; None when the body is not plain."""
        form, given = self._form()
        reader = _COLUMNS.get(form)
        if reader is None or self.parsed is None or "params" in self.parsed or _CHAT_FIELDS & self.parsed.keys():
            return None
        columns = reader(given, inputs)
        is_frame = form.startswith("dataframe")
        return None if columns is None else _typed(columns, inputs, _TYPES if is_frame else _EXACT_TYPES)

    def _form(self) -> tuple[str, Any]:
        found = [name for name in FORMS if name in (self.parsed or ())]
        if len(found) != 1 or self.parsed is None:
            return "", None
        return found[0], self.parsed[found[0]]


def encode(value: Any) -> bytes:
    """JSON of an answer: dataclasses become objects, and a field that is None is left out."""
    return orjson.dumps(value, default=_set_fields, option=_OPTIONS)


def predictions(columns: Mapping[str, Sequence[Any]]) -> Scored:
    """The columns of an answer as MLflow writes a frame: a list of records."""
    if len(columns) == 1:
        ((name, values),) = columns.items()
        rows = [{name: value} for value in values]
    else:
        names = list(columns)
        rows = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return Scored(200, orjson.dumps({"predictions": rows}, option=_OPTIONS))


def _set_fields(value: Any) -> dict[str, Any]:
    names = getattr(type(value), "__dataclass_fields__", None)
    if names is None:
        raise TypeError(f"{type(value).__name__} has no form in JSON")
    return {name: found for name in names if (found := getattr(value, name)) is not None}


def _kind(content_type: str) -> str:
    """The media type; empty when its parameters say anything but UTF-8."""
    kind, _, parameters = content_type.partition(";")
    if parameters and parameters.strip().lower() not in ("", "charset=utf-8"):
        return ""
    return kind.strip()


# --- rows


def _objects(given: Any) -> list[Record] | None:
    if not isinstance(given, list) or set(map(type, given)) != {dict}:
        return None
    return given


def _split_rows(given: Any) -> list[Record] | None:
    names, rows = _split(given)
    return None if rows is None else [dict(zip(names, row, strict=True)) for row in rows]


def _columnar_rows(given: Any) -> list[Record] | None:
    if isinstance(given, list):
        return _objects(given)
    if not isinstance(given, dict) or not given or not all(isinstance(values, list) for values in given.values()):
        return None
    if len({len(values) for values in given.values()}) != 1:
        return None
    return [dict(zip(given, row, strict=True)) for row in zip(*given.values(), strict=True)] or None


def _split(given: Any) -> tuple[list[str], list[list[Any]] | None]:
    if not isinstance(given, dict) or "columns" not in given or "data" not in given:
        return [], None
    names, rows = given["columns"], given["data"]
    if not isinstance(names, list) or not isinstance(rows, list) or not rows:
        return [], None
    if not all(type(name) is str for name in names) or len(set(names)) != len(names):
        return [], None
    is_table = all(type(row) is list and len(row) == len(names) for row in rows)
    return (names, rows) if is_table and given.keys() <= {"columns", "data"} else ([], None)


_ROWS: Mapping[str, Callable[[Any], list[Record] | None]] = {
    "dataframe_records": _objects,
    "dataframe_split": _split_rows,
    "instances": _objects,
    "inputs": _columnar_rows,
}


# --- columns


def _columns_of_objects(given: Any, inputs: Mapping[str, str]) -> Columns | None:
    records = _objects(given)
    if records is None:
        return None
    try:
        return {name: [record[name] for record in records] for name in inputs}
    except KeyError:
        return None


def _columns_of_split(given: Any, inputs: Mapping[str, str]) -> Columns | None:
    names, rows = _split(given)
    if rows is None or not inputs.keys() <= set(names):
        return None
    places = {name: names.index(name) for name in inputs}
    return {name: [row[place] for row in rows] for name, place in places.items()}


def _columns_of_inputs(given: Any, inputs: Mapping[str, str]) -> Columns | None:
    if not isinstance(given, dict) or _columnar_rows(given) is None or not inputs.keys() <= given.keys():
        return None
    return {name: given[name] for name in inputs}


_COLUMNS: Mapping[str, Callable[[Any, Mapping[str, str]], Columns | None]] = {
    "dataframe_records": _columns_of_objects,
    "dataframe_split": _columns_of_split,
    "instances": _columns_of_objects,
    "inputs": _columns_of_inputs,
}

_TYPES: Mapping[str, frozenset[type]] = {
    "string": frozenset({str}),
    "double": frozenset({float, int}),
    "long": frozenset({int}),
    "boolean": frozenset({bool}),
}
_EXACT_TYPES: Mapping[str, frozenset[type]] = {**_TYPES, "double": frozenset({float})}
"""MLflow makes arrays of these forms before it looks at the types, so a whole number is none of a double."""


def _typed(columns: Columns, inputs: Mapping[str, str], types: Mapping[str, frozenset[type]]) -> Columns | None:
    for name, kind in inputs.items():
        values = columns[name]
        found = set(map(type, values))
        if not found <= types.get(kind, frozenset()):
            return None
        if int in found and not all(-_INT64 <= value < _INT64 for value in values):
            return None
        if kind == "double" and int in found:
            columns[name] = [float(value) for value in values]
    return columns
