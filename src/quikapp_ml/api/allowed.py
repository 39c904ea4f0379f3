"""What a field allows, in words, from the JSON schema of its model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Node = Mapping[str, Any]


def allowed_at(schema: Node, location: Sequence[int | str]) -> str | None:
    """What is allowed at a location of a pydantic error; for an unknown field, which fields there are."""
    node = schema
    for part in location:
        node = _container(schema, node)
        if isinstance(part, int):
            node = node.get("items", {})
        elif part in node.get("properties", {}):
            node = node["properties"][part]
        else:
            return f"the fields {', '.join(node['properties'])}" if "properties" in node else None
    return described(schema, node)


def described(schema: Node, node: Node) -> str:
    """One phrase for one schema node."""
    node = _resolved(schema, node)
    if "anyOf" in node:
        return " or ".join(described(schema, choice) for choice in node["anyOf"])
    if "enum" in node:
        return "one of " + ", ".join(map(str, node["enum"]))
    phrase = _PHRASES.get(node.get("type", ""))
    return phrase(node) if phrase else "anything"


def _resolved(schema: Node, node: Node) -> Node:
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def _container(schema: Node, node: Node) -> Node:
    """The object or list that a node is or, where it may also be null or something plain, may be."""
    node = _resolved(schema, node)
    choices = [_resolved(schema, choice) for choice in node.get("anyOf", ())]
    return next((choice for choice in choices if {"properties", "items"} & choice.keys()), node)


def _bounds(node: Node, lowest: str, highest: str, unit: str = "") -> str:
    low, high = node.get(lowest), node.get(highest)
    if low is not None and high is not None:
        return f"{low} to {high}{unit}"
    if high is not None:
        return f"at most {high}{unit}"
    return f"at least {low}{unit}" if low is not None else ""


def _text(node: Node) -> str:
    if node.get("format") == "date-time":
        return "an ISO 8601 time with its time zone"
    bounds = _bounds(node, "minLength", "maxLength", " characters")
    return f"a string of {bounds}" if bounds else "a string"


def _number(node: Node) -> str:
    kind = "an integer" if node["type"] == "integer" else "a number"
    bounds = _bounds(node, "minimum", "maximum")
    return f"{kind} of {bounds}" if bounds else kind


def _list(node: Node) -> str:
    bounds = _bounds(node, "minItems", "maxItems", " items")
    return f"a list of {bounds}" if bounds else "a list"


def _object(node: Node) -> str:
    if "properties" not in node:
        return "an object"
    return f"an object with the fields {', '.join(node['properties'])}"


_PHRASES: dict[str, Callable[[Node], str]] = {
    "string": _text,
    "integer": _number,
    "number": _number,
    "boolean": lambda _: "true or false",
    "array": _list,
    "object": _object,
    "null": lambda _: "null",
}
