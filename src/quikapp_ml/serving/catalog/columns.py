"""Columns of a table: in Delta's JSON, in the words of Unity Catalog, in SQL's.

References: Delta Transaction Protocol, "Schema Serialization Format"
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from quikapp_ml.errors import InvalidInput

SIMPLE = {
    "string": "string", "long": "bigint", "integer": "int", "short": "smallint", "byte": "tinyint", "float": "float",
    "double": "double", "boolean": "boolean", "binary": "binary", "date": "date", "timestamp": "timestamp",
    "timestamp_ntz": "timestamp_ntz", "void": "void",
}  # fmt: skip
"""Delta's simple types, with SQL's names of them."""

_DELTA_NAMES = {
    **{sql: delta for delta, sql in SIMPLE.items()},
    **{delta: delta for delta in SIMPLE},
    "real": "float", "bool": "boolean", "timestamp_ltz": "timestamp", "null": "void", "text": "string",
}  # fmt: skip

_UNITY_NAMES = {
    "bigint": "LONG", "smallint": "SHORT", "tinyint": "BYTE", "void": "NULL",
}  # fmt: skip

_DECIMAL = re.compile(r"(?:decimal|dec|numeric)(?:\((\d{1,2})(?:,(\d{1,2}))?\))?")
_TOKEN = re.compile(r"\s*(?:([A-Za-z_][A-Za-z0-9_]*)|`((?:[^`]|``)+)`|(\d+)|('(?:[^'\\]|\\.|'')*')|([<>(),:]))")
_COLUMN_NAME = re.compile(r"[^\x00-\x1f]{1,255}")
_DEEPEST = 20

DeltaType = str | Mapping[str, Any]
"""A type as Delta's JSON has it: a name, or an object for arrays, maps and structs."""


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    type: DeltaType
    nullable: bool = True
    comment: str = ""

    def field(self) -> dict[str, Any]:
        """The column in Delta's JSON."""
        metadata = {"comment": self.comment} if self.comment else {}
        return {"name": self.name, "type": self.type, "nullable": self.nullable, "metadata": metadata}


def read_schema(text: str) -> list[Column]:
    """The columns in a Delta schema's JSON text."""
    return [_column(field) for field in orjson.loads(text)["fields"]]


def schema_text(columns: Sequence[Column]) -> str:
    """A Delta schema of these columns. Raises InvalidInput on names that are empty or given twice."""
    if not columns:
        raise InvalidInput("a table needs at least one column")
    names = [column.name.lower() for column in columns]
    for name in names:
        if not _COLUMN_NAME.fullmatch(name) or names.count(name) > 1:
            raise InvalidInput(f"column name {name[:100]!r} is empty, too long or given twice")
    return orjson.dumps({"type": "struct", "fields": [column.field() for column in columns]}).decode()


def read_column(told: Mapping[str, Any]) -> Column:
    """A column as clients of Unity Catalog tell it: `type_json`, else `type_text`, else `type_name`.

    Raises InvalidInput.
    """
    name = told.get("name")
    if not isinstance(name, str):
        raise InvalidInput("each column needs a name")
    column = Column(name, _told_type(told), told.get("nullable", True) is not False, str(told.get("comment") or ""))
    as_json = _json(told.get("type_json"))
    if isinstance(as_json, Mapping) and "name" in as_json:  # Spark tells the whole field
        nullable = as_json.get("nullable", column.nullable) is not False
        comment = column.comment or str((as_json.get("metadata") or {}).get("comment") or "")
        return Column(name, column.type, nullable and column.nullable, comment)
    return column


def read_type(text: str) -> DeltaType:
    """The type that SQL's text says, such as `array<struct<a: int, b: decimal(10,2)>>`. Raises InvalidInput."""
    reader = _TypeReader(text)
    found = reader.type(0)
    reader.end()
    return found


def type_text(kind: DeltaType) -> str:
    """A type in SQL's words."""
    if isinstance(kind, str):
        return SIMPLE.get(kind, kind)
    if kind["type"] == "array":
        return f"array<{type_text(kind['elementType'])}>"
    if kind["type"] == "map":
        return f"map<{type_text(kind['keyType'])},{type_text(kind['valueType'])}>"
    fields = (f"{_quoted(each['name'])}:{type_text(each['type'])}" for each in kind["fields"])
    return f"struct<{','.join(fields)}>"


def unity_name(kind: DeltaType) -> str:
    """The name of a type in Unity Catalog's list of them."""
    text = type_text(kind).partition("<")[0].partition("(")[0]
    return _UNITY_NAMES.get(text, text.upper())


def precision_and_scale(kind: DeltaType) -> tuple[int, int]:
    """Of a decimal; of other types, zeros."""
    match = _DECIMAL.fullmatch(kind) if isinstance(kind, str) else None
    return (int(match[1] or 10), int(match[2] or 0)) if match else (0, 0)


