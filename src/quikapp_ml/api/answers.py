"""Answers on the wire: frozen values become JSON; a field that is None is left out."""

from typing import Any

import orjson
from starlette.responses import Response

_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_SERIALIZE_NUMPY


class JsonAnswer(Response):
    """A value as JSON: dataclasses, mappings, sequences, numbers and texts."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Write the value."""
        return orjson.dumps(content, default=_set_fields, option=_OPTIONS)


def _set_fields(value: Any) -> dict[str, Any]:
    names = getattr(type(value), "__dataclass_fields__", None)
    if names is None:
        raise TypeError(f"{type(value).__name__} has no form in JSON")
    return {name: found for name in names if (found := getattr(value, name)) is not None}
