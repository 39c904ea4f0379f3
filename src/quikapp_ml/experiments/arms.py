# ruff: noqa: S608 what is not a constant of ours is quoted
"""What a bandit learns from: which answers were rewarded, by variant, in one statement for Sail and Apache Spark.

An answer is rewarded when the feedback that the first metric counts came on it in time; answers whose time is not over
are left out, or rewards that come late would speak against the variants that are asked most now. A unit counts once
for a variant, by the share of its answers that were rewarded: its answers are too alike to count each.
"""

from datetime import datetime

import pyarrow as pa

from quikapp_ml.entities.bandits import Learnt, LearntArm, TriedBandit
from quikapp_ml.entities.experiments import ExperimentSpec
from quikapp_ml.experiments.assignment import Why
from quikapp_ml.experiments.bandits import Arm, propensities
from quikapp_ml.experiments.metrics import ERASED, Statement, quoted
from quikapp_ml.stores.lake.tables import DECISIONS, FEEDBACK

_HOUR_MICROS = 3_600_000_000


def arms_statement(spec: ExperimentSpec, bandit: TriedBandit, until: datetime) -> Statement:
    """A row a variant: its units, and how many of them, by shares of their answers, were rewarded."""
    sql = f"""
WITH answers AS (
  SELECT decision_id, unit, variant, unix_micros(decided_at) AS at FROM decisions
  WHERE experiment = {quoted(spec.name)} AND unit <> '{ERASED}' AND assignment IN ('{Why.HASH}', '{Why.BANDIT}')
    AND unix_micros(decided_at) <= {round(until.timestamp() * 1e6)}
),
rewarded AS (
  SELECT DISTINCT a.decision_id FROM answers AS a JOIN feedback AS f ON f.decision_id = a.decision_id
  WHERE f.action = {quoted(spec.metrics[0].of)} AND unix_micros(f.received_at) >= a.at
    AND unix_micros(f.received_at) <= a.at + {round(bandit.within_hours * _HOUR_MICROS)}
),
units AS (
  SELECT a.variant, a.unit, AVG(CAST(CASE WHEN r.decision_id IS NULL THEN 0 ELSE 1 END AS DOUBLE)) AS rewarded
  FROM answers AS a LEFT JOIN rewarded AS r ON r.decision_id = a.decision_id
  GROUP BY a.variant, a.unit
)
SELECT variant, COUNT(*) AS n_units, SUM(rewarded) AS rewarded FROM units GROUP BY variant
"""
    return Statement(sql, {"decisions": DECISIONS, "feedback": FEEDBACK})


def learnt_from(spec: ExperimentSpec, bandit: TriedBandit, rows: pa.Table, until: datetime) -> Learnt:
    """What the rows of `arms_statement` say of each variant, and the shares that follow."""
    counts = {row["variant"]: (float(row["rewarded"]), int(row["n_units"])) for row in rows.to_pylist()}
    arms = {}
    for variant in spec.variants:
        rewarded, units = counts.get(variant.name, (0.0, 0))
        arms[variant.name] = Arm(rewarded, max(units - rewarded, 0.0))
    shares = propensities(list(arms.values()), bandit.floor)
    told = [
        LearntArm(variant=name, successes=arm.successes, failures=arm.failures, propensity=float(share))
        for (name, arm), share in zip(arms.items(), shares, strict=True)
    ]
    return Learnt(number=spec.learnt.number + 1 if spec.learnt else 1, until=until, arms=told)
