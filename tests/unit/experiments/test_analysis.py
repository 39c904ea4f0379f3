"""Analyses whose right answers are known: a difference is found, none is not, and many metrics fool nobody."""

import pytest

from quikapp_ml.entities.experiments import Guardrail, Metric
from quikapp_ml.experiments.analysis import MAX_LOOKS, Counted, analysed
from quikapp_ml.experiments.results import Finding
from support.trial_rows import CLICKS, counted, spec


def test_a_difference_is_found_day_by_day() -> None:
    (found,) = analysed(spec(), [counted([5, 6])])
    assert (found.metric, found.role, found.variant, found.units) == ("clicks", "deciding", "new", 2_000)
    assert found.finding == Finding.HIGHER
    assert found.control_value == pytest.approx(5, abs=0.3)
    assert found.change is not None and found.low is not None and found.high is not None
    assert 0 < found.low < 0.2 < found.high
    assert found.fixed_low is not None and found.fixed_high is not None
    assert found.low < found.fixed_low < found.change < found.fixed_high < found.high
    assert [look.day for look in found.looks] == list(range(10))
    assert [look.units for look in found.looks] == list(range(200, 2_001, 200))
    last = found.looks[-1]
    assert (last.change, last.low, last.high) == (found.change, found.low, found.high)


def test_no_difference_is_not_found() -> None:
    (found,) = analysed(spec(), [counted([5, 5])])
    assert found.finding == Finding.OPEN
    assert found.p_value is not None and found.p_value > 0.05
    (found,) = analysed(spec(smallest_effect=0.5), [counted([5, 5])])
    assert found.finding == Finding.NO_MATTER


def test_swapped_variants_say_the_opposite() -> None:
    (one,), (other,) = analysed(spec(), [counted([5, 6])]), analysed(spec(), [counted([6, 5])])
    assert (one.finding, other.finding) == (Finding.HIGHER, Finding.LOWER)


def test_the_deciding_metric_is_raised_for_its_variants_and_the_others_among_themselves() -> None:
    others = [counted([5, 5.6, 5], Metric(name=f"m{n}", of="join"), "secondary", seed=n) for n in range(3)]
    found = analysed(spec(3), [counted([5, 6, 5]), *others])
    first, second, *rest = found
    assert first.p_value is not None and second.p_value is not None
    assert first.adjusted_p_value == pytest.approx(min(1, 2 * first.p_value))
    assert (first.variant, second.variant, len(rest)) == ("new", "other", 6)
    least = min(rest, key=lambda one: one.p_value or 1)
    assert least.p_value is not None
    assert least.adjusted_p_value == pytest.approx(min(1.0, 6 * least.p_value))
    assert not rest[0].looks


def test_guardrails_are_not_raised_and_tell_their_limit() -> None:
    guardrail = Guardrail(name="reports", of="report", kind="mean", worse="higher", at_most=0.1)
    found = analysed(spec(), [counted([5, 6]), counted([5, 6], guardrail, "guardrail")])[1]
    assert (found.finding, found.at_most, found.worse) == (Finding.BROKEN, 0.1, "higher")
    assert found.adjusted_p_value == found.p_value
    assert len(found.looks) == 10


def test_nothing_to_compare_is_told() -> None:
    (found,) = analysed(spec(), [counted([0, 0])])
    assert (found.finding, found.change, found.looks) == (Finding.UNKNOWN, None, ())
    assert "it did not happen in either variant" in found.sentence


def test_harm_of_which_control_has_none_is_found() -> None:
    guardrail = Guardrail(name="reports", of="report", kind="mean", worse="higher", at_most=0.1)
    first, found = analysed(spec(), [counted([5, 5]), counted([0, 0.1], guardrail, "guardrail")])
    assert first.is_relative
    assert (found.finding, found.is_relative, found.looks) == (Finding.BROKEN, False, [])
    assert "while control has none, from 2,000 users: this must not get higher, and it did" in found.sentence
    better = guardrail.model_copy(update={"worse": "lower"})
    assert analysed(spec(), [counted([0, 0.1], better, "guardrail")])[0].finding == Finding.OPEN


def test_many_days_are_thinned_out() -> None:
    metric = Metric(name="clicks", of="click", kind="mean")
    one = counted([5, 6])
    assert isinstance(one, Counted)
    one.observed.days = list(range(200))
    (found,) = analysed(spec(), [Counted(metric, "deciding", one.observed)])
    assert len(found.looks) <= MAX_LOOKS
    assert found.looks[-1].day == 199


def test_a_cap_tames_what_hangs_on_a_few() -> None:
    capped = CLICKS.model_copy(update={"winsor": 0.9})
    (plain,), (tamed,) = analysed(spec(), [counted([5, 6])]), analysed(spec(), [counted([5, 6], capped)])
    assert plain.high is not None and plain.low is not None and tamed.high is not None and tamed.low is not None
    assert tamed.high - tamed.low < plain.high - plain.low
