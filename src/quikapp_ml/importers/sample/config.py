from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from quikapp_ml.entities.events import EARLIEST_EVENT_TIME
from quikapp_ml.errors import InvalidInput, Problem

_LIMITS = {"users": (2, 1_000_000), "days": (1, 3_650)}


@dataclass(frozen=True, slots=True)
class SampleConfig:
    """How large a sample workspace is, and which one: the same values give the same bytes.

    `users` counts all people who are there at some time; `until` is the end of the last day.
    """

    users: int = 200
    days: int = 45
    seed: int = 7
    until: datetime = datetime(2026, 6, 1, tzinfo=UTC)

    def __post_init__(self) -> None:
        for name, (low, high) in _LIMITS.items():
            given = getattr(self, name)
            if not low <= given <= high:
                message = f"{name} is {given}; allowed is {low} to {high}"
                raise InvalidInput(message, (Problem(name, "out_of_range", message, str(given)),))
        if self.until.tzinfo is None:
            message = f"until is {self.until.isoformat()} without a time zone; add one, such as +00:00"
            raise InvalidInput(message, (Problem("until", "time_zone_missing", message, self.until.isoformat()),))
        if self.until - EARLIEST_EVENT_TIME < timedelta(days=self.days):
            message = f"{self.days} days before {self.until.isoformat()} is too early; no event may be before 2000"
            raise InvalidInput(message, (Problem("until", "time_too_early", message, self.until.isoformat()),))
