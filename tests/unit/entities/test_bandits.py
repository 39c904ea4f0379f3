from typing import Any

import pytest
from pydantic import ValidationError

from quikapp_ml.entities.bandits import Learnt, TriedBandit
from quikapp_ml.entities.experiments import ExperimentSpec

CLICKS: dict[str, Any] = {"name": "clicks", "of": "click", "source": "feedback"}
SPEC: dict[str, Any] = {
    "name": "ranks",
    "hypothesis": "One of them brings more clicks.",
    "subject": "rank",
    "variants": [{"name": "control", "weight": 0.5}, {"name": "new", "weight": 0.5}],
    "metrics": [CLICKS],
    "smallest_effect": 0.02,
    "bandit": {},
}
ARM = {"variant": "control", "successes": 3.5, "failures": 6.5, "propensity": 0.3}
LEARNT = {"number": 1, "until": "2026-11-23T08:00:00Z", "arms": [ARM, {**ARM, "variant": "new", "propensity": 0.7}]}


def test_what_is_left_out_has_a_meaning_and_what_was_learnt_comes_back() -> None:
    spec = ExperimentSpec.model_validate({**SPEC, "learnt": LEARNT})
    assert spec.bandit == TriedBandit(even_share=0.2, floor=0.1, within_hours=24.0, every_minutes=60.0)
    assert spec.learnt == Learnt.model_validate(LEARNT)
    assert ExperimentSpec.model_validate(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"metrics": [{"name": "joins", "of": "join"}]}, "not join of events"),
        ({"metrics": [{"name": "no", "of": "dismiss"}]}, "one of .*click.*, not dismiss of feedback"),
        ({"sticky": True}, "a bandit cannot be sticky"),
        ({"bandit": {"floor": 0.0}}, "greater than or equal to 0.01"),
        ({"bandit": {"even_share": 1.0}}, "less than 1"),
        ({"bandit": None, "learnt": LEARNT}, "learnt must be left out"),
        ({"learnt": {**LEARNT, "arms": LEARNT["arms"][::-1]}}, "learnt must be left out"),  # type: ignore[index]
        ({"learnt": {**LEARNT, "until": "2026-11-23T08:00:00"}}, "time zone"),
    ],
)
def test_what_makes_no_bandit_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ExperimentSpec.model_validate({**SPEC, **change})
