"""user-embeddings: where people stand among each other by the public channels that they use, a vector each.

The model holds the factors of channels and nothing of any person: a vector is computed from the channels that somebody
uses now, also for somebody met a second ago, and erasing a person leaves nothing of them in it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes

from quikapp_ml.errors import Damaged
from quikapp_ml.models.base import Model

N_DIMENSIONS = 32

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]


class UserEmbeddings(Model):
    """Vectors of length 1: people who use the same channels point the same way.

    `factors` (n_channels, N_DIMENSIONS) are the leading directions of the graph of people and channels, as the
    collaborative filter finds them, each as long as the root of its singular value; `n_users` (n_channels,) is how many
    people used each channel; `average` (N_DIMENSIONS,) is where people were on the average, as much as it counts for
    everybody: little is known of somebody with one channel, and much of somebody with twenty.
    """

    name: ClassVar[str] = "user-embeddings"
    inputs: ClassVar[Mapping[str, str]] = {"used_channels": "string", "channel_id": "string"}
    outputs: ClassVar[Mapping[str, str]] = {"affinity": "double"}

    def __init__(self, channel_ids: Sequence[str], factors: Numbers, n_users: Integers, average: Numbers) -> None:
        if factors.shape != (len(channel_ids), N_DIMENSIONS) or n_users.shape != (len(channel_ids),):
            raise Damaged(f"the factors of channels must be {len(channel_ids)} rows of {N_DIMENSIONS} numbers")
        if average.shape != (N_DIMENSIONS,):
            raise Damaged(f"the average of the embeddings must be {N_DIMENSIONS} numbers")
        if n_users.dtype.kind not in "iu" or (n_users < 1).any():
            raise Damaged("a channel of the embeddings must have been used by at least one person")
        self.channel_ids_ = tuple(channel_ids)
        self.factors_ = factors
        self.n_users_ = n_users
        self.average_ = average
        self._row = {channel_id: row for row, channel_id in enumerate(self.channel_ids_)}
        root = np.sqrt(n_users)[:, None]
        self._way_in = factors / root
        self._way_out = factors * root

    @classmethod
    def untrained(cls) -> Self:
        """Knows no channel: every vector is 0."""
        return cls((), np.zeros((0, N_DIMENSIONS)), np.zeros(0, dtype=np.int64), np.zeros(N_DIMENSIONS))

    def embed(self, used: Sequence[Iterable[str]]) -> Numbers:
        """(n_people, N_DIMENSIONS), each of length 1; of an untrained model 0 throughout.

        Who uses no channel that the model knows stands where people are on the average.
        """
        vectors = np.zeros((len(used), N_DIMENSIONS))
        for at, channel_ids in enumerate(used):
            rows = sorted(self._row[channel_id] for channel_id in set(channel_ids) if channel_id in self._row)
            vectors[at] = self._way_in[rows].sum(axis=0) + self.average_
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.where(lengths > 0, lengths, 1))

    def affinities(self, vectors: Numbers, channel_ids: Sequence[str]) -> Numbers:
        """(n_people, n_channels): how well each channel goes with each vector; 0 for unknown channels."""
        rows = np.array([self._row.get(channel_id, -1) for channel_id in channel_ids], dtype=int)
        known = np.flatnonzero(rows >= 0)
        found = np.zeros((len(vectors), len(channel_ids)))
        found[:, known] = vectors @ self._way_out[rows[known]].T
        return found

    def turned_to(self, other: Self) -> Self:
        """The same model, turned so that channels known to both lie as near as can be to where the other has them.

        A turn changes no angle between people. Without it, tomorrow's numbers would mean something else than today's:
        the directions of a singular value decomposition have no signs of their own, and close ones change places.
        """
        shared = sorted(set(self.channel_ids_) & set(other.channel_ids_))
        if not shared:
            return self
        here = self.factors_[[self._row[channel_id] for channel_id in shared]]
        there = other.factors_[[other._row[channel_id] for channel_id in shared]]
        turn, _ = orthogonal_procrustes(here, there)
        return type(self)(self.channel_ids_, self.factors_ @ turn, self.n_users_, self.average_ @ turn)

    def predict(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """How well `channel_id` goes with the ids in `used_channels`, which blanks divide."""
        used, asked = columns["used_channels"], columns["channel_id"]
        pairs = zip(used, asked, strict=True)
        return {"affinity": [float(self.affinities(self.embed([of.split()]), [one])[0, 0]) for of, one in pairs]}

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """The factors, how many used each channel, and the average."""
        return {"factors": self.factors_, "n_users": self.n_users_, "average": self.average_}

    def facts(self) -> dict[str, Any]:
        """The channels."""
        return {"channel_ids": list(self.channel_ids_)}

    @classmethod
    def from_parts(cls, arrays: dict[str, np.ndarray[Any, Any]], facts: dict[str, Any]) -> Self:
        """The opposite of `arrays` and `facts`. Raises Damaged."""
        try:
            return cls(facts["channel_ids"], arrays["factors"], arrays["n_users"], arrays["average"])
        except (KeyError, TypeError) as error:
            raise Damaged(f"the model {cls.name!r} cannot be read: {error!r}") from error
