from datetime import UTC, datetime

import pyarrow as pa
import pytest

from quikapp_ml.entities.bandits import TriedBandit
from quikapp_ml.experiments.arms import arms_statement, learnt_from
from quikapp_ml.experiments.bandits import Arm, propensities
from support.trial_rows import spec

UNTIL = datetime(2026, 11, 23, 8, tzinfo=UTC)
BANDIT = TriedBandit(floor=0.1, within_hours=0.5)
TRIAL = spec(3, metrics=[{"name": "reads", "of": "read", "source": "feedback"}], bandit=BANDIT.model_dump())


def test_counts_become_arms_and_shares_and_a_variant_without_answers_is_unknown() -> None:
    rows = pa.table({"variant": ["new", "control"], "n_units": [40, 100], "rewarded": [20.5, 30.0]})
    found = learnt_from(TRIAL, BANDIT, rows, UNTIL)
    assert [(arm.variant, arm.successes, arm.failures) for arm in found.arms] == [
        ("control", 30.0, 70.0), ("new", 20.5, 19.5), ("other", 0.0, 0.0),
    ]  # fmt: skip
    shares = propensities([Arm(30.0, 70.0), Arm(20.5, 19.5), Arm()], 0.1)
    assert [arm.propensity for arm in found.arms] == pytest.approx(shares)
    assert (found.number, found.until) == (1, UNTIL)
    after = learnt_from(TRIAL.model_copy(update={"learnt": found}), BANDIT, rows, UNTIL)
    assert (after.number, after.arms) == (2, found.arms)


def test_the_statement_asks_for_the_reward_in_its_time() -> None:
    sql = arms_statement(TRIAL, BANDIT, UNTIL).sql
    assert "f.action = 'read'" in sql
    assert "a.at + 1800000000" in sql
    assert f"<= {round(UNTIL.timestamp() * 1e6)}" in sql
