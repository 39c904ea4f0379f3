# ruff: noqa: S608 what is not a constant of ours is quoted
"""Metrics as statements: each declared metric of an experiment is one SELECT, the same on Sail and Apache Spark.

A row is what a unit did on one day: `unit`, `variant` and `since` (its first answer, µs since 1970), `day` (days since
1970; null for a unit that did nothing), `counted`, `out_of` (answers, for ratios) and `before`: the same count as long
before the first answer as the window is after it, for CUPED. A quantile has one row an answer instead.

The windows hang on the time when things happened, so an event that comes a week late counts from the next look on.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from quikapp_ml.entities.experiments import APPEAL_UPHELD, ExperimentSpec, Metric, Source, Subject
from quikapp_ml.errors import InvalidInput
from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.tables import ACTIVITIES, DECISIONS, EVENTS, FEEDBACK, USERS

DAY_MICROS = 86_400_000_000
COUNTED = ("hash", "fallback")
"""Ways to come to a variant that count: testers (`override`) do not."""
ERASED = "erased"

_UNIT_COLUMNS = {"user": "user_id", "channel": "channel_id"}
_ANSWER_COLUMNS = {"latency": "latency_ms", "degraded": "CASE WHEN degraded THEN 1 ELSE 0 END"}
_TABLES: dict[Source, Table] = {
    "events": EVENTS, "feedback": FEEDBACK, "activities": ACTIVITIES, "decisions": DECISIONS,
}  # fmt: skip

_EVERYWHERE = (
    Metric(name="latency-p95", of="latency", kind="quantile"),
    Metric(name="errors", of="degraded", kind="ratio"),
)
DEFAULTS: Mapping[Subject, tuple[Metric, ...]] = {
    "recommendations": (
        Metric(name="clicks", of="click"),
        Metric(name="joins", of="join", source="feedback"),
        Metric(name="dismissals", of="dismiss"),
        *_EVERYWHERE,
    ),
    "rank": (
        Metric(name="clicks", of="click"),
        Metric(name="replies", of="reply"),
        Metric(name="reads", of="read", source="feedback"),
        *_EVERYWHERE,
    ),
    "spam-check": (
        Metric(name="reports", of="reported", kind="ratio"),
        Metric(name="appeals-upheld", of=APPEAL_UPHELD, kind="ratio"),
        *_EVERYWHERE,
    ),
    "sentiment": _EVERYWHERE,
}
"""What is watched in every experiment on a subject, beside the metrics of its own."""


@dataclass(frozen=True)
class Statement:
    """One SELECT, and the table behind each view that it names."""

    sql: str
    tables: Mapping[str, Table]


def watched(spec: ExperimentSpec) -> list[Metric]:
    """The default metrics that the experiment does not have already."""
    own = (*spec.metrics, *spec.guardrails)
    measured, named = {(one.of, one.kind) for one in own}, {one.name for one in own}
    defaults = DEFAULTS[spec.subject]
    return [one for one in defaults if (one.of, one.kind) not in measured and one.name not in named]


def metric_statement(spec: ExperimentSpec, metric: Metric) -> Statement:
    """What units did, by the metric. Raises InvalidInput where it cannot be counted by this unit."""
    source = metric.found_in
    tables: dict[str, Table] = {"decisions": DECISIONS, source: _TABLES[source]}
    if metric.kind == "quantile":
        return Statement(_each_answer(spec, metric), tables)
    if source == "decisions":
        return Statement(_by_day(spec, metric, [_answers(_ANSWER_COLUMNS[metric.of])]), tables)
    parts = _feedback(spec, metric) if source == "feedback" else [_happened(spec, metric)]
    if metric.kind == "ratio":
        parts.append(_answers("0"))
    return Statement(_by_day(spec, metric, parts), tables)


def units_statement(spec: ExperimentSpec) -> Statement:
    """Every unit with its variant, first answer, how many answers it had, and how many of them were control's."""
    sql = f"""
WITH {_units(spec)}
SELECT u.unit, u.variant, u.since, COUNT(*) AS n_answers,
       SUM(CASE WHEN a.assignment = 'fallback' THEN 1 ELSE 0 END) AS n_fallbacks
FROM units AS u JOIN answers AS a ON a.unit = u.unit
GROUP BY u.unit, u.variant, u.since
"""
    return Statement(sql, {"decisions": DECISIONS})


def had_statement(spec: ExperimentSpec) -> Statement:
    """The variant of each unit's first answer, and how likely it was then."""
    sql = f"""
SELECT unit, variant, propensity FROM (
  SELECT unit, variant, propensity, ROW_NUMBER() OVER (PARTITION BY unit ORDER BY decided_at, decision_id) AS nth
  FROM decisions WHERE {_answered(spec)}
) AS firsts WHERE nth = 1
"""
    return Statement(sql, {"decisions": DECISIONS})


def segments_statement(spec: ExperimentSpec) -> Statement:
    """Role and team of the people of an experiment by user, as they are now."""
    sql = f"""
WITH {_units(spec)}
SELECT u.unit, p.role, p.team FROM units AS u JOIN users AS p ON p.user_id = u.unit WHERE p.is_current
"""
    return Statement(sql, {"decisions": DECISIONS, "users": USERS})


