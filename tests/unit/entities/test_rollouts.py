from typing import Any

import pytest
from pydantic import ValidationError

from quikapp_ml.entities.rollouts import SHARES, RolloutSpec

LEAST: dict[str, Any] = {"name": "ranks", "subject": "rank", "version": 2}


def test_the_least_that_must_be_said_is_enough() -> None:
    spec = RolloutSpec.model_validate(LEAST)
    assert (spec.model, tuple(spec.shares), spec.unit) == ("content-ranker", SHARES, "user")
    assert [(one.name, one.worse, one.at_most) for one in spec.judged_by] == [("clicks", "lower", 0.05)]
    assert spec.told_by.name not in {one.name for one in spec.judged_by}


@pytest.mark.parametrize("subject", ["recommendations", "rank", "spam-check", "sentiment"])
def test_every_subject_has_guardrails_with_names_of_their_own(subject: str) -> None:
    spec = RolloutSpec.model_validate({**LEAST, "subject": subject})
    names = [spec.told_by.name, *(one.name for one in spec.judged_by), "latency-p95", "errors"]
    assert len(set(names)) == len(names)


def test_own_guardrails_take_the_place_of_those_of_the_subject() -> None:
    reads = {"name": "reads", "of": "read", "at_most": 0.1}
    assert [one.name for one in RolloutSpec.model_validate({**LEAST, "guardrails": [reads]}).judged_by] == ["reads"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"endpoint": "mine"}, "either a subject or an endpoint"),
        ({"subject": None}, "either a subject or an endpoint"),
        ({"subject": None, "endpoint": "e", "guardrails": [{"name": "a", "of": "read"}]}, "guardrails are of subjects"),
        ({"shares": [1, 5]}, "must rise"),
        ({"shares": [5, 1, 100]}, "must rise"),
        ({"shares": [0, 100]}, "must rise"),
        ({"name": "n" * 51}, "50 characters at most"),
        ({"guardrails": [{"name": "errors", "of": "degraded"}]}, "names of their own"),
        ({"guardrails": [{"name": "a", "of": "read"}, {"name": "a", "of": "join"}]}, "names of their own"),
        ({"version": 0}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        RolloutSpec.model_validate({**LEAST, **changes})
