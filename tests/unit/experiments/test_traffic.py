from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.experiments.rollout import Limits
from quikapp_ml.experiments.traffic import Requests, StageTraffic, traffic_evidence

LIMITS = Limits(least_units=50, least_hours=1.0, at_most_errors=0.01, at_most_slower=0.5)
CHAMPION = Requests(950, 0, 9_500.0)


@given(st.lists(st.integers(0, 50), max_size=20))
def test_counts_of_a_stage_add_up_whatever_the_looks(asked: list[int]) -> None:
    traffic, total = StageTraffic.of({}).at("5", Requests(7), Requests(3)), 3
    for more in asked:
        total += more
        traffic = StageTraffic.of(asdict(traffic)).at("5", Requests(7), Requests(total))
    assert traffic.challenger.asked == sum(asked)
    assert traffic.champion.asked == 0


def test_another_stage_begins_anew_and_a_restart_loses_nothing_that_was_kept() -> None:
    traffic = StageTraffic.of({}).at("5", Requests(100), Requests(10)).at("5", Requests(120), Requests(15))
    assert (traffic.champion.asked, traffic.challenger.asked) == (20, 5)
    restarted = traffic.at("5", Requests(4), Requests(2))
    assert (restarted.champion.asked, restarted.challenger.asked) == (24, 7)
    assert restarted.at("20", Requests(9), Requests(9)).challenger == Requests()


@pytest.mark.parametrize(
    ("challenger", "hours", "harm", "unclear"),
    [
        (Requests(50, 0, 500.0), 2.0, "", ""),
        (Requests(50, 0, 500.0), 0.5, "", "0.5 of 1 hours"),
        (Requests(49, 0, 490.0), 2.0, "", "49 of 50 requests"),
        (Requests(5, 3, 50.0), 0.1, "failed at 3 of 5 requests", ""),
        (Requests(1_000, 9, 10_000.0), 2.0, "", ""),
        (Requests(50, 0, 751.0), 0.1, "take 50% longer", ""),
    ],
)
def test_what_counts_say(challenger: Requests, hours: float, harm: str, unclear: str) -> None:
    found = traffic_evidence(StageTraffic("5", CHAMPION, challenger), hours, LIMITS)
    assert harm in found.harm
    assert unclear in found.unclear
    assert (bool(found.harm), bool(found.unclear)) == (bool(harm), bool(unclear))


def test_failures_that_the_champion_has_too_are_not_its_own() -> None:
    failing = Requests(1_000, 100, 10_000.0)
    assert traffic_evidence(StageTraffic("5", failing, failing), 2.0, LIMITS).harm == ""
    assert traffic_evidence(StageTraffic("100", Requests(), Requests(60, 0, 600.0)), 2.0, LIMITS).harm == ""
