"""`experiments`: models, policies and parameters tried against each other."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from quikapp_ml.bootstrap import open_model_registry
from quikapp_ml.cli.documents import read_yaml, write_page
from quikapp_ml.cli.screen import answers, show_table
from quikapp_ml.entities.experiments import ExperimentDecision, ExperimentSpec
from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.report import report as report_of
from quikapp_ml.experiments.results import ExperimentResults, MetricResult
from quikapp_ml.jobs.experiment_power import power as power_of
from quikapp_ml.serving.experiment_results import ExperimentReader
from quikapp_ml.serving.experiments import ExperimentDesk, read_spec, spec_of
from quikapp_ml.serving.local_token import local_user
from quikapp_ml.settings import Settings
from quikapp_ml.stores.home import Home
from quikapp_ml.stores.lake import open_compute, open_lake
from quikapp_ml.stores.state import open_state

app = typer.Typer(help="Experiments: draw up, start, stop, decide; how many people one needs.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the experiment.")]
File = Annotated[Path, typer.Argument(help="YAML file with the fields of docs/experiments.md.")]


@app.command("list")
def list_experiments() -> None:
    """List all experiments and where each stands."""
    with _desk() as desk:
        rows = [
            (one.name, one.state, str(one.spec["subject"]), _variants(one.spec), str(one.spec["hypothesis"]))
            for one in desk.all()
        ]
    columns = ("experiment", "", "on", "variants", "")
    show_table(columns, rows, empty="nothing is tried; begin: quikapp-ml experiments create FILE.yaml")


@app.command("show")
def show(name: Name) -> None:
    """Print one experiment as YAML, and who changed it when."""
    with _desk() as desk:
        record, changes = desk.get(name), desk.history(name)
    typer.echo(yaml.safe_dump(dict(record.spec), sort_keys=False, allow_unicode=True).rstrip())
    if record.decision:
        answers.print(f"decided: {record.decision['variant']}: {record.decision['reason']}", highlight=False)
    rows = [(f"{one.at:%Y-%m-%d %H:%M:%S}", one.action, one.by) for one in changes]
    show_table(("", "", "by"), rows, empty="")


@app.command("create")
def create(file: File) -> None:
    """Draw an experiment up from a file. Nobody is let in before it is started."""
    with _desk() as desk:
        record = desk.create(read_spec(read_yaml(file)), local_user())
    answers.print(
        f"{record.name} is drawn up; let people in: quikapp-ml experiments start {record.name}", soft_wrap=True
    )


@app.command("change")
def change(file: File) -> None:
    """Let the text of a file hold: of a draft all of it, of a running one only what moves nobody."""
    spec = read_spec(read_yaml(file))
    with _desk() as desk:
        desk.change(spec.name, spec, local_user())
    answers.print(f"{spec.name} is changed")


@app.command("start")
def start(name: Name) -> None:
    """Let people in; a running service follows within two seconds."""
    with _desk() as desk:
        desk.start(name, local_user())
    answers.print(f"{name} is running")


@app.command("stop")
def stop(name: Name) -> None:
    """Answer everybody as without it; a running service follows within two seconds."""
    with _desk() as desk:
        desk.stop(name, local_user())
    answers.print(
        f"{name} is stopped; decide it: quikapp-ml experiments decide {name} VARIANT --reason …", soft_wrap=True
    )


@app.command("decide")
def decide(
    name: Name,
    variant: Annotated[str, typer.Argument(help="The variant that goes on.")],
    reason: Annotated[str, typer.Option(help="Why.")],
) -> None:
    """Note which variant goes on, and why. It moves no alias: see `models`."""
    with _desk() as desk:
        desk.decide(name, ExperimentDecision(variant=variant, reason=reason), local_user())
    answers.print(f"{name} is decided: {variant}")


@app.command("results")
def results(name: Name) -> None:
    """Say what an experiment has shown so far; to look does no harm, however often."""
    spec, found = _results(name)
    counts = ", ".join(f"{variant} {count:,}" for variant, count in found.arrivals.units.items())
    answers.print(f"{counts} ({spec.unit}s). {found.arrivals.sentence}", highlight=False, soft_wrap=True)
    if found.arrivals.fallbacks:
        answers.print(
            f"{found.arrivals.fallbacks:,} answers were control's, because their variant could not give them."
        )
    for arm in spec.learnt.arms if spec.learnt else []:
        answers.print(
            f"{arm.variant}: {arm.successes:,.1f} of {arm.successes + arm.failures:,.0f} rewarded, so it gets "
            f"{arm.propensity:.0%} of the {spec.unit}s beside the even part.",
            highlight=False, soft_wrap=True,
        )  # fmt: skip
    rows = [
        (one.metric, one.role, one.variant, _number(one.control_value), _number(one.value), _change(one))
        for one in found.metrics
    ]
    show_table(("metric", "", "variant", "control", "", "change"), rows, empty="")
    for one in found.metrics:
        answers.print(f"{one.variant}: {one.sentence}", highlight=False, soft_wrap=True)


@app.command("report")
def report(
    name: Name,
    out: Annotated[Path | None, typer.Option(help="File for the page; NAME.html in this folder when left out.")] = None,
) -> None:
    """Write what an experiment has shown so far as one HTML page, with plots, for those who decide."""
    page, file = report_of(*_results(name)), out or Path(f"{name}.html")
    write_page(file, page)
    answers.print(f"{file} is written", highlight=False, soft_wrap=True)


def _results(name: str) -> tuple[ExperimentSpec, ExperimentResults]:
    settings = Settings.from_environment()
    with _desk() as desk:
        spec = spec_of(desk.get(name))
    lake = open_lake(settings.lake_path)
    reader = ExperimentReader(lake, lambda: open_compute(settings.spark_remote), lambda: datetime.now(UTC))
    return spec, reader.results(spec)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _change(one: MetricResult) -> str:
    return f"{one.change:+.1%}" if one.change is not None and one.is_relative else ""


@app.command("power")
def power(
    name: Annotated[str, typer.Argument(help="Name of an experiment; or give --of and --effect.")] = "",
    of: Annotated[str, typer.Option(help="Event type or action of feedback that the metric counts.")] = "",
    effect: Annotated[float, typer.Option(help="Relative change that is worth finding, such as 0.02.")] = 0.0,
    days: Annotated[float, typer.Option(help="Days of history, and of the experiment.")] = 14.0,
) -> None:
    """Say from this workspace's own history how many people an experiment needs, and what it could find."""
    share = 0.5
    if name:
        with _desk() as desk:
            spec = spec_of(desk.get(name))
        of, effect = of or spec.metrics[0].of, effect or spec.smallest_effect
        share = spec.variants[1].weight / (spec.variants[0].weight + spec.variants[1].weight)
    if not of or effect <= 0:
        raise InvalidInput("give the name of an experiment, or --of with what people do and --effect above 0")
    found = power_of(open_lake(Settings.from_environment().lake_path), of, effect, days, share)
    answers.print(
        f"In {days:g} days, {found.people:,} people did {of} {found.mean:.3g} times each "
        f"(deviation {found.deviation:.3g}).\n"
        f"A change of {effect:.1%} needs {found.needed:,} people in both variants to be found four times in five "
        f"(α = 5 %).\nAll {found.people:,} find it with a probability of {found.found_with_all:.0%}; "
        f"the least change that they find four times in five is {found.smallest_relative:.1%}.",
        highlight=False,
    )


def _variants(spec: Any) -> str:
    return ", ".join(f"{one['name']} {one['weight']:.0%}" for one in spec["variants"])


@contextmanager
def _desk() -> Iterator[ExperimentDesk]:
    settings = Settings.from_environment()
    Home(settings.home)
    state = open_state(settings.control_state_url)
    try:
        yield ExperimentDesk(state.experiments, open_model_registry(settings), lambda: datetime.now(UTC))
    finally:
        state.close()
