"""How much others turned to a person, of what the person may know."""

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from quikapp_ml.features.frame import Floats
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import MessageFacts, Workspace

REPLY, REACTION = 3.0, 1.0
"""Weights. Mentions have none: they may stand where the person never was."""
MAX_MESSAGES_REREAD = 200
_VIEW = "user_user_affinity"
_HALF_LIFE_SECONDS = 30 * 86_400.0


class Reach:
    """Replies and reactions to one person as of `now`.

    They are counted without their channels. So for somebody who was in a channel that they may not look into now, they
    are counted again, from the messages that are kept of those channels of theirs into which they may.
    """

    def __init__(self, workspace: Workspace, features: OnlineFeatures, user_id: str, now: float) -> None:
        self._workspace = workspace
        self._features = features
        self._user_id = user_id
        self._now = now

    def of(self, user_ids: Sequence[str]) -> Floats:
        """(n_people,): how much each turned to the person."""
        if self._has_lost_sight:
            return np.array([self._in_sight.get(user_id, 0.0) for user_id in user_ids], dtype=float)
        reach = np.zeros(len(user_ids))
        turned = self._features.known(_VIEW, user_ids, self._user_id)
        if turned:
            keys = [(user_ids[at], self._user_id) for at in turned]
            counted = self._features.matrix(_VIEW, keys, self._now, ("replied_30d", "reacted_30d"))
            reach[turned] = counted @ (REPLY, REACTION)
        return reach

    @cached_property
    def _has_lost_sight(self) -> bool:
        person = self._workspace.people.get(self._user_id)
        return person is not None and not all(self._sees(channel_id) for channel_id in person.left)

    @cached_property
    def _in_sight(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for channel_id in filter(self._sees, sorted(self._workspace.people[self._user_id].left)):
            for message in self._workspace.recent_messages(channel_id, MAX_MESSAGES_REREAD):
                for other, at, weight in self._turns(channel_id, message):
                    faded = weight * 2.0 ** ((at - self._now) / _HALF_LIFE_SECONDS)
                    found[other] = found.get(other, 0.0) + faded
        return found

    def _sees(self, channel_id: str) -> bool:
        return self._workspace.may_see(self._user_id, channel_id)

    def _turns(self, channel_id: str, message: MessageFacts) -> Iterator[tuple[str, float, float]]:
        """Who turned to the person by a message, or by a reaction to one; when, and what that weighs."""
        if message.author_id == self._user_id:
            for name, (at, is_removed) in (message.reactions or {}).items():
                if not is_removed:
                    yield name.partition("\t")[0], at, REACTION
        elif message.author_id is not None and message.thread_id is not None:
            first = self._workspace.message(channel_id, message.thread_id)
            if first is not None and first.author_id == self._user_id:
                yield message.author_id, message.posted_at, REPLY
