"""Campaigns: texts that are nearly the same, wherever they appear, have one id.

Fingerprints of the newest texts lie in a ring; buckets of locality-sensitive hashing point into it. All of it has a
fixed size, and what is old is overwritten or passed over. A text belongs to the campaign of the first one that it is
like, never to one of a mere variant, so that campaigns do not creep.
"""

import threading
from collections import OrderedDict
from hashlib import blake2b

import numpy as np

from quikapp_ml.models.fingerprint import N_HASHES, Fingerprint

ALIKE_FROM = 0.6
N_BANDS = 16
MAX_TEXTS = 32_768
MAX_AGE_SECONDS = 14 * 86_400.0
SPREAD_SECONDS = 86_400.0
"""Channels in which a text was posted are counted over this time."""
MAX_CHANNELS = 100
MAX_SPREAD = 5_000
MAX_CHECKED = 20_000
_N_BUCKETS = 65_536

_ROWS = N_HASHES // N_BANDS
_BANDS = np.arange(N_BANDS)
_WEIGHTS = np.array([0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F], dtype=np.uint64)


class Campaigns:
    """Ids of campaigns, and in how many channels their texts were posted. Times are unix seconds; any thread may ask.

    Texts become known by checks. Only posting counts: a text that was checked, and then posted by the same person.
    """

    def __init__(self, max_texts: int = MAX_TEXTS, max_age_seconds: float = MAX_AGE_SECONDS) -> None:
        self._max_age = max_age_seconds
        self._prints = np.zeros((max_texts, N_HASHES), dtype=np.uint32)
        self._times = np.full(max_texts, -np.inf)
        self._ids = [""] * max_texts
        self._buckets = np.zeros((N_BANDS, _N_BUCKETS), dtype=np.int32)
        self._next = 0
        self._checked: OrderedDict[int, str] = OrderedDict()
        self._spread: OrderedDict[str, dict[str, float]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, print_: Fingerprint, now: float) -> str:
        """The campaign of a text; for the first of its kind, the id that the next ones will have."""
        with self._lock:
            place = self._place(print_, now)
        return campaign_id(print_) if place is None else self._ids[place]

    def see(self, print_: Fingerprint, now: float, user_id: str, content: str) -> str:
        """`find`, and remember the text."""
        with self._lock:
            place = self._place(print_, now)
            found = campaign_id(print_) if place is None else self._ids[place]
            if place is None:
                self._keep(print_, found, now)
            elif self._is_leaving(place):
                self._keep(self._prints[place].copy(), found, now)
            else:
                self._times[place] = now
            self._checked[hash((user_id, content))] = found
            if len(self._checked) > MAX_CHECKED:
                self._checked.popitem(last=False)
        return found

    def keep(self, print_: Fingerprint, known_id: str, now: float) -> None:
        """Remember a text with the id that it once got: from an earlier process."""
        with self._lock:
            if self._place(print_, now) is None:
                self._keep(print_, known_id, now)

    def post(self, user_id: str, content: str, channel_id: str, at: float) -> None:
        """Somebody posted a text. It counts when the same person had it checked."""
        found = self._checked.get(hash((user_id, content)))
        if found is None:
            return
        with self._lock:
            channels = self._spread.setdefault(found, {})
            self._spread.move_to_end(found)
            channels.pop(channel_id, None)
            channels[channel_id] = at
            if len(channels) > MAX_CHANNELS:
                del channels[next(iter(channels))]
            if len(self._spread) > MAX_SPREAD:
                self._spread.popitem(last=False)

    def channels_of(self, known_id: str, now: float, besides: str | None = None) -> int:
        """In how many channels texts of a campaign were posted within the last day, one of them not counted."""
        with self._lock:
            channels = self._spread.get(known_id, {}).items()
            return sum(at > now - SPREAD_SECONDS and channel != besides for channel, at in channels)

    def _place(self, print_: Fingerprint, now: float) -> int | None:
        """The most alike text that is still known."""
        candidates = self._buckets[_BANDS, _bucket_of(print_)]
        alike = (self._prints[candidates] == print_).mean(axis=1)
        alike[self._times[candidates] < now - self._max_age] = 0.0
        best = int(alike.argmax())
        return int(candidates[best]) if alike[best] >= ALIKE_FROM else None

    def _keep(self, print_: Fingerprint, known_id: str, now: float) -> None:
        place = self._next
        self._next = (place + 1) % len(self._ids)
        self._prints[place], self._times[place], self._ids[place] = print_, now, known_id
        self._buckets[_BANDS, _bucket_of(print_)] = place

    def _is_leaving(self, place: int) -> bool:
        """Whether the ring will soon come by: a text that is still seen is written down anew."""
        return (place - self._next) % len(self._ids) < len(self._ids) // 4


def campaign_id(print_: Fingerprint) -> str:
    """The id of the campaign that a text founds; the same in every process."""
    return f"c-{blake2b(print_.tobytes(), digest_size=8).hexdigest()}"


def _bucket_of(print_: Fingerprint) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    mixed = print_.reshape(N_BANDS, _ROWS).astype(np.uint64) @ _WEIGHTS
    return ((mixed ^ (mixed >> np.uint64(29))) % np.uint64(_N_BUCKETS)).astype(np.int64)
