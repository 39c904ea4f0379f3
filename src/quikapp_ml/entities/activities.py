"""What feature views count: who did what, where, and towards whom. Derived from events, one or more an event."""

from dataclasses import dataclass
from typing import Literal

ActivityKind = Literal["posted", "replied", "mentioned", "reacted", "read", "joined", "left", "reported"]


@dataclass(frozen=True, slots=True)
class Activity:
    """One thing that somebody did; `at` is the event time in seconds since 1970.

    `replied`, `reacted` and `reported` point at another's message: `message_id` is that message (for a reply, the first
    of its thread) and `other_user_id` its author. `mentioned` points at the person named. Nobody is other to oneself:
    then, and while the author is not known, `other_user_id` is None.

    `value` of a `replied` is how many seconds the other person waited for it, when that is above zero.

    An activity that `completes` an earlier one only adds what was not known before: the other person, and the value.
    """

    kind: ActivityKind
    at: float
    user_id: str
    channel_id: str
    message_id: str | None = None
    other_user_id: str | None = None
    completes: bool = False
    value: float | None = None
