"""What kind of thread somebody picks, beside what was there to pick: a share of choices over a share of chances."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

EDGES: Mapping[str, Sequence[float]] = {
    "age": [4.0, 5.0, 5.7, 6.4, 7.0, 7.6, 8.2, 8.8, 9.4, 10.0, 10.6, 11.2, 11.7],
    "rank": [0.1, 0.8, 1.2, 1.5, 1.9, 2.3, 2.7, 3.1, 3.5, 3.9, 4.3, 4.7],
    "lifetime": [5.0, 6.0, 7.0, 8.0, 8.8, 9.6, 10.4, 11.2, 12.0, 13.0, 14.5],
    "posts": [0.8, 1.2, 1.5, 1.9, 2.3, 2.7, 3.1, 3.6, 4.2, 5.0],
    "people": [0.8, 1.2, 1.5, 1.7, 1.9, 2.2, 2.6, 3.0],
    "starter_had_written": [0.1, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.5, 10.0],
    "last_wrote": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.5, 10.0],
    "own_posts_since": [0.1, 0.8, 1.2, 1.7, 2.2, 2.8, 3.4, 4.2, 5.0],
    "new_since_session": [0.5, 1.5, 2.5, 4.5, 8.5, 15.5],
    "people_lately": [0.1, 0.25, 0.5, 0.8, 1.2, 1.7, 2.5, 4.0],
}
"""Where the bins of a feature begin; chosen before any result was seen."""
N_BINS = 1 + max(len(edges) for edges in EDGES.values())
STRENGTH = 20.0
"""So many choices of everybody stand behind those of one person."""
FADE = 0.995


class Habits:
    """Counts of what was chosen and of what could have been, by feature and bin, of each person and of everybody."""

    def __init__(self) -> None:
        self._of: dict[int, Array] = {}
        self._all = np.ones((2, len(EDGES), N_BINS))

    def lifts(self, person: int, columns: Mapping[str, Array]) -> tuple[dict[str, Array], Array]:
        """For each feature how much more often its bin is chosen than offered (log), and the bins, for `learn`."""
        bins = np.array([np.searchsorted(edges, columns[name], "right") for name, edges in EDGES.items()])
        everybody = self._all / self._all.sum(axis=2, keepdims=True)
        own = self._of.get(person, np.zeros_like(self._all)) + STRENGTH * everybody
        lift = np.log((own[0] + 0.05) / (own[1] + 0.05))
        found = {f"habit_{name}": lift[at, bins[at]] for at, name in enumerate(EDGES)}
        return {**found, "habit_sum": np.asarray(sum(found.values()))}, bins

    def learn(self, person: int, bins: Array, chosen: int) -> None:
        """Count a choice, once it is made: a position in the bins that `lifts` gave."""
        seen = np.zeros((2, len(EDGES), N_BINS))
        features = np.arange(len(EDGES))
        seen[0, features, bins[:, chosen]] = 1.0
        for at in features:
            seen[1, at] = np.bincount(bins[at], minlength=N_BINS) / bins.shape[1]
        self._of[person] = self._of.get(person, np.zeros_like(seen)) * FADE + seen
        self._all += seen
