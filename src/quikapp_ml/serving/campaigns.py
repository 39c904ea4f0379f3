"""Campaigns: texts that are nearly the same, wherever they appear, have one id.

A text belongs to the campaign of the first one that it is like, never to that of a mere variant, so that campaigns do
not creep.
"""

import threading
from collections import OrderedDict
from hashlib import blake2b

from quikapp_ml.entities.events import Event, Message
from quikapp_ml.models.fingerprint import Fingerprint
from quikapp_ml.serving.nearby import Nearby

MAX_TEXTS = 32_768
MAX_AGE_SECONDS = 14 * 86_400.0
SPREAD_SECONDS = 86_400.0
"""Channels in which a text was posted are counted over this time."""
MAX_CHANNELS = 100
MAX_SPREAD = 5_000
MAX_CHECKED = 20_000


class Campaigns:
    """Ids of campaigns, and in how many channels their texts were posted. Times are unix seconds; any thread may ask.

    Texts become known by checks. Only posting counts: a text that was checked, and then posted by the same person.
    """

    def __init__(self, max_texts: int = MAX_TEXTS, max_age_seconds: float = MAX_AGE_SECONDS) -> None:
        self._nearby = Nearby(max_texts, max_age_seconds)
        self._checked: OrderedDict[int, str] = OrderedDict()
        self._spread: OrderedDict[str, dict[str, float]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, print_: Fingerprint, now: float) -> str:
        """The campaign of a text; for the first of its kind, the id that the next ones will have."""
        with self._lock:
            return self._nearby.find(print_, now) or campaign_id(print_)

    def see(self, print_: Fingerprint, now: float, user_id: str, content: str) -> str:
        """`find`, and remember the text."""
        with self._lock:
            found = self._nearby.refresh(print_, now)
            if found is None:
                found = campaign_id(print_)
                self._nearby.keep(print_, found, now)
            self._checked[hash((user_id, content))] = found
            if len(self._checked) > MAX_CHECKED:
                self._checked.popitem(last=False)
        return found

    def keep(self, print_: Fingerprint, known_id: str, now: float) -> None:
        """Remember a text with the id that it once got: from an earlier process."""
        with self._lock:
            if self._nearby.find(print_, now) is None:
                self._nearby.keep(print_, known_id, now)

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

    def witness(self, event: Event) -> None:
        """Note where a person posted what."""
        if isinstance(event, Message) and event.content and not event.is_bot:
            self.post(event.user_id, event.content, event.channel_id, event.unix_seconds)

    def channels_of(self, known_id: str, now: float, besides: str | None = None) -> int:
        """In how many channels texts of a campaign were posted within the last day, one of them not counted."""
        with self._lock:
            channels = self._spread.get(known_id, {}).items()
            return sum(at > now - SPREAD_SECONDS and channel != besides for channel, at in channels)


def campaign_id(print_: Fingerprint) -> str:
    """The id of the campaign that a text founds; the same in every process."""
    return f"c-{blake2b(print_.tobytes(), digest_size=8).hexdigest()}"
