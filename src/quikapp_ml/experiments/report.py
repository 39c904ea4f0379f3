"""An experiment as one page for people who decide: what came out, whether to believe it, and what to do.

The page needs nothing else: style and plots are in it, and no script.
"""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from importlib.resources import files

from quikapp_ml.entities.experiments import ExperimentSpec
from quikapp_ml.experiments.charts import Bar, change_over_time, intervals, percent, shares
from quikapp_ml.experiments.results import MISMATCH, Arrivals, ExperimentResults, Finding, MetricResult, Segmentation

_WORDS = {
    Finding.HIGHER: "higher", Finding.LOWER: "lower", Finding.NO_MATTER: "no difference that matters",
    Finding.OPEN: "not clear yet", Finding.HOLDS: "holds", Finding.BROKEN: "broken", Finding.UNKNOWN: "no data",
}  # fmt: skip

_HOW_TO_READ = """
<p>A <b>change</b> is told relative to control: +5 % means 1.05 times control's value. The bar around it is where the
true change lies. Bars of this kind hold at every look (5 % chance of error over the whole experiment), so looking
early, and stopping when something is found, fools nobody. A bar that touches zero shows no difference.</p>
<p>A unit counts for the variant of its first answer, also where that could not answer and control did. Testers do not
count. What units did before their first answer is used to take chance out of the comparison (CUPED); its share is told
as “variance cut”. Several comparisons are corrected for their number (Holm). What happens after a unit's window does
not count. What arrives late is counted as soon as it is here.</p>
<p>What this page cannot say: why a difference is there, whether it lasts after people get used to it, and what happens
to people who influence each other across variants.</p>
"""


def report(spec: ExperimentSpec, results: ExperimentResults) -> str:
    """The page, as HTML."""
    style = files("quikapp_ml.experiments").joinpath("report.css").read_text(encoding="utf-8")
    by_role = {
        role: [one for one in results.metrics if one.role == role]
        for role in ("deciding", "secondary", "guardrail", "watched")
    }
    parts = [
        f"<h1>{escape(spec.name)}</h1><p>{escape(spec.hypothesis)}</p>{_facts(spec, results)}",
        *(_verdict(results, one) for one in by_role["deciding"]),
        *(_deciding(spec, one) for one in by_role["deciding"]),
        _metrics("Guardrails", "These must not get worse. The dashed red line is how much worse each may get.",
                 by_role["guardrail"]),
        _metrics("Other metrics", "They explain; they do not decide.", by_role["secondary"] + by_role["watched"]),
        _learnt(spec),
        _assignment(spec, results.arrivals),
        _segments(results.segments),
        f"<section><h2>How to read this page</h2>{_HOW_TO_READ}</section>",
    ]  # fmt: skip
    title = f"<title>{escape(spec.name)}</title><style>{style}</style>"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">{title}'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body><main>{"".join(parts)}</main></body></html>\n'


def _facts(spec: ExperimentSpec, results: ExperimentResults) -> str:
    units = " · ".join(f"{escape(name)} {count:,}" for name, count in results.arrivals.units.items())
    return (
        f'<p class="soft">On {spec.subject}, by {spec.unit} · {units} · as of {_moment(results.as_of)} · '
        f"planned for {spec.planned_units:,} {spec.unit}s</p>"
    )


def _moment(at: datetime) -> str:
    return f"{at:%d %b %Y, %H:%M} UTC".lstrip("0")


def _verdict(results: ExperimentResults, one: MetricResult) -> str:
    """What to do, in one box: nothing can be believed, a guardrail is broken, or what the first metric says."""
    variant = escape(one.variant)
    p_value = results.arrivals.mismatch_p_value
    broken = [each.metric for each in results.metrics if each.finding == Finding.BROKEN and each.variant == one.variant]
    if p_value is not None and p_value < MISMATCH:
        return _box("bad", "Do not believe these numbers", results.arrivals.sentence)
    if broken:
        told = f"{', '.join(broken)} got worse, and the experiment was not to allow that. Stop it."
        return _box("bad", f"{variant} does harm", told)
    headings = {
        Finding.HIGHER: ("found", f"{variant}: {escape(one.metric)} is higher"),
        Finding.LOWER: ("found", f"{variant}: {escape(one.metric)} is lower"),
        Finding.NO_MATTER: ("", f"{variant}: no difference that matters"),
        Finding.UNKNOWN: ("", f"{variant}: nothing to tell yet"),
    }
    style, heading = headings.get(one.finding, ("", f"{variant}: not clear yet"))
    return _box(style, heading, one.sentence)


def _box(style: str, heading: str, told: str) -> str:
    return f'<section class="verdict {style}"><h2>{heading}</h2><p>{escape(told)}</p></section>'


def _deciding(spec: ExperimentSpec, one: MetricResult) -> str:
    label = f"{one.metric} of {one.variant} against control, day by day"
    plot = change_over_time(one.looks, spec.smallest_effect, label)
    if not plot:
        return ""
    return (
        f"<section><h2>{escape(label)}</h2>{plot}<p><small>Line: the change so far. Band: where the true change lies, "
        f"at every look. Dashed: the smallest change that was worth finding (±{spec.smallest_effect:.1%}).</small></p>"
        f"{_table([one], said=False)}</section>"
    )


