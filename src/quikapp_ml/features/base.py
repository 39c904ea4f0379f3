"""What a feature view is: aggregates over activities, declared once and compiled twice.

`FeatureView.sql` makes a table of values as they were at a moment; `features/online.py` keeps the same values current,
event by event. `tests/integration/test_feature_parity.py` replays a log through both and compares every value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from quikapp_ml.entities.activities import ActivityKind
from quikapp_ml.errors import InvalidInput

SECONDS_PER_DAY = 86_400.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

KeyField = Literal["user_id", "channel_id", "message_id", "other_user_id"]


@dataclass(frozen=True)
class Count:
    """How often it happened, ever."""

    kinds: tuple[ActivityKind, ...]

    def sql(self, as_of_micros: int) -> str:  # noqa: ARG002 the same for all aggregates
        """The aggregate as a Spark SQL expression over activities."""
        return f"CAST(SUM(CASE WHEN {_among(self.kinds)} THEN 1 ELSE 0 END) AS DOUBLE)"


@dataclass(frozen=True)
class Decayed:
    """How often it happened, where one that is `half_life_days` old counts half, one twice as old a quarter, and so on.

    Unlike a count in a window it needs no list of times, fades without a jump, and takes late events in any order.
    """

    kinds: tuple[ActivityKind, ...]
    half_life_days: float

    @property
    def half_life_seconds(self) -> float:
        """The half-life in seconds."""
        return self.half_life_days * SECONDS_PER_DAY

    def sql(self, as_of_micros: int) -> str:
        """The aggregate as a Spark SQL expression over activities."""
        age_micros = f"CAST({as_of_micros} - unix_micros(event_time) AS DOUBLE)"
        weight = f"POW(CAST(2 AS DOUBLE), -{age_micros} / CAST({self.half_life_seconds * 1e6:.0f} AS DOUBLE))"
        return f"SUM(CASE WHEN {_among(self.kinds)} THEN {weight} ELSE CAST(0 AS DOUBLE) END)"


@dataclass(frozen=True)
class LastTime:
    """When it happened last, in seconds since 1970; NaN (null in tables) when never."""

    kinds: tuple[ActivityKind, ...]

    def sql(self, as_of_micros: int) -> str:  # noqa: ARG002 the same for all aggregates
        """The aggregate as a Spark SQL expression over activities."""
        return f"MAX(CASE WHEN {_among(self.kinds)} THEN CAST(unix_micros(event_time) AS DOUBLE) / 1000000 END)"


Aggregate = Count | Decayed | LastTime


@dataclass(frozen=True)
class FeatureView:
    """Named aggregates about one kind of thing; `entity_key` names the fields of an activity that say which one.

    An activity that lacks a part of the key is not counted. `keep_newest` bounds the online values: of the entities
    that share the first part of the key, so many that were touched last are kept.
    """

    name: str
    entity_key: tuple[KeyField, ...]
    features: Mapping[str, Aggregate]
    comment: str
    keep_newest: int | None = None

    def __post_init__(self) -> None:
        if len(self.entity_key) not in (1, 2):
            raise InvalidInput(f"feature view {self.name}: entity_key {self.entity_key} must name one or two fields")

    @property
    def kinds(self) -> tuple[ActivityKind, ...]:
        """Every kind of activity that some feature of the view counts, sorted."""
        return tuple(sorted({kind for aggregate in self.features.values() for kind in aggregate.kinds}))

    def sql(self, activities: str, as_of: datetime, known_by: datetime | None = None) -> str:
        """One SELECT in Spark SQL: the key, the features as they were at `as_of`, and `as_of`; a row for each entity.

        `activities` names the view to read. With `known_by`, what was learnt of only after it does not count either.
        """
        micros = _micros(as_of)
        columns = [*self.entity_key, *(f"{one.sql(micros)} AS {name}" for name, one in self.features.items())]
        wanted = [f"{part} IS NOT NULL" for part in self.entity_key]
        wanted += [_among(self.kinds), f"unix_micros(event_time) <= {micros}"]
        if known_by is not None:
            wanted.append(f"unix_micros(ingest_time) <= {_micros(known_by)}")
        return (
            f"SELECT {', '.join(columns)}, timestamp_micros({micros}) AS as_of FROM {activities} "  # noqa: S608 ours
            f"WHERE {' AND '.join(wanted)} GROUP BY {', '.join(self.entity_key)}"
        )


def _among(kinds: tuple[ActivityKind, ...]) -> str:
    return f"kind IN ({', '.join(repr(kind) for kind in kinds)})"


def _micros(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND
