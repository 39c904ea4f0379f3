"""How many people an experiment needs, from what the people of this workspace did."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from quikapp_ml.entities.events import EVENT_TYPES
from quikapp_ml.entities.experiments import OF_ANSWERS
from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.power import power_at, smallest_effect, units_needed
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.tables import EVENTS, FEEDBACK


@dataclass(frozen=True)
class Power:
    """What the history says: of so many people a window, this mean and deviation of the metric a person."""

    people: int
    mean: float
    deviation: float
    effect: float
    """The difference of means that is sought."""
    needed: int
    """People of both variants together that find it, four times in five."""
    found_with_all: float
    """How likely all people of the workspace find it."""
    smallest_relative: float
    """The least relative change that all people find, four times in five."""


def power(lake: Lake, of: str, relative_effect: float, days: float, share: float = 0.5) -> Power:
    """Of a metric counted from an event type or an action of feedback, a person, in the newest `days` of the tables.

    Raises InvalidInput on what is no event, and when nothing of it is in the tables.
    """
    if of in OF_ANSWERS:
        raise InvalidInput(f"{of!r} is measured on answers; power is told of events and feedback: give one of those")
    counts = _counts(lake, of, days)
    mean, deviation = float(counts.mean()), float(counts.std(ddof=1))
    effect = relative_effect * mean
    return Power(
        people=len(counts),
        mean=mean,
        deviation=deviation,
        effect=effect,
        needed=units_needed(effect, deviation, treatment_share=share),
        found_with_all=power_at(len(counts), effect, deviation, treatment_share=share),
        smallest_relative=smallest_effect(len(counts), deviation, treatment_share=share) / mean,
    )


def _counts(lake: Lake, of: str, days: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """How often each person did it; 0 for those who only did something else."""
    everybody = _recent(lake, EVENTS.name, "event_time", "type", days)
    rows = everybody
    if of not in EVENT_TYPES:
        rows = _recent(lake, FEEDBACK.name, "received_at", "action", days)
    done = rows.filter(pc.equal(rows["kind"], of))
    people = pc.unique(pa.concat_tables([everybody, done])["user_id"].drop_null())
    if not len(done) or len(people) < 2:
        raise InvalidInput(f"the tables hold no {of!r} of the newest {days:g} days; name another, or more --days")
    found = done["user_id"].value_counts()
    by_person = dict(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True))
    return np.array([by_person.get(one, 0) for one in people.to_pylist()], dtype=np.float64)


def _recent(lake: Lake, table: str, time: str, kind: str, days: float) -> pa.Table:
    if not lake.exists(table):
        return pa.table({"user_id": pa.array([], pa.string()), "kind": pa.array([], pa.string())})
    rows = lake.read(table, ["user_id", time, kind]).rename_columns(["user_id", "at", "kind"])
    newest = pc.max(rows["at"]).as_py() or datetime.now(UTC)
    since = pa.scalar(newest - timedelta(days=days), rows["at"].type)
    return rows.filter(pc.greater(rows["at"], since)).select(["user_id", "kind"])