def in_order(told: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Columns by their positions, where those are told."""
    return sorted(told, key=lambda each: each["position"] if type(each.get("position")) is int else 0)


def _column(field: Mapping[str, Any]) -> Column:
    comment = str((field.get("metadata") or {}).get("comment") or "")
    return Column(field["name"], field["type"], field["nullable"], comment)


def _told_type(told: Mapping[str, Any]) -> DeltaType:
    as_json = _json(told.get("type_json"))
    if isinstance(as_json, Mapping):
        inner = as_json.get("type")
        kind = inner if "name" in as_json else as_json
        return _checked(kind, 0)
    for name in ("type_text", "type_name"):
        text = told.get(name)
        if isinstance(text, str) and text:
            return read_type(text)
    raise InvalidInput(f"column {str(told.get('name'))[:100]!r} needs a type: type_text, such as bigint")


def _json(text: Any) -> Any:
    try:
        return orjson.loads(text) if isinstance(text, str) and text else None
    except orjson.JSONDecodeError:
        return None


def _checked(kind: Any, depth: int) -> DeltaType:
    """A type in Delta's JSON that others have made: known names, and no more than that. Raises InvalidInput."""
    if depth > _DEEPEST:
        raise InvalidInput(f"a type is nested more than {_DEEPEST} deep")
    if isinstance(kind, str):
        return read_type(kind)
    parts: dict[str, Any] = dict(kind) if isinstance(kind, Mapping) else {}
    match parts.get("type"):
        case "array":
            element = _checked(parts.get("elementType"), depth + 1)
            return _array(element, parts.get("containsNull", True) is not False)
        case "map":
            key, value = (_checked(parts.get(name), depth + 1) for name in ("keyType", "valueType"))
            return _map(key, value, parts.get("valueContainsNull", True) is not False)
        case "struct" if isinstance(parts.get("fields"), list):
            return _struct([_checked_field(each, depth) for each in parts["fields"]])
    raise InvalidInput(f"type {str(kind)[:100]!r} is unknown")


def _checked_field(field: Any, depth: int) -> dict[str, Any]:
    if not isinstance(field, Mapping) or not isinstance(field.get("name"), str):
        raise InvalidInput("each field of a struct needs a name")
    nullable = field.get("nullable", True) is not False
    return Column(field["name"], _checked(field.get("type"), depth + 1), nullable).field()


def _array(element: DeltaType, contains_null: bool = True) -> dict[str, Any]:
    return {"type": "array", "elementType": element, "containsNull": contains_null}


def _map(key: DeltaType, value: DeltaType, contains_null: bool = True) -> dict[str, Any]:
    return {"type": "map", "keyType": key, "valueType": value, "valueContainsNull": contains_null}


def _struct(fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "struct", "fields": fields}


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else f"`{name.replace('`', '``')}`"


class _TypeReader:
    """Reads a type from its text, by recursive descent."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split(text)
        self._at = 0

    def type(self, depth: int) -> DeltaType:
        """One type."""
        if depth > _DEEPEST:
            raise InvalidInput(f"a type is nested more than {_DEEPEST} deep")
        word = self._next().lower()
        if word == "array" and self._peek() == "<":
            return self._inside(lambda: _array(self.type(depth + 1)))
        if word == "map" and self._peek() == "<":
            return self._inside(lambda: self._pair(depth + 1))
        if word == "struct" and self._peek() == "<":
            return self._inside(lambda: self._fields(depth + 1))
        return self._simple(word)

    def end(self) -> None:
        """Raises InvalidInput when more is said than one type."""
        if self._at < len(self._tokens):
            raise self._wrong()

    def _simple(self, word: str) -> str:
        if self._peek() == "(":
            start = self._at
            while self._next() != ")":
                pass
            word += "".join(self._tokens[start : self._at])
        decimal = _DECIMAL.fullmatch(word)
        if decimal:
            precision, scale = int(decimal[1] or 10), int(decimal[2] or 0)
            if not 1 <= precision <= 38 or scale > precision:
                raise self._wrong()
            return f"decimal({precision},{scale})"
        if re.fullmatch(r"(var)?char(\(\d+\))?", word):
            return "string"
        if word not in _DELTA_NAMES:
            raise self._wrong()
        return _DELTA_NAMES[word]

    def _inside(self, read: Callable[[], DeltaType]) -> DeltaType:
        self._expect("<")
        found = read()
        self._expect(">")
        return found

    def _pair(self, depth: int) -> dict[str, Any]:
        key = self.type(depth)
        self._expect(",")
        return _map(key, self.type(depth))

    def _fields(self, depth: int) -> dict[str, Any]:
        fields: list[dict[str, Any]] = []
        while self._peek() != ">":
            if fields:
                self._expect(",")
            name = self._next()
            if self._peek() == ":":
                self._next()
            fields.append(Column(name, self.type(depth), not self._not_null(), self._comment()).field())
        return _struct(fields)

    def _not_null(self) -> bool:
        said = [token.lower() for token in self._tokens[self._at : self._at + 2]] == ["not", "null"]
        self._at += 2 * said
        return said

    def _comment(self) -> str:
        if self._peek().lower() != "comment":
            return ""
        self._next()
        return self._next().strip("'")

    def _expect(self, token: str) -> None:
        if self._next() != token:
            raise self._wrong()

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise self._wrong()
        self._at += 1
        return self._tokens[self._at - 1]

    def _split(self, text: str) -> list[str]:
        tokens, at = [], 0
        text = text.strip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise self._wrong()
            tokens.append(next(group for group in match.groups() if group is not None).replace("``", "`"))
            at = match.end()
        return tokens

    def _wrong(self) -> InvalidInput:
        return InvalidInput(f"type {self._text[:200]!r} cannot be read; types are such as bigint, array<double>")
