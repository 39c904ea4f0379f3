"""What the OpenAPI document says of experiments."""

from typing import Any

from quikapp_ml.entities.experiments import ExperimentDecision, ExperimentSpec
from quikapp_ml.experiments.results import ExperimentResults
from quikapp_ml.serving.experiments import ExperimentHistory, ExperimentList, ExperimentShown

EXPERIMENT_QUESTIONS = (ExperimentSpec, ExperimentDecision)
EXPERIMENT_ANSWERS = (ExperimentShown, ExperimentList, ExperimentHistory, ExperimentResults)

EXAMPLES: dict[str | None, Any] = {
    "ExperimentSpec": {
        "name": "better-ranks",
        "hypothesis": "Version 2 of the ranker brings more clicks, and no more reports.",
        "subject": "rank",
        "unit": "user",
        "variants": [
            {"name": "control", "weight": 0.5},
            {"name": "version-2", "weight": 0.5, "model": {"version": 2}},
        ],
        "metrics": [{"name": "clicks", "of": "click", "kind": "rate"}],
        "guardrails": [{"name": "reports", "of": "report", "worse": "higher", "at_most": 0.05}],
        "smallest_effect": 0.02,
    },
    "ExperimentDecision": {"variant": "version-2", "reason": "3 % more clicks, reports as ever"},
}

_READ, _WRITE = (404, 503), (400, 404, 408, 409, 413, 415, 422, 503)

EXPERIMENT_OPERATIONS: tuple[tuple[str, str, str, int, str | None, tuple[int, ...]], ...] = (
    ("experiments", "List the experiments", "ExperimentList", 200, None, (503,)),
    ("create_experiment", "Draw up an experiment", "ExperimentShown", 201, "ExperimentSpec", _WRITE),
    ("experiment", "Show an experiment", "ExperimentShown", 200, None, _READ),
    ("change_experiment", "Change an experiment", "ExperimentShown", 200, "ExperimentSpec", _WRITE),
    ("start_experiment", "Start an experiment", "ExperimentShown", 200, None, (404, 409, 503)),
    ("stop_experiment", "Stop an experiment", "ExperimentShown", 200, None, (404, 409, 503)),
    ("decide_experiment", "Decide an experiment", "ExperimentShown", 200, "ExperimentDecision", _WRITE),
    ("experiment_history", "Who changed an experiment", "ExperimentHistory", 200, None, _READ),
    ("experiment_results", "What an experiment has shown", "ExperimentResults", 200, None, (404, 422, 503)),
)
"""Name, summary, answer, status, body and errors of each."""
