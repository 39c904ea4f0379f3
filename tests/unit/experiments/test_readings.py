"""Sentences: what is found is said, with what it does not mean and what to do."""

from math import inf

import pytest

from quikapp_ml.entities.experiments import Guardrail
from quikapp_ml.experiments.effects import Effect
from quikapp_ml.experiments.readings import Told, of_guardrail, of_metric, unknown
from quikapp_ml.experiments.results import Finding
from quikapp_ml.experiments.sequential import sequence

UNITS = 4_000


def told(change: float, error: float, units: int = UNITS) -> Told:
    effect = Effect(change, error, units)
    return Told("clicks", effect, sequence(effect, UNITS), "user")


@pytest.mark.parametrize(
    ("change", "error", "adjusted", "finding", "words"),
    [
        (0.10, 0.01, 0.001, Finding.HIGHER, "the variant makes it higher, and this holds however often one looked"),
        (-0.10, 0.01, 0.001, Finding.LOWER, "the variant makes it lower"),
        (0.10, 0.01, 0.2, Finding.OPEN, "among so many comparisons one like it comes by chance"),
        (0.001, 0.001, 1.0, Finding.NO_MATTER, "any difference is smaller than the 2.0% that was sought"),
        (0.01, 0.02, 1.0, Finding.OPEN, "no difference is shown yet"),
    ],
)
def test_metrics(change: float, error: float, adjusted: float, finding: Finding, words: str) -> None:
    reading = of_metric(told(change, error), adjusted, 0.02, 0.05)
    assert reading.finding == finding
    assert words in reading.means
    assert reading.does_not_mean and reading.to_do
    assert reading.sentence == f"{reading.means} {reading.does_not_mean} {reading.to_do}"


def test_a_few_units_say_nothing_sure() -> None:
    reading = of_metric(told(0.5, 0.01, units=60), 1.0, 0.02, 0.05)
    assert reading.finding == Finding.OPEN
    assert (
        "+50.0% against control, but 60 users are too few to be sure at any look (100 are the least)" in reading.means
    )


@pytest.mark.parametrize(
    ("worse", "change", "error", "finding"),
    [
        ("higher", 0.20, 0.02, Finding.BROKEN),
        ("higher", -0.20, 0.02, Finding.HOLDS),
        ("higher", 0.01, 0.01, Finding.HOLDS),
        ("higher", 0.04, 0.03, Finding.OPEN),
        ("lower", -0.20, 0.02, Finding.BROKEN),
        ("lower", 0.20, 0.02, Finding.HOLDS),
        ("lower", -0.04, 0.03, Finding.OPEN),
    ],
)
def test_guardrails(worse: str, change: float, error: float, finding: Finding) -> None:
    guardrail = Guardrail.model_validate({"name": "clicks", "of": "click", "worse": worse, "at_most": 0.05})
    reading = of_guardrail(told(change, error), guardrail, UNITS, 0.05)
    assert reading.finding == finding
    assert worse in reading.means
    assert (finding == Finding.BROKEN) == ("Stop the experiment." in reading.sentence)


def test_the_interval_is_told() -> None:
    one = told(0.031, 0.004)
    assert str(one) == (
        f"clicks: +3.1% ({one.interval.low:+.1%} to {one.interval.high:+.1%}) against control, from 4,000 users"
    )
    assert Told("x", Effect(0.1, 0.0, 10), sequence(Effect(0.1, 0.0, 10), 100), "channel").interval.high == inf


def test_nothing_to_tell() -> None:
    assert (
        unknown("clicks", "control has none").sentence == "clicks: control has none. Wait, or look at another metric."
    )