def _metrics(heading: str, told: str, results: Sequence[MetricResult]) -> str:
    if not results:
        return ""
    bars = [_bar(one, several=len({each.variant for each in results}) > 1) for one in results]
    plot = intervals(
        [bar for bar, one in zip(bars, results, strict=True) if one.change is not None and one.is_relative], heading
    )
    return f"<section><h2>{heading}</h2><p>{told}</p>{plot}{_table(results)}</section>"


def _bar(one: MetricResult, *, several: bool) -> Bar:
    name = f"{one.metric} ({one.variant})" if several else one.metric
    limit = None if one.at_most is None else one.at_most * (-1 if one.worse == "lower" else 1)
    note = "" if one.change is None else percent(one.change)
    return Bar(name, one.change, one.low, one.high, _style(one), note, limit)


def _style(one: MetricResult) -> str:
    return {Finding.HOLDS: "good", Finding.BROKEN: "bad"}.get(one.finding, "")


def _table(results: Sequence[MetricResult], *, said: bool = True) -> str:
    rows = "".join(_row(one, one.sentence if said else "") for one in results)
    heads = '<th>metric</th><th class="n">control</th><th class="n">variant</th><th class="n">change</th><th></th>'
    return f"<table><tr>{heads}</tr>{rows}</table>"


def _row(one: MetricResult, sentence: str) -> str:
    change = "" if one.change is None or not one.is_relative else percent(one.change)
    cut = f" Variance cut by {one.variance_cut:.0%}." if one.variance_cut else ""
    fixed = ""
    if one.is_relative and one.fixed_low is not None and one.fixed_high is not None:
        fixed = f" Were this the one look planned: {percent(one.fixed_low)} to {percent(one.fixed_high)}."
    pill = f'<span class="pill {_style(one)}">{_WORDS[one.finding]}</span>'
    return (
        f"<tr><td><b>{escape(one.metric)}</b><br><small>{escape(one.variant)}</small></td>"
        f'<td class="n">{_number(one, one.control_value)}</td><td class="n">{_number(one, one.value)}</td>'
        f'<td class="n">{change}</td><td>{pill}</td></tr>'
        f'<tr class="said"><td colspan="5">{escape(sentence)} <small>{cut}{fixed}</small></td></tr>'
    )


def _number(one: MetricResult, value: float | None) -> str:
    if value is None:
        return "–"
    if one.of == "latency":
        return f"{value:.3g} ms"
    return f"{value:.2%}" if one.kind in ("rate", "ratio") or one.of == "degraded" else f"{value:.3g}"


def _assignment(spec: ExperimentSpec, found: Arrivals) -> str:
    days = [(one.day, [count / max(sum(one.units.values()), 1) for count in one.units.values()]) for one in found.days]
    promised = [variant.weight for variant in spec.variants]
    keys = "".join(
        f'<span class="key v{number % 5}"></span>{escape(name)} {count:,}'
        for number, (name, count) in enumerate(found.units.items())
    )
    plot = shares(days, promised, "share of units by day")
    notes = f"<p><small>{found.open_units:,} of them may still do what is counted: their time is not over.</small></p>"
    if found.fallbacks:
        notes += (
            f"<p><small>{found.fallbacks:,} answers were control's, because their variant could not give them."
            "</small></p>"
        )
    legend = f"<p><small>{keys}. Dashed: what was promised.</small></p>"
    return f"<section><h2>Who was let in</h2><p>{escape(found.sentence)}</p>{plot}{legend}{notes}</section>"


def _learnt(spec: ExperimentSpec) -> str:
    """Of a bandit, what it knows: these units are not in the other numbers of the page."""
    if spec.bandit is None or spec.learnt is None:
        return ""
    rows = "".join(
        f'<tr><td>{escape(arm.variant)}</td><td class="n">{arm.successes:,.1f}</td>'
        f'<td class="n">{arm.successes + arm.failures:,.0f}</td><td class="n">{arm.propensity:.0%}</td></tr>'
        for arm in spec.learnt.arms
    )
    heads = '<th>variant</th><th class="n">rewarded</th><th class="n">of</th><th class="n">share now</th>'
    told = (
        f"{1 - spec.bandit.even_share:.0%} of the {spec.unit}s follow what is learnt of {escape(spec.metrics[0].name)}"
        ": the likelier a variant is the best, the more of them it gets. They are in no other number of this page, "
        f"which compares the even part alone. As of answers until {_moment(spec.learnt.until)}."
    )
    return f"<section><h2>What was learnt</h2><p>{told}</p><table><tr>{heads}</tr>{rows}</table></section>"


def _segments(found: Sequence[Segmentation]) -> str:
    if not found:
        return ""
    parts = "".join(f"<p>{escape(one.sentence)}</p>{intervals(_segment_bars(one), f'by {one.by}')}" for one in found)
    return f'<section><h2>Segments</h2><p class="warning">{escape(found[0].warning)}</p>{parts}</section>'


def _segment_bars(one: Segmentation) -> list[Bar]:
    several = len({each.variant for each in one.results}) > 1
    return [
        Bar(
            f"{each.segment} ({each.variant})" if several else each.segment,
            each.change, each.low, each.high, "", f"{percent(each.change)} · {each.units:,}",
        )
        for each in one.results
    ]  # fmt: skip
