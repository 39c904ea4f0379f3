"""A model's card: what it is for, what it learnt from, how good it is and against what, where it ends."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass

from quikapp_ml.models.base import Model

_NO_LIMITS = (
    "None have been written down for this model yet: trust it no further than its measures on the held-out part."
)


@dataclass(frozen=True)
class CardFacts:
    """What a card is written from."""

    model_class: type[Model]
    semantic_version: str
    metric: str
    metrics: Mapping[str, float]
    """Of this version, on the held-out part: the metric, its interval, baselines, whatever else was measured."""
    previous: str
    """Which version it was compared with."""
    previous_metrics: Mapping[str, float]
    """Of that version, on the same held-out part."""
    table_versions: Mapping[str, int]
    parameters: Mapping[str, str]
    previous_card: str = ""
    """Limits belong to a kind of model and are carried on from card to card."""


def write_card(facts: CardFacts) -> str:
    """The card as Markdown."""
    name = facts.model_class.name
    parts = {
        f"# {name} {facts.semantic_version}": _task(facts.model_class),
        "## Learnt from": _table("table", "version", {name: str(v) for name, v in facts.table_versions.items()}),
        f"## Measured on the held-out part, beside {facts.previous}": _measures(facts),
        "## Made with": _table("name", "value", facts.parameters),
        "## Limits": limits_of(facts.previous_card) or _NO_LIMITS,
        "## Make it again": _again(name),
    }
    return "\n\n".join(f"{heading}\n\n{text}" for heading, text in parts.items()) + "\n"


def limits_of(card: str) -> str:
    """The text under `## Limits` of a card; empty without one."""
    found = re.search(r"^## Limits[^\n]*\n(.*?)(?=^#{1,2} |\Z)", card, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


def limits_as_card(limits: str) -> str:
    """A card of which nothing but its limits is known."""
    return f"## Limits\n\n{limits}\n" if limits else ""


def _task(model_class: type[Model]) -> str:
    return (inspect.getdoc(model_class) or "").split("\n\n")[0].replace("\n", " ")


def _measures(facts: CardFacts) -> str:
    """One row a measure: the deciding one first, with its 95 % interval; baselines do not change with the version."""
    bounds = {f"{name}{end}" for name in facts.metrics for end in ("_low", "_high")}
    names = [facts.metric, *(name for name in facts.metrics if name != facts.metric and name not in bounds)]
    lines = ["| measure | this version | before |", "|---|---|---|"]
    for name in names:
        shown = f"**{name}** (decides)" if name == facts.metric else name
        lines.append(f"| {shown} | {_value(name, facts.metrics)} | {_value(name, facts.previous_metrics)} |")
    return "\n".join(lines)


def _value(name: str, metrics: Mapping[str, float]) -> str:
    if name not in metrics:
        return "–"
    low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
    interval = f" ({low:.4f} to {high:.4f})" if low is not None and high is not None else ""
    is_count = not interval and metrics[name] > 1 and metrics[name].is_integer()
    return f"{metrics[name]:.0f}" if is_count else f"{metrics[name]:.4f}{interval}"


def _table(left: str, right: str, rows: Mapping[str, str]) -> str:
    return "\n".join([f"| {left} | {right} |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


def _again(name: str) -> str:
    return (
        f"`quikapp-ml train {name}` makes the next version from the tables as they are now. The tables as they were "
        "are still there: `Lake.read(name, version=…)` with the versions above gives the rows learnt from."
    )
