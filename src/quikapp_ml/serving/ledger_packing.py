"""All that a model chose from, small enough to be kept with every answer, and exact to the last bit.

Feature values and scores are float64, column by column, the bytes of equal weight together: most of them are zeros
then, and LZ4 leaves little. Texts stay JSON.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from quikapp_ml.errors import Damaged
from quikapp_ml.features.frame import FeatureFrame, Floats

_CODEC = "lz4"


@dataclass(frozen=True)
class Candidates:
    """Candidates of one type: ids, sources, what the model saw (n_items, n_names) and its scores (n_items,)."""

    item_ids: Sequence[str]
    sources: Sequence[str]
    frame: FeatureFrame
    scores: Floats

    def packed(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "item_ids": self.item_ids,
            "sources": self.sources,
            "names": self.frame.names,
            "numbers": _packed(np.column_stack((self.frame.values, self.scores))),
        }

    @classmethod
    def unpacked(cls, given: Mapping[str, Any]) -> "Candidates":
        """The opposite of `packed`. Raises Damaged."""
        try:
            item_ids, names = list(given["item_ids"]), tuple(given["names"])
            numbers = _unpacked(given["numbers"], len(item_ids), len(names) + 1)
            values = np.ascontiguousarray(numbers[:, :-1])
            return cls(item_ids, list(given["sources"]), FeatureFrame(names, values), numbers[:, -1].copy())
        except (KeyError, TypeError, ValueError, OSError, pa.ArrowException) as error:
            raise Damaged(f"the candidates of a decision cannot be read: {error!r}") from error


def _packed(numbers: Floats) -> str:
    columns = np.ascontiguousarray(numbers.T)
    shuffled = columns.view(np.uint8).reshape(-1, 8).T.tobytes()
    return urlsafe_b64encode(pa.compress(shuffled, codec=_CODEC, asbytes=True)).decode("ascii")


def _unpacked(text: str, n_rows: int, n_columns: int) -> Floats:
    n_bytes = n_rows * n_columns * 8
    shuffled = pa.decompress(urlsafe_b64decode(text), decompressed_size=n_bytes, codec=_CODEC, asbytes=True)
    parts = np.frombuffer(shuffled, dtype=np.uint8).reshape(8, -1)
    numbers: Floats = np.ascontiguousarray(parts.T).view(np.float64).reshape(n_columns, n_rows).T
    return numbers
