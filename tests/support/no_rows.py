"""An engine over empty tables."""

from collections.abc import Mapping

import pyarrow as pa

from quikapp_ml.stores.lake.base import Compute
from quikapp_ml.stores.lake.memory import MemoryLake

_TEXTS, _COUNTS = ("unit", "variant", "role", "team"), ("since", "day", "n_answers", "n_fallbacks")
_NUMBERS = ("counted", "out_of", "before")


class NoRows(Compute):
    """Answers what statements of experiments answer when nobody was let in."""

    def query(self, sql: str, tables: Mapping[str, str], versions: Mapping[str, int] | None = None) -> pa.Table:
        """No rows, of every column that such a statement has."""
        kinds = {_TEXTS: pa.string(), _COUNTS: pa.int64(), _NUMBERS: pa.float64()}
        return pa.table({name: pa.array([], kind) for names, kind in kinds.items() for name in names})

    def close(self) -> None:
        """Nothing to give back."""


class Nowhere(MemoryLake):
    """Tables that `NoRows` needs not find."""

    def uri(self, name: str) -> str:
        """Its name."""
        return name
