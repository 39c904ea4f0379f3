"""Which text that was seen is this one like? A ring of fingerprints, and buckets of hashing that point into it.

All of it has a fixed size: what is old is overwritten, or passed over.
"""

import numpy as np

from quikapp_ml.models.fingerprint import N_HASHES, Fingerprint

ALIKE_FROM = 0.6
N_BANDS = 16

_BANDS = np.arange(N_BANDS)
_WEIGHTS = np.array([0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F], dtype=np.uint64)


class Nearby:
    """The newest `max_texts` fingerprints with a name each. Not safe for several threads at once."""

    def __init__(self, max_texts: int, max_age_seconds: float) -> None:
        self._max_age = max_age_seconds
        self._prints = np.zeros((max_texts, N_HASHES), dtype=np.uint32)
        self._times = np.full(max_texts, -np.inf)
        self._names = [""] * max_texts
        self._buckets = np.zeros((N_BANDS, 2 * max_texts), dtype=np.int32)
        self._next = 0

    def find(self, print_: Fingerprint, now: float) -> str | None:
        """The name of the text that is most alike, if one is alike enough and not too old."""
        place = self._place(print_, now)
        return None if place is None else self._names[place]

    def refresh(self, print_: Fingerprint, now: float) -> str | None:
        """`find`, and keep what was found: it is in use."""
        place = self._place(print_, now)
        if place is None:
            return None
        if (place - self._next) % len(self._names) < len(self._names) // 4:  # the ring will come by soon
            self.keep(self._prints[place].copy(), self._names[place], now)
        self._times[place] = now
        return self._names[place]

    def keep(self, print_: Fingerprint, name: str, now: float) -> None:
        """Write a fingerprint down in the place of the oldest."""
        place = self._next
        self._next = (place + 1) % len(self._names)
        self._prints[place], self._times[place], self._names[place] = print_, now, name
        self._buckets[_BANDS, self._bucket_of(print_)] = place

    def _place(self, print_: Fingerprint, now: float) -> int | None:
        candidates = self._buckets[_BANDS, self._bucket_of(print_)]
        alike = np.add.reduce(self._prints[candidates] == print_, axis=1)
        alike[self._times[candidates] < now - self._max_age] = 0
        best = int(alike.argmax())
        return int(candidates[best]) if alike[best] >= ALIKE_FROM * N_HASHES else None

    def _bucket_of(self, print_: Fingerprint) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        mixed = print_.reshape(N_BANDS, N_HASHES // N_BANDS).astype(np.uint64) @ _WEIGHTS
        return ((mixed ^ (mixed >> np.uint64(29))) % np.uint64(self._buckets.shape[1])).astype(np.int64)
