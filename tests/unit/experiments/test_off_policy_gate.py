"""Clicks of simulated people who look at rank k with a chance of 1/k, so that the truth is known."""

import numpy as np
import pytest

from quikapp_ml.experiments.off_policy_gate import Shown, estimated, gate_evidence

N_ITEMS = 10
WORTH = np.linspace(0.9, 0.05, N_ITEMS)


def shown(n: int, champion_noise: float, challenger_noise: float, seed: int = 8) -> tuple[Shown, float]:
    """Decisions by a champion, and the clicks a shown item that the challenger would bring in truth."""
    random = np.random.default_rng(seed)
    logged = np.argsort(-(WORTH + random.normal(0, champion_noise, (n, N_ITEMS))), axis=1)
    wanted = np.argsort(-(WORTH + random.normal(0, challenger_noise, (n, N_ITEMS))), axis=1)
    rank, challenger = np.argsort(logged, axis=1) + 1, np.argsort(wanted, axis=1) + 1
    clicked = random.random((n, N_ITEMS)) < WORTH / rank
    decision = np.repeat(np.arange(n), N_ITEMS)
    truth = float((WORTH / challenger).mean())
    return Shown(decision, rank.ravel(), challenger.ravel(), clicked.ravel()), truth


@pytest.mark.parametrize("noise", [0.0, 0.3, 3.0])
def test_it_knows_what_another_order_would_bring(noise: float) -> None:
    log, truth = shown(4_000, 0.5, noise)
    found = estimated(log)
    assert found.ips.value.estimate == pytest.approx(truth, rel=0.06)
    assert found.change.estimate == pytest.approx((found.ips.value.estimate - found.before) * N_ITEMS)
    assert 0 < found.ips.effective_sample_size <= log.rank.size


def test_what_both_have_in_common_is_no_noise() -> None:
    log, _ = shown(2_000, 0.3, 0.3)
    swapped = np.select([log.rank == 1, log.rank == 2], [2, 1], log.rank)
    found = estimated(Shown(log.decision, log.rank, swapped, log.clicked))
    assert found.change.standard_error < 0.9 * found.ips.value.standard_error * N_ITEMS


def test_the_same_order_is_worth_what_it_was() -> None:
    log, _ = shown(300, 0.5, 0.5)
    same = Shown(log.decision, log.rank, log.rank, log.clicked)
    assert estimated(same).ips.value.estimate == pytest.approx(log.clicked.mean())
    assert gate_evidence(same, 200, 0.2).told.startswith("by ")


def test_a_bad_one_does_not_pass_and_a_good_one_does() -> None:
    worse, _ = shown(3_000, 0.1, 5.0)
    assert "surely by more than -20%" in gate_evidence(worse, 200, 0.2).harm
    better, _ = shown(3_000, 1.0, 0.0)
    found = gate_evidence(better, 200, 0.2)
    assert (found.harm, found.unclear) == ("", "")
    assert found.numbers["low"] > 0


def test_little_said_is_waited_for() -> None:
    few, _ = shown(15, 0.5, 5.0)
    assert "the past says little yet" in gate_evidence(few, 5_000, 0.2).unclear
    nobody = Shown(few.decision, few.rank, few.challenger_rank, np.zeros(few.rank.size, dtype=bool))
    assert "no decisions with clicks" in gate_evidence(nobody, 200, 0.2).unclear
    assert "no decisions with clicks" in gate_evidence(None, 200, 0.2).unclear


def test_items_that_it_would_not_show_earn_nothing() -> None:
    log, _ = shown(2_000, 0.1, 0.1)
    hides = Shown(log.decision, log.rank, np.where(log.rank == 1, 0, log.rank - 1), log.clicked)
    assert estimated(hides).ips.value.estimate < log.clicked.mean()
