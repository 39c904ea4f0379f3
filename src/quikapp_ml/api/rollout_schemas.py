"""What the OpenAPI document says of rollouts."""

from typing import Any

from quikapp_ml.entities.rollouts import Abort, RolloutSpec
from quikapp_ml.serving.rollouts import RolloutList, RolloutShown

ROLLOUT_QUESTIONS = (RolloutSpec, Abort)
ROLLOUT_ANSWERS = (RolloutShown, RolloutList)

ROLLOUT_EXAMPLES: dict[str | None, Any] = {
    "RolloutSpec": {
        "name": "ranks-2",
        "subject": "rank",
        "version": 2,
        "reason": "Knows the newer people.",
        "guardrails": [{"name": "clicks", "of": "click", "worse": "lower", "at_most": 0.05}],
    },
    "Abort": {"reason": "Trained on the wrong weeks."},
}

ROLLOUT_OPERATIONS: tuple[tuple[str, str, str, int, str | None, tuple[int, ...]], ...] = (
    ("rollouts", "List the rollouts", "RolloutList", 200, None, (503,)),
    (
        "start_rollout", "Begin a rollout", "RolloutShown", 201, "RolloutSpec",
        (400, 403, 404, 408, 409, 413, 415, 422, 503),
    ),
    ("rollout", "Show a rollout", "RolloutShown", 200, None, (404, 503)),
    (
        "abort_rollout", "Give a rollout up", "RolloutShown", 200, "Abort",
        (400, 403, 404, 408, 409, 413, 415, 422, 503),
    ),
)  # fmt: skip
"""Name, summary, answer, status, body and errors of each."""
