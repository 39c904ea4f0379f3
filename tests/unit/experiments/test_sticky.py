from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.experiments.assignment import Holdout, Split, Variant, Why
from quikapp_ml.experiments.sticky import Had, StickySplit

UNITS = [str(number) for number in range(500)]


def split(share: float) -> Split:
    variants = (Variant("control", 1 - share), Variant("new", share))
    return Split("s", variants, holdout=Holdout("h", 0.1), overrides={"7": "new"})


@given(st.floats(0, 1), st.floats(0, 1))
def test_who_had_a_variant_keeps_it_and_others_are_divided_by_the_new_weights(before: float, after: float) -> None:
    then, now = split(before), split(after)
    given = {unit: then.assign(unit) for unit in UNITS[:250]}
    had = {unit: Had(one.variant, one.propensity) for unit, one in given.items() if one.counts and one.variant}
    sticky = StickySplit.of(now, had)
    for unit in UNITS:
        found = sticky.assign(unit)
        if unit not in had or found.why is Why.HASH:
            assert found == now.assign(unit)
        else:
            assert (found.variant, found.propensity, found.why) == (*vars_of(had[unit]), Why.KEPT)
            assert not found.counts
    assert all(sticky.assign(unit).variant == one.variant for unit, one in had.items())


def vars_of(had: Had) -> tuple[str, float]:
    return had.variant, had.propensity


def test_only_those_are_remembered_whom_the_weights_would_move() -> None:
    had = {unit: Had(one.variant, 0.5) for unit in UNITS if (one := split(0.5).assign(unit)).counts and one.variant}
    assert StickySplit.of(split(0.5), had).moved == {}
    assert {one.variant for one in StickySplit.of(split(0.6), had).moved.values()} == {"control"}


def test_a_tester_and_the_holdout_come_first() -> None:
    held = next(unit for unit in UNITS if split(0.5).assign(unit).why is Why.HOLDOUT)
    sticky = StickySplit.of(split(0.5), {"7": Had("control", 0.5), held: Had("new", 0.5)})
    assert sticky.assign("7").why is Why.OVERRIDE
    assert sticky.assign(held).why is Why.HOLDOUT
