from dataclasses import replace

import numpy as np
import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.off_policy import Log, doubly_robust, ips
from quikapp_ml.experiments.reward_model import Choices, cross_fitted


def world(rows: int = 6_000) -> tuple[Choices, Log, float]:
    """Two arms whose rewards follow one number, drawn evenly; the other policy takes the second arm mostly."""
    random = np.random.default_rng(8)
    known = random.normal(size=(rows, 1))
    chosen = random.integers(0, 2, rows)
    chances = 1 / (1 + np.exp(-np.column_stack([known[:, 0], -known[:, 0] + 1])))
    rewards = (random.random(rows) < chances[np.arange(rows), chosen]).astype(float)
    target = np.tile([0.1, 0.9], (rows, 1))
    log = Log(rewards, np.full(rows, 0.5), target[np.arange(rows), chosen])
    return Choices(known, chosen, rewards, target), log, float((chances * target).sum(axis=1).mean())


def test_rewards_are_foretold_and_the_estimate_is_narrower_and_right() -> None:
    choices, log, truth = world()
    found = cross_fitted(choices)
    robust, plain = doubly_robust(log, found.made, found.target).value, ips(log).value
    assert found.target.mean() == pytest.approx(truth, abs=0.02)
    assert abs(robust.estimate - truth) < 3 * robust.standard_error
    assert robust.standard_error < 0.8 * plain.standard_error


def test_no_decision_is_judged_by_a_model_that_has_seen_it() -> None:
    choices, _, _ = world(500)
    rewards = np.asarray(choices.rewards).copy()
    rewards[7] = 1 - rewards[7]
    before, after = cross_fitted(choices), cross_fitted(replace(choices, rewards=rewards))
    assert before.made[7] == after.made[7]
    assert before.made[8] != after.made[8]


def test_an_arm_that_was_never_taken_has_the_reward_of_all() -> None:
    choices, _, _ = world(1_000)
    wider = np.column_stack([np.zeros((1_000, 2)), np.ones(1_000)])
    found = cross_fitted(replace(choices, target=wider))
    assert found.target == pytest.approx(np.full(1_000, np.mean(np.asarray(choices.rewards))), abs=0.02)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rewards", [0.0, 2.0, 1.0]),
        ("chosen", [0, 1, 2]),
        ("contexts", [[1.0], [2.0]]),
        ("contexts", [1.0, 2.0, 3.0]),
        ("target", [[0.5, np.nan]] * 3),
    ],
)
def test_bad_choices_are_refused(field: str, value: object) -> None:
    good = Choices([[1.0], [2.0], [3.0]], [0, 1, 0], [0.0, 1.0, 1.0], [[0.5, 0.5]] * 3)
    with pytest.raises(InvalidInput, match=field):
        cross_fitted(replace(good, **{field: value}), folds=2)  # type: ignore[arg-type]


def test_folds_are_two_at_least() -> None:
    with pytest.raises(InvalidInput, match="folds"):
        cross_fitted(world(50)[0], folds=1)
