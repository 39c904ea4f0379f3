"""What can be known of the activities of one entity. Each compiles to Spark SQL; `online.py` counts it as well.

Days are those of UTC: a window of `days` reaches from the start of the day `days` - 1 days ago until now.
"""

from dataclasses import dataclass
from typing import Literal

from quikapp_ml.entities.activities import ActivityKind
from quikapp_ml.errors import InvalidInput
from quikapp_ml.features.expressions import Expression

SECONDS_PER_DAY = 86_400.0
_DAY_MICROS = 86_400_000_000

Field = Literal["user_id", "channel_id", "message_id", "other_user_id"]
"""Fields of an activity that say who, where, what, or towards whom."""


@dataclass(frozen=True)
class Count:
    """How often it happened: ever, or in the last `days` days; of all, or only `towards_others`."""

    kinds: tuple[ActivityKind, ...]
    days: int | None = None
    towards_others: bool = False

    def __post_init__(self) -> None:
        _check_days(self.days)

    def sql(self, as_of_micros: int) -> str:
        """The aggregate as a Spark SQL expression over activities."""
        wanted = in_window(self.kinds, self.days, as_of_micros)
        if self.towards_others:
            wanted += " AND other_user_id IS NOT NULL"
        return f"CAST(SUM(CASE WHEN {wanted} THEN 1 ELSE 0 END) AS DOUBLE)"


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
        return f"SUM(CASE WHEN {among(self.kinds)} THEN {weight} ELSE CAST(0 AS DOUBLE) END)"


@dataclass(frozen=True)
class LastTime:
    """When it happened last, in seconds since 1970; NaN (null in tables) when never."""

    kinds: tuple[ActivityKind, ...]

    def sql(self, as_of_micros: int) -> str:  # noqa: ARG002 the same for all aggregates
        """The aggregate as a Spark SQL expression over activities."""
        return f"MAX(CASE WHEN {among(self.kinds)} THEN CAST(unix_micros(event_time) AS DOUBLE) / 1000000 END)"


@dataclass(frozen=True)
class Mean:
    """The mean of the activities' `value`, of those that have one, up to `at_most`; NaN (null in tables) of none."""

    kinds: tuple[ActivityKind, ...]
    at_most: float = float("inf")

    def sql(self, as_of_micros: int) -> str:  # noqa: ARG002 the same for all aggregates
        """The aggregate as a Spark SQL expression over activities."""
        return f"AVG({self.value_sql})"

    @property
    def value_sql(self) -> str:
        """What is averaged, in Spark SQL: null of activities that do not count."""
        bound = "" if self.at_most == float("inf") else f" AND value <= CAST({self.at_most!r} AS DOUBLE)"
        return f"CASE WHEN {among(self.kinds)}{bound} THEN value END"


@dataclass(frozen=True)
class Rate:
    """How many of some things were of a kind: (numerator + `prior` x `strength`) / (denominator + `strength`).

    The fewer there are, the closer the rate is to the `prior`, as if `strength` things had been seen before.
    """

    numerator: tuple[ActivityKind, ...]
    denominator: tuple[ActivityKind, ...]
    prior: float
    strength: float

    def __post_init__(self) -> None:
        if not self.strength > 0:
            raise InvalidInput(f"a Rate's strength must be above 0, such as 20; given was {self.strength}")

    @property
    def kinds(self) -> tuple[ActivityKind, ...]:
        """Kinds of either side."""
        return tuple(dict.fromkeys((*self.numerator, *self.denominator)))

    @property
    def prior_count(self) -> float:
        """What is added to the numerator."""
        return self.prior * self.strength

    def sql(self, as_of_micros: int) -> str:
        """The aggregate as a Spark SQL expression over activities."""
        above, below = (Count(kinds).sql(as_of_micros) for kinds in (self.numerator, self.denominator))
        return self.of(above, below)

    def of(self, above: str, below: str) -> str:
        """The rate in Spark SQL, of two counts."""
        return (
            f"({above} + CAST({self.prior_count!r} AS DOUBLE)) / ({below} + CAST({float(self.strength)!r} AS DOUBLE))"
        )


@dataclass(frozen=True)
class Distinct:
    """How many different values of a field the activities of the last `days` days had."""

    kinds: tuple[ActivityKind, ...]
    of: Field
    days: int

    def __post_init__(self) -> None:
        _check_days(self.days)

    def sql(self, as_of_micros: int) -> str:
        """The aggregate as a Spark SQL expression over activities."""
        wanted = in_window(self.kinds, self.days, as_of_micros)
        return f"CAST(COUNT(DISTINCT CASE WHEN {wanted} THEN {self.of} END) AS DOUBLE)"


@dataclass(frozen=True)
class Derived:
    """Arithmetic over other features of the view, such as `Derived("n_replies / n_messages")`.

    `now` is the moment of the question, in seconds since 1970: `Derived("now - last_posted_at")`.
    """

    formula: str

    @property
    def expression(self) -> Expression:
        """The formula, read."""
        return Expression(self.formula)


NOW = "now"

Aggregate = Count | Decayed | LastTime | Mean | Rate | Distinct
Feature = Aggregate | Derived


def among(kinds: tuple[ActivityKind, ...]) -> str:
    """A condition in SQL: one of these kinds."""
    return f"kind IN ({', '.join(repr(kind) for kind in kinds)})"


def needs_other(aggregate: Aggregate) -> bool:
    """Whether it counts what is only known together with the other person, perhaps later than the activity."""
    match aggregate:
        case Mean() | Distinct(of="other_user_id") | Count(towards_others=True):
            return True
        case _:
            return False


def _check_days(days: int | None) -> None:
    if days is not None and days < 1:
        raise InvalidInput(f"a window has 1 day or more; given was days={days}")


def in_window(kinds: tuple[ActivityKind, ...], days: int | None, as_of_micros: int) -> str:
    """A condition in SQL: one of these kinds, in the last `days` days."""
    if days is None:
        return among(kinds)
    first = (as_of_micros // _DAY_MICROS - days + 1) * _DAY_MICROS
    return f"{among(kinds)} AND unix_micros(event_time) >= {first}"
