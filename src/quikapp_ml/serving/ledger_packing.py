"""All that a model chose from, small enough to be kept with every answer, and exact to the last bit.

Feature values and scores are float64, column by column, by LZ4, for many of them are zeros. The text of it has no
characters between which an erasure could take a part of it for somebody's name. Texts stay JSON.
"""

from base64 import urlsafe_b64decode
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from quikapp_ml.errors import Damaged
from quikapp_ml.features.frame import FeatureFrame, Floats

_CODEC = pa.Codec("lz4")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class Candidates(NamedTuple):
    """Candidates of one type: ids, sources, what the model saw (n_items, n_names) and its scores (n_items,).

    No dataclass: orjson would write its fields out instead of asking for `packed`.
    """

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
            "numbers": _packed(self.frame.values, self.scores),
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


def _packed(values: Floats, scores: Floats) -> str:
    columns = values.tobytes("F") + scores.tobytes()
    text = b2a_base64(_CODEC.compress(columns, asbytes=True), newline=False)
    return text.translate(_URL_SAFE).decode("ascii")


def _unpacked(text: str, n_rows: int, n_columns: int) -> Floats:
    columns = _CODEC.decompress(urlsafe_b64decode(text), n_rows * n_columns * 8, asbytes=True)
    numbers: Floats = np.frombuffer(columns, dtype=np.float64).reshape(n_columns, n_rows).T
    return numbers
