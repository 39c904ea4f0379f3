"""The open part of a question: fields with a meaning are checked, all others pass."""

from collections.abc import Mapping
from typing import Any

from quikapp_ml.entities.events import short
from quikapp_ml.errors import InvalidInput, Problem
from quikapp_ml.serving.experiment_host import Asker

TEXT_FIELDS = ("channel_id", "time_of_day")


def asker_of(user_id: str | None, context: Mapping[str, Any]) -> Asker:
    """Whose question it is, for experiments: what is no text says nothing."""
    channel, workspace = context.get("channel_id"), context.get("workspace_id")
    return Asker(
        user_id, channel if isinstance(channel, str) else None, workspace if isinstance(workspace, str) else None
    )


def check_context(context: Mapping[str, Any]) -> None:
    """Raise InvalidInput where a known field of the context is no text; its path is that of the request body."""
    problems = tuple(
        Problem(
            f"context.{name}",
            "string_type",
            "must be a string; leave it out where it is not known",
            short(context[name]),
        )
        for name in TEXT_FIELDS
        if name in context and not isinstance(context[name], str)
    )
    if problems:
        raise InvalidInput("; ".join(f"{problem.path}: {problem.message}" for problem in problems), problems)
