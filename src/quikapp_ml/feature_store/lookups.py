"""What a training set asks for: features of a table by key, or a function of columns."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from quikapp_ml.errors import InvalidInput

_FUNCTION_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")


@dataclass(frozen=True)
class FeatureLookup:
    """Features of one table, joined to a data frame by key and, where the table has times, by time.

    `lookup_key` names the columns of the data frame in the order of the table's primary keys (its timestamp key left
    out). `lookback_window` bounds how old a value may be, both ends included. `default_values` are by output name, and
    stand where no value was found or it is null.
    """

    table_name: str
    lookup_key: str | Sequence[str]
    feature_names: str | Sequence[str] | None = None
    timestamp_lookup_key: str | None = None
    lookback_window: timedelta | None = None
    default_values: Mapping[str, Any] = field(default_factory=dict)
    rename_outputs: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lookup_key", as_names(self.lookup_key))
        if self.feature_names is not None:
            object.__setattr__(self, "feature_names", as_names(self.feature_names))
        object.__setattr__(self, "default_values", dict(self.default_values or {}))
        object.__setattr__(self, "rename_outputs", dict(self.rename_outputs or {}))
        if self.lookback_window is not None and self.lookback_window < timedelta(0):
            raise InvalidInput(f"lookback_window {self.lookback_window} of table {self.table_name} is negative")
        if self.lookback_window is not None and self.timestamp_lookup_key is None:
            raise InvalidInput(f"lookback_window of table {self.table_name} needs a timestamp_lookup_key beside it")


@dataclass(frozen=True)
class FeatureFunction:
    """A column computed from others by a function that the engine knows by name.

    `input_bindings` is parameter → column, in the order of the function's parameters. The function is one of Spark's
    own or one registered with the session: `spark.udf.register(name, function, type)`.
    """

    udf_name: str
    input_bindings: Mapping[str, str]
    output_name: str

    def __post_init__(self) -> None:
        if not _FUNCTION_NAME.fullmatch(self.udf_name):
            raise InvalidInput(f"udf_name {self.udf_name!r} must be the name of a function, of letters, digits and _")
        object.__setattr__(self, "input_bindings", dict(self.input_bindings))


def as_names(given: str | Sequence[str]) -> tuple[str, ...]:
    """One name or several, as a tuple. Raises InvalidInput without any, and when one is given twice."""
    names = (given,) if isinstance(given, str) else tuple(given)
    if not names or len(set(names)) < len(names):
        raise InvalidInput(f"names {names!r}: give at least one, and each once")
    return names
