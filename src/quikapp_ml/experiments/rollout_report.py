"""A rollout as one page: what it did when, and why. It needs nothing else: the style is in it, and no script."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from typing import Any, Protocol

from quikapp_ml.entities.rollouts import RolloutSpec
from quikapp_ml.experiments.rollout import ENDED, PROMOTED, ROLLED_BACK, share_of, stages_of

_WORDS = {"gate": "at the gate", "shadow": "in the shadow", PROMOTED: "promoted", ROLLED_BACK: "rolled back"}

_HOW_TO_READ = """
<p>At the <b>gate</b>, clicks of the past say what the new order is worth. In the <b>shadow</b> it is asked beside the
champion, and nobody sees its answers. Then a share of people gets it, and each step is an experiment of its own: its
guardrails are told by intervals that hold at every look. A step is taken when it is sure that everybody together loses
no more by the next one than the guardrail allows. What breaks a guardrail, loses units, fails or is slow goes back by
itself.</p>
"""


class Step(Protocol):
    """From one stage to another."""

    @property
    def at(self) -> datetime: ...  # noqa: D102
    @property
    def after(self) -> str: ...  # noqa: D102
    @property
    def by(self) -> str: ...  # noqa: D102
    @property
    def why(self) -> str: ...  # noqa: D102
    @property
    def numbers(self) -> Mapping[str, Any]: ...  # noqa: D102


def report(spec: RolloutSpec, model: str, champion: int, steps: Sequence[Step], waits_for: str) -> str:
    """The page, as HTML."""
    style = files("quikapp_ml.experiments").joinpath("report.css").read_text(encoding="utf-8")
    stage = steps[-1].after
    heading = f"Version {spec.version} of {escape(model)} is {told(stage)}"
    kind = {PROMOTED: "found", ROLLED_BACK: "bad"}.get(stage, "")
    why = steps[-1].why if stage in ENDED else waits_for or "It has just come here."
    parts = [
        f"<h1>{escape(spec.name)}</h1><p>{escape(spec.reason)}</p>",
        f'<p class="soft">Against version {champion} · on {escape(spec.subject or f"endpoint {spec.endpoint}")} · '
        f"by {spec.unit} · steps {', '.join(map(str, spec.shares))} %</p>",
        f'<section class="verdict {kind}"><h2>{heading}</h2><p>{escape(why)}</p></section>',
        f"<section><h2>How far it came</h2>{_ladder(spec, [step.after for step in steps])}</section>",
        f"<section><h2>Steps</h2><table><tr><th>when</th><th>to</th><th>by</th><th>why</th></tr>"
        f"{''.join(_row(step) for step in steps)}</table></section>",
        f"<section><h2>How to read this page</h2>{_HOW_TO_READ}</section>",
    ]
    title = f"<title>{escape(spec.name)}</title><style>{style}</style>"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">{title}'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body><main>{"".join(parts)}</main></body></html>\n'


def told(stage: str) -> str:
    """A stage in words."""
    return _WORDS.get(stage, f"given to\u00a0{stage}\u00a0%")


def _row(step: Step) -> str:
    numbers = "".join(
        f"<br><small>{escape(name)} {_change(one)}</small>"
        for name, one in step.numbers.get("metrics", {}).items()
        if one.get("change") is not None
    )
    return (
        f'<tr><td class="n">{step.at:%d %b %H:%M:%S}</td><td><b>{told(step.after)}</b></td>'
        f"<td>{escape(step.by)}</td><td>{escape(step.why)}{numbers}</td></tr>"
    )


def _change(one: Mapping[str, Any]) -> str:
    low, high = one.get("low"), one.get("high")
    around = "" if low is None or high is None else f" ({low:+.1%} to {high:+.1%})"
    return f"{one['change']:+.1%}{around}"


def _ladder(spec: RolloutSpec, reached: Sequence[str]) -> str:
    """The stages as steps that rise with the share: those that were reached are filled."""
    stages = [stage for stage in stages_of(spec.shares) if stage != PROMOTED]
    width, high = 90, 120
    bars = []
    for at, stage in enumerate(stages):
        tall = 6 + share_of(stage) ** 0.5 * (high - 6)
        fill = "#2f6f9f" if stage in reached else "#d8dee4"
        bars.append(
            f'<rect x="{at * width + 8}" y="{high - tall:.0f}" width="{width - 16}" height="{tall:.0f}" rx="3" '
            f'fill="{fill}"/><text x="{at * width + width / 2:.0f}" y="{high + 18}" text-anchor="middle" '
            f'font-size="13">{stage if not stage.isdecimal() else f"{stage} %"}</text>'
        )
    label = f"stages reached: {', '.join(reached)}"
    return (
        f'<svg viewBox="0 0 {len(stages) * width} {high + 26}" role="img" aria-label="{escape(label)}">'
        f"{''.join(bars)}</svg>"
    )
