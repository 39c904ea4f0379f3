"""Who began to use which public channel when: what collaborative filtering learns from."""

from dataclasses import dataclass, replace

import numpy as np

from quikapp_ml.features.frame import Floats
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.models.recommendation import ItemSimilarity
from quikapp_ml.training.choices import Integers
from quikapp_ml.training.similarity import learn_similarity


@dataclass(frozen=True)
class Adoptions:
    """Who began to use which public channel when: three arrays of one length, in the order of time."""

    channel_ids: tuple[str, ...]
    users: Integers
    channels: Integers
    at: Floats

    def __len__(self) -> int:
        return len(self.at)

    def before(self, moment: float) -> "Adoptions":
        """Those of the past."""
        past = self.at < moment
        return replace(self, users=self.users[past], channels=self.channels[past], at=self.at[past])

    def similarity(self) -> ItemSimilarity:
        """Which channels are alike by these adoptions."""
        return learn_similarity(self.channel_ids, self.users, self.channels)

    def used_by(self, user: int, moment: float) -> list[str]:
        """Channels that a person used before a moment."""
        return [self.channel_ids[at] for at in self.channels[(self.users == user) & (self.at < moment)]]

    def n_used_before(self, users: Integers, moments: Floats) -> Integers:
        """(n,): how many times each of these people had begun to use a channel before a moment of their own."""
        counts = [int(((self.users == user) & (self.at < at)).sum()) for user, at in zip(users, moments, strict=True)]
        return np.array(counts, dtype=np.int64)


class AdoptionsBuilder:
    """Collects adoptions one by one, in the order of time."""

    def __init__(self) -> None:
        self._seen: list[tuple[int, str, float]] = []

    def add(self, user: int, channel_id: str, at: float) -> None:
        """Somebody, known by a number, began to use a channel."""
        self._seen.append((user, channel_id, at))

    def build(self, workspace: Workspace | None) -> Adoptions:
        """Everything added. Channels that are not open to everybody in the end are not learnt from."""
        open_ids = open_channels(workspace) if workspace else []
        rows = {channel_id: row for row, channel_id in enumerate(open_ids)}
        public = [(user, rows[channel], at) for user, channel, at in self._seen if channel in rows]
        return Adoptions(
            tuple(open_ids),
            np.array([user for user, _, _ in public], dtype=np.int64),
            np.array([row for _, row, _ in public], dtype=np.int64),
            np.array([at for _, _, at in public], dtype=float),
        )


def open_channels(workspace: Workspace) -> list[str]:
    """Channels that everybody may see now, in the order of their ids."""
    channels = workspace.channels
    return [
        one
        for one in sorted(channels)
        if channels[one].is_known and not channels[one].is_private and not channels[one].is_archived
    ]
