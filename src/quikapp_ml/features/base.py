"""What a feature view is: features over activities, declared once and compiled twice.

`FeatureView.sql` makes a table of values as they were at a moment; `features/online.py` keeps the same values current,
event by event. `tests/integration/test_feature_parity.py` replays a log through both and compares every value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from quikapp_ml.entities.activities import ActivityKind
from quikapp_ml.errors import InvalidInput
from quikapp_ml.features.aggregates import NOW, Aggregate, Derived, Feature, Field, among

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class FeatureView:
    """Named features of one kind of thing; `entity_key` names the fields of an activity that say which one.

    An activity that lacks a part of the key is not counted. `keep_newest` bounds the online values: of the entities
    that share the first part of the key, so many that were touched last are kept.
    """

    name: str
    entity_key: tuple[Field, ...]
    features: Mapping[str, Feature]
    comment: str
    keep_newest: int | None = None

    def __post_init__(self) -> None:
        if len(self.entity_key) not in (1, 2):
            raise InvalidInput(f"feature view {self.name}: entity_key {self.entity_key} must name one or two fields")
        for name, derived in self.derived.items():
            unknown = [one for one in derived.expression.names if one not in (NOW, *self.aggregates)]
            if unknown:
                raise InvalidInput(
                    f"feature view {self.name}: {name} is derived from {', '.join(unknown)}; "
                    f"it may use {', '.join((*self.aggregates, NOW))}"
                )

        if NOW in self.features:
            raise InvalidInput(f"feature view {self.name}: {NOW} is the moment of the question, and no feature")

    @property
    def aggregates(self) -> dict[str, Aggregate]:
        """The features that are counted, by name."""
        return {name: one for name, one in self.features.items() if not isinstance(one, Derived)}

    @property
    def derived(self) -> dict[str, Derived]:
        """The features that are computed from counted ones, by name."""
        return {name: one for name, one in self.features.items() if isinstance(one, Derived)}

    @property
    def kinds(self) -> tuple[ActivityKind, ...]:
        """Every kind of activity that some feature of the view counts, sorted."""
        return tuple(sorted({kind for aggregate in self.aggregates.values() for kind in aggregate.kinds}))

    def sql(self, activities: str, as_of: datetime, known_by: datetime | None = None) -> str:
        """One SELECT in Spark SQL: the key, the features as they were at `as_of`, and `as_of`; a row for each entity.

        `activities` names the view to read. With `known_by`, what was learnt of only after it does not count either;
        nor does an earlier activity towards somebody who was learnt of only after it.
        """
        micros = micros_of(as_of)
        source = activities if known_by is None else _known(activities, micros_of(known_by))
        counted = [*self.entity_key, *(f"{one.sql(micros)} AS {name}" for name, one in self.aggregates.items())]
        of_each = (
            f"SELECT {', '.join(counted)}, timestamp_micros({micros}) AS as_of FROM {source} "  # noqa: S608 ours
            f"WHERE {self.counts(micros)} GROUP BY {', '.join(self.entity_key)}"
        )
        return self.with_derived(of_each, as_of)

    @property
    def is_whole(self) -> str:
        """A condition in SQL: an activity has all parts of the key."""
        return " AND ".join(f"{part} IS NOT NULL" for part in self.entity_key)

    def counts(self, as_of_micros: int) -> str:
        """A condition in SQL: an activity is counted at the moment, by some feature."""
        return f"{self.is_whole} AND {among(self.kinds)} AND unix_micros(event_time) <= {as_of_micros}"

    def with_derived(self, counted: str, as_of: datetime) -> str:
        """A SELECT of the key, all features and `as_of`, around one of the key, those that are counted, and `as_of`."""
        if not self.derived:
            return counted
        now = {NOW: f"(CAST({micros_of(as_of)} AS DOUBLE) / 1000000)"}
        told = [
            f"{one.expression.sql(now)} AS {name}" if isinstance(one, Derived) else name
            for name, one in self.features.items()
        ]
        return f"SELECT {', '.join((*self.entity_key, *told))}, as_of FROM ({counted}) AS counted"  # noqa: S608 ours


def _known(activities: str, micros: int) -> str:
    """The activities as they were known then."""
    other = f"CASE WHEN unix_micros(other_ingest_time) <= {micros} THEN"
    return (
        "(SELECT event_time, kind, user_id, channel_id, message_id, "  # noqa: S608 ours
        f"{other} other_user_id END AS other_user_id, {other} value END AS value "
        f"FROM {activities} WHERE unix_micros(ingest_time) <= {micros}) AS known"
    )


def micros_of(time: datetime) -> int:
    """Microseconds since 1970."""
    return (time - _EPOCH) // _MICROSECOND
