import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.features.aggregates import Count, Decayed, Distinct, Mean, Rate, needs_other


def test_a_half_life_is_given_in_days() -> None:
    assert Decayed(("posted",), half_life_days=0.5).half_life_seconds == 43_200


def test_a_rate_counts_the_kinds_of_both_sides_once() -> None:
    rate = Rate(("reported",), ("reported", "replied"), prior=0.25, strength=8)
    assert rate.kinds == ("reported", "replied")
    assert rate.prior_count == 2


def test_impossible_aggregates_are_refused() -> None:
    with pytest.raises(InvalidInput, match="a window has 1 day or more; given was days=0"):
        Count(("posted",), days=0)
    with pytest.raises(InvalidInput, match="a window has 1 day or more; given was days=-1"):
        Distinct(("posted",), of="user_id", days=-1)
    with pytest.raises(InvalidInput, match="strength must be above 0, such as 20; given was 0"):
        Rate(("posted",), ("read",), prior=0.5, strength=0)


def test_what_has_to_wait_for_the_other_person() -> None:
    assert needs_other(Mean(("replied",)))
    assert needs_other(Distinct(("replied",), of="other_user_id", days=1))
    assert not needs_other(Distinct(("replied",), of="user_id", days=1))
    assert needs_other(Count(("replied",), towards_others=True))
    assert not needs_other(Count(("replied",)))


def test_sql_of_a_mean_with_and_without_a_bound() -> None:
    assert Mean(("replied",)).sql(0) == "AVG(CASE WHEN kind IN ('replied') THEN value END)"
    assert "AND value <= CAST(60 AS DOUBLE) THEN value END" in Mean(("replied",), at_most=60).sql(0)