def _units(spec: ExperimentSpec) -> str:
    """A unit counts for the variant of its first answer, also where that was control's for want of it."""
    return f"""
answers AS (
  SELECT decision_id, unit, variant, assignment, latency_ms, degraded, unix_micros(decided_at) AS at,
         ROW_NUMBER() OVER (PARTITION BY unit ORDER BY decided_at, decision_id) AS nth
  FROM decisions WHERE {_answered(spec)}
),
units AS (SELECT unit, variant, at AS since FROM answers WHERE nth = 1{_since_weighed(spec)})"""


def _answered(spec: ExperimentSpec) -> str:
    ways = ", ".join(map(quoted, COUNTED))
    return f"experiment = {quoted(spec.name)} AND unit <> '{ERASED}' AND assignment IN ({ways})"


def _since_weighed(spec: ExperimentSpec) -> str:
    """Units of other weights are not compared: they came at another time, in other shares."""
    return "" if spec.weighed_at is None else f" AND at >= {round(spec.weighed_at.timestamp() * 1e6)}"


def _by_day(spec: ExperimentSpec, metric: Metric, parts: list[str]) -> str:
    window = round(metric.window_days * DAY_MICROS)
    return f"""
WITH {_units(spec)},
done AS ({" UNION ALL ".join(parts)})
SELECT u.unit, u.variant, u.since, CAST(FLOOR(d.at / {DAY_MICROS}) AS BIGINT) AS day,
       SUM(CASE WHEN d.is_after AND d.at >= u.since THEN d.amount ELSE 0 END) AS counted,
       SUM(CASE WHEN d.is_after AND d.at >= u.since THEN d.whole ELSE 0 END) AS out_of,
       SUM(CASE WHEN d.is_before AND d.at < u.since THEN d.amount ELSE 0 END) AS before
FROM units AS u
LEFT JOIN done AS d ON d.unit = u.unit AND d.at >= u.since - {window} AND d.at < u.since + {window}
GROUP BY u.unit, u.variant, u.since, CAST(FLOOR(d.at / {DAY_MICROS}) AS BIGINT)
"""


def _row(unit: str, at: str, amount: str, whole: int, *, is_after: bool, is_before: bool) -> str:
    return (
        f"SELECT {unit} AS unit, {at} AS at, CAST({amount} AS DOUBLE) AS amount, CAST({whole} AS DOUBLE) AS whole, "
        f"{str(is_after).lower()} AS is_after, {str(is_before).lower()} AS is_before"
    )


def _answers(amount: str) -> str:
    return f"{_row('unit', 'at', amount, 1, is_after=True, is_before=False)} FROM answers"


def _happened(spec: ExperimentSpec, metric: Metric) -> str:
    if spec.unit not in _UNIT_COLUMNS:
        raise InvalidInput(
            f"metric {metric.name!r} counts {metric.of!r}, but {metric.found_in} name no {spec.unit}; count feedback, "
            "latency or degraded, or divide by user or channel"
        )
    table, kind = ("events", "type") if metric.found_in == "events" else ("activities", "kind")
    row = _row(_UNIT_COLUMNS[spec.unit], "unix_micros(event_time)", "1", 0, is_after=True, is_before=True)
    return f"{row} FROM {table} WHERE {kind} = {quoted(metric.of)}"


def _feedback(spec: ExperimentSpec, metric: Metric) -> list[str]:
    """Feedback on answers of the experiment; before it, what the person fed back on any answer."""
    source, action = "feedback", metric.of
    if action == APPEAL_UPHELD:
        action, source = "ham", (
            "(SELECT f.decision_id, f.received_at, f.user_id, f.action FROM feedback AS f "
            "JOIN feedback AS asked ON asked.decision_id = f.decision_id AND asked.action = 'appeal' "
            "AND asked.received_at <= f.received_at AND (f.user_id IS NULL OR asked.user_id <> f.user_id))"
        )  # fmt: skip
    at = "unix_micros(f.received_at)"
    on_answers = _row("a.unit", at, "1", 0, is_after=True, is_before=False)
    parts = [
        f"{on_answers} FROM {source} AS f JOIN answers AS a ON a.decision_id = f.decision_id "
        f"WHERE f.action = {quoted(action)}"
    ]
    if spec.unit == "user" and metric.of != APPEAL_UPHELD:
        earlier = _row("f.user_id", at, "1", 0, is_after=False, is_before=True)
        parts.append(f"{earlier} FROM feedback AS f WHERE f.action = {quoted(action)}")
    return parts


def _each_answer(spec: ExperimentSpec, metric: Metric) -> str:
    window = round(metric.window_days * DAY_MICROS)
    return f"""
WITH {_units(spec)}
SELECT u.unit, u.variant, u.since, CAST(FLOOR(a.at / {DAY_MICROS}) AS BIGINT) AS day, a.latency_ms AS counted,
       CAST(1 AS DOUBLE) AS out_of, CAST(0 AS DOUBLE) AS before
FROM units AS u JOIN answers AS a ON a.unit = u.unit AND a.at < u.since + {window}
WHERE a.latency_ms IS NOT NULL
"""


def quoted(text: str) -> str:
    """A SQL string: both engines read backslash escapes in it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
