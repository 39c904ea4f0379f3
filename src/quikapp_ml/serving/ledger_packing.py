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

from quikapp_ml.entities.decisions import ItemType
from quikapp_ml.errors import Damaged
from quikapp_ml.features.frame import FeatureFrame, Floats

_CODEC = pa.Codec("lz4")
_FLOAT_BYTES = 8


class Candidates(NamedTuple):
    """Candidates of one type: ids, sources, what the model saw (n_items, n_names), its scores (n_items,), and kin."""

    item_ids: Sequence[str]
    sources: Sequence[str]
    frame: FeatureFrame
    scores: Floats
    kin: Sequence[int] = ()

    @property
    def texts(self) -> dict[str, Any]:
        """All but the numbers."""
        return {"item_ids": self.item_ids, "sources": self.sources, "names": self.frame.names, "kin": self.kin}


class Pools(NamedTuple):
    """The candidates of a decision by type. The numbers of all types are packed as one.

    No dataclass: orjson would write its fields out instead of asking for `packed`.
    """

    by_type: Mapping[ItemType, Candidates]

    def packed(self) -> dict[str, Any]:
        """As JSON."""
        pools = self.by_type.values()
        columns = b"".join([part for one in pools for part in (one.frame.values.tobytes("F"), one.scores.tobytes())])
        return {"types": {name: one.texts for name, one in self.by_type.items()}, "numbers": _packed(columns)}

    @classmethod
    def unpacked(cls, given: Mapping[Any, Any]) -> "Pools":
        """The opposite of `packed`; what older versions wrote, with numbers of each type, too. Raises Damaged."""
        try:
            if "numbers" not in given:
                return cls(
                    {name: _candidates(one, _unpacked(one["numbers"], _size(one))) for name, one in given.items()}
                )
            types, start = given["types"], 0
            numbers = _unpacked(given["numbers"], sum(map(_size, types.values())))
            pools = {}
            for name, one in types.items():
                pools[name] = _candidates(one, numbers[start : start + _size(one)])
                start += _size(one)
            return cls(pools)
        except (KeyError, TypeError, ValueError, OSError, AttributeError, pa.ArrowException) as error:
            raise Damaged(f"the candidates of a decision cannot be read: {error!r}") from error


def _size(texts: Mapping[str, Any]) -> int:
    """How many numbers there are: a column for each name, and the scores."""
    return len(texts["item_ids"]) * (len(texts["names"]) + 1)


def _candidates(texts: Mapping[str, Any], numbers: Floats) -> Candidates:
    item_ids, names = list(texts["item_ids"]), tuple(texts["names"])
    columns = numbers.reshape(len(names) + 1, len(item_ids)).T
    frame = FeatureFrame(names, np.ascontiguousarray(columns[:, :-1]))
    return Candidates(item_ids, list(texts["sources"]), frame, columns[:, -1].copy(), list(texts.get("kin", ())))


def _packed(columns: bytes) -> str:
    text = b2a_base64(_CODEC.compress(columns, asbytes=True), newline=False)
    return text.replace(b"+", b"-").replace(b"/", b"_").decode("ascii")


def _unpacked(text: str, n_numbers: int) -> Floats:
    columns = _CODEC.decompress(urlsafe_b64decode(text), n_numbers * _FLOAT_BYTES, asbytes=True)
    numbers: Floats = np.frombuffer(columns, dtype=np.float64)
    return numbers
