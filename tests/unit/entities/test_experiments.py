from typing import Any

import pytest
from pydantic import ValidationError

from quikapp_ml.entities.experiments import ExperimentSpec

SPEC: dict[str, Any] = {
    "name": "better-ranks",
    "hypothesis": "The new ranker brings more clicks.",
    "subject": "rank",
    "variants": [{"name": "control", "weight": 0.5}, {"name": "new", "weight": 0.5, "model": {"version": 2}}],
    "metrics": [{"name": "clicks", "of": "click"}],
    "guardrails": [{"name": "reports", "of": "report", "worse": "higher", "at_most": 0.1}],
    "smallest_effect": 0.02,
}
RECOMMENDED = {
    **SPEC,
    "subject": "recommendations",
    "variants": [
        {"name": "control", "weight": 0.5},
        {"name": "wide", "weight": 0.5, "parameters": {"largest_share": 0.8}},
    ],
}


def test_what_is_left_out_has_a_meaning() -> None:
    spec = ExperimentSpec.model_validate(SPEC)
    assert (spec.hashed_with, spec.layer_name, spec.unit) == ("better-ranks", "rank", "user")
    assert ExperimentSpec.model_validate(RECOMMENDED).variants[1].parameters == {"largest_share": 0.8}
    assert ExperimentSpec.model_validate(spec.model_dump()) == spec


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"variants": [{"name": "a", "weight": 0.5}, {"name": "b", "weight": 0.4}]}, "sum to 0.9, not 1"),
        ({"variants": [{"name": "a", "weight": 0.5}, {"name": "a", "weight": 0.5}]}, "repeat the name a"),
        ({"variants": [{"name": "a", "weight": 1.0}]}, "at least 2"),
        ({"variants": [{"name": "a", "weight": 1.5}, {"name": "b", "weight": -0.5}]}, "less than or equal to 1"),
        (
            {"variants": [{"name": "a", "weight": 0.5, "model": {"version": 1}}, {"name": "b", "weight": 0.5}]},
            "the first variant is the control",
        ),
        (
            {"variants": [{"name": "a", "weight": 0.5}, {"name": "b", "weight": 0.5, "parameters": {"x": 1.0}}]},
            "parameter x of rank cannot be 1.0; there are: none",
        ),
        (
            {"variants": [{"name": "a", "weight": 0.5}, {"name": "b", "weight": 0.5, "model": {}}]},
            "either a version or an alias",
        ),
        ({"metrics": [{"name": "clicks", "of": "teleport"}]}, "is no event, feedback or answer that is known"),
        ({"metrics": [{"name": "reports", "of": "click"}]}, "repeat the name reports"),
        ({"overrides": {"ann": "blue"}}, "overrides name blue; variants are control, new"),
        ({"salt": "a:b"}, "no ':'"),
        ({"name": "Better Ranks"}, "a-z, 0-9 and -"),
        ({"slice": {"start": 0.5, "end": 0.5}}, "below its end"),
        ({"unit": "message"}, "'user', 'channel' or 'workspace'"),
        ({"hypothesis": ""}, "at least 1 character"),
        ({"colour": "red"}, "not permitted"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ExperimentSpec.model_validate({**SPEC, **change})
    assert told in str(caught.value)


def test_parameters_have_bounds() -> None:
    variants = [RECOMMENDED["variants"][0], {"name": "wide", "weight": 0.5, "parameters": {"largest_share": 3.0}}]
    with pytest.raises(ValidationError, match=r"there are: largest_share \(0.2 to 1.0\)"):
        ExperimentSpec.model_validate({**RECOMMENDED, "variants": variants})
