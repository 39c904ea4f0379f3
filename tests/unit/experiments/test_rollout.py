"""The state machine: what follows from what is known."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.entities.rollouts import SHARES
from quikapp_ml.experiments.results import Arrivals, ExperimentResults, Finding, MetricResult
from quikapp_ml.experiments.rollout import (
    ENDED,
    PROMOTED,
    ROLLED_BACK,
    Evidence,
    Limits,
    planned_units,
    share_of,
    stages_of,
    step_evidence,
    verdict,
)

STAGES = (*stages_of(SHARES), ROLLED_BACK)
TEXTS = st.sampled_from(["", "because"])
EVIDENCE = st.builds(Evidence, TEXTS, TEXTS, TEXTS)
LIMITS = Limits(least_units=50, least_hours=24.0, at_most_errors=0.01, at_most_slower=0.5)
ARRIVALS = Arrivals({"champion": 900, "challenger": 100}, 0, 0, 0.8, "Units arrive as promised.", [])
CLICKS = MetricResult(
    "clicks", "click", "rate", "guardrail", "challenger", Finding.HOLDS, "clicks: fine.", 1_000, 0.3, 0.3,
    change=0.0, low=-0.04, high=0.04, at_most=0.05, worse="lower",
)  # fmt: skip
FOUND = ExperimentResults("ranks-20", "Better.", "user", datetime(2026, 11, 1, tzinfo=UTC), ARRIVALS, [CLICKS], [])


@given(st.sampled_from(STAGES), EVIDENCE)
def test_it_goes_one_stage_on_or_back_or_stays(stage: str, evidence: Evidence) -> None:
    found = verdict(stage, SHARES, evidence)
    on = dict(pairwise(stages_of(SHARES))).get(stage)
    assert found.stage in (stage, on, ROLLED_BACK)
    if stage in ENDED:
        assert found.stage == stage
    elif evidence.harm:
        assert found == verdict(stage, SHARES, replace(evidence, unclear="", told=""))
        assert found.stage == ROLLED_BACK
    else:
        assert found.stage == (stage if evidence.unclear else on)


@given(st.lists(EVIDENCE, max_size=30))
def test_nobody_is_let_in_by_a_jump_and_an_end_is_an_end(looks: list[Evidence]) -> None:
    walked = ["gate"]
    for look in looks:
        walked.append(verdict(walked[-1], SHARES, look).stage)
    shares = [share_of(stage) for stage in walked if stage != ROLLED_BACK]
    assert shares == sorted(shares)
    assert set(shares) <= {0.0, 0.01, 0.05, 0.2, 0.5, 1.0}
    ends = [stage for stage in walked if stage in ENDED]
    assert len(set(ends)) <= 1
    if PROMOTED in walked:
        assert list(dict.fromkeys(walked)) == list(stages_of(SHARES))


def test_a_step_waits_for_time_units_and_guardrails() -> None:
    assert step_evidence(FOUND, 5.0, 0.2, 0.5, LIMITS).unclear == "5.0 of 24 hours have passed"
    few = replace(FOUND, arrivals=replace(ARRIVALS, units={"champion": 900, "challenger": 12}))
    assert step_evidence(few, 25.0, 0.2, 0.5, LIMITS).unclear == "12 of 50 users have had it"
    fine = step_evidence(FOUND, 25.0, 0.2, 0.5, LIMITS)
    assert (fine.harm, fine.unclear) == ("", "")
    assert fine.told == "100 users have had it, and every guardrail holds"
    assert fine.numbers["metrics"]["clicks"]["low"] == -0.04


@pytest.mark.parametrize(("next_share", "goes_on"), [(0.05, True), (0.2, True), (0.5, False), (1.0, False)])
def test_the_more_the_next_step_lets_in_the_surer_it_must_be(next_share: float, goes_on: bool) -> None:
    loses = replace(FOUND, metrics=[replace(CLICKS, low=-0.12)])
    assert bool(step_evidence(loses, 25.0, 0.2, next_share, LIMITS).unclear) is not goes_on
    rises = replace(CLICKS, worse="higher", low=-0.5, high=0.12)
    assert bool(step_evidence(replace(FOUND, metrics=[rises]), 25.0, 0.2, next_share, LIMITS).unclear) is not goes_on


def test_a_guardrail_without_numbers_holds_nothing_up_only_when_nobody_did_it() -> None:
    unknown = replace(CLICKS, low=None, high=None)
    assert "not sure yet" in step_evidence(replace(FOUND, metrics=[unknown]), 25.0, 0.2, 0.5, LIMITS).unclear
    nobody = replace(unknown, control_value=0.0, value=0.0, is_relative=False, worse="higher")
    assert not step_evidence(replace(FOUND, metrics=[nobody]), 25.0, 0.2, 0.5, LIMITS).unclear
    silent = replace(nobody, worse="lower")
    assert "not sure yet" in step_evidence(replace(FOUND, metrics=[silent]), 25.0, 0.2, 0.5, LIMITS).unclear
    challenger_only = replace(nobody, value=0.1)
    assert step_evidence(replace(FOUND, metrics=[challenger_only]), 25.0, 0.2, 0.5, LIMITS).unclear
    at_100 = replace(FOUND, metrics=[replace(unknown, finding=Finding.UNKNOWN)])
    assert step_evidence(at_100, 25.0, 1.0, 1.0, LIMITS).told == "100 users have had it, without failures"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (replace(FOUND, arrivals=replace(ARRIVALS, mismatch_p_value=0.001, sentence="Differ.")), "Differ."),
        (replace(FOUND, arrivals=replace(ARRIVALS, fallbacks=3)), "failed at 3 answers to 100 users"),
        (replace(FOUND, metrics=[replace(CLICKS, finding=Finding.BROKEN, change=-0.1)]), "clicks must not get"),
        (replace(FOUND, metrics=[replace(CLICKS, metric="latency-p95", low=0.51)]), "51% longer at least"),
        (replace(FOUND, metrics=[replace(CLICKS, metric="errors", finding=Finding.BROKEN)]), "errors must not get"),
    ],
)  # fmt: skip
def test_harm_is_harm_at_once(found: ExperimentResults, said: str) -> None:
    evidence = step_evidence(found, 0.0, 0.2, 0.5, LIMITS)
    assert said in evidence.harm
    assert verdict("20", SHARES, evidence).stage == ROLLED_BACK


def test_a_handful_of_units_breaks_no_guardrail() -> None:
    broken = replace(FOUND, metrics=[replace(CLICKS, finding=Finding.BROKEN, change=-0.1)])
    few = replace(broken, arrivals=replace(ARRIVALS, units={"champion": 990, "challenger": 49}))
    assert step_evidence(few, 25.0, 0.2, 0.5, LIMITS).harm == ""
    assert step_evidence(few, 25.0, 0.2, 0.5, replace(LIMITS, least_units=20)).harm.startswith("clicks must")
    assert step_evidence(broken, 25.0, 0.2, 0.5, replace(LIMITS, least_units=1_000)).harm.startswith("clicks must")


def test_a_broken_guardrail_is_told_in_one_sentence() -> None:
    broken = replace(CLICKS, finding=Finding.BROKEN, change=-0.1, low=-0.15, high=-0.05)
    harm = step_evidence(replace(FOUND, metrics=[broken]), 0.0, 0.2, 0.5, LIMITS).harm
    assert harm == "clicks must not get lower, and it surely did: -10.0% (-15.0% to -5.0%), from 1,000 users"
    absent = replace(broken, is_relative=False, low=None, worse="higher")
    assert (
        "it was not there before, from" in step_evidence(replace(FOUND, metrics=[absent]), 0.0, 0.2, 0.5, LIMITS).harm
    )


def test_a_little_slower_and_two_failures_are_no_harm() -> None:
    slower = replace(CLICKS, metric="latency-p95", low=0.1, high=0.9, finding=Finding.BROKEN)
    found = replace(FOUND, metrics=[slower], arrivals=replace(ARRIVALS, fallbacks=2))
    assert step_evidence(found, 25.0, 0.2, 0.5, LIMITS).harm == ""


def test_intervals_are_narrowest_where_the_step_is_decided() -> None:
    assert planned_units(5_000, 0.5, 1.0) == 5_000
    assert planned_units(5_000, 0.01, 0.05) == 316
    assert planned_units(5_000, 0.2, 0.5) == 1_953
    assert planned_units(5_000, 1.0, 1.0) == 5_000
