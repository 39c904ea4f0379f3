"""`pipeline`: run the bundle's jobs here, look at their runs, repair them."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from quikapp_ml.bootstrap import open_bundle, open_job_runner
from quikapp_ml.cli.screen import answers, errors, show_table
from quikapp_ml.errors import InvalidInput, JobFailed
from quikapp_ml.settings import Settings
from quikapp_ml.stores.state import open_state
from quikapp_ml.stores.state.base import JobRun, RunState, TaskAttempt

JOB = "ml_pipeline"

app = typer.Typer(help="Run the bundle's jobs here, look at their runs, repair them.", no_args_is_help=True)

BundleOption = Annotated[
    Path | None, typer.Option(help="databricks.yml, or its folder; default: this folder's, else the package's.")
]
TargetOption = Annotated[str | None, typer.Option(help="Target of the bundle; default: its default target.")]


@app.command("run")
def run(
    job: Annotated[str, typer.Argument(help="Key of the job in resources/*.yml.")] = JOB,
    parameters: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="A job parameter.")
    ] = None,
    trigger: Annotated[str, typer.Option(hidden=True)] = "manual",
    bundle: BundleOption = None,
    target: TargetOption = None,
) -> None:
    """Run a job to its end: its tasks in order, with retries; exit 1 when one fails."""
    runner = open_job_runner(Settings.from_environment(), os.environ, open_bundle(bundle, target), _tell)
    _conclude(runner.run(job, trigger, _named(parameters or [])))


@app.command("repair")
def repair(
    run_id: Annotated[int, typer.Argument(help="The run, as `pipeline runs` lists it.")],
    bundle: BundleOption = None,
    target: TargetOption = None,
) -> None:
    """Go on with a run that failed, from the tasks that did not succeed."""
    _conclude(
        open_job_runner(Settings.from_environment(), os.environ, open_bundle(bundle, target), _tell).repair(run_id)
    )


@app.command("runs")
def runs(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
) -> None:
    """List the newest runs; those that nobody carries out any more are marked as lost first."""
    settings = Settings.from_environment()
    open_job_runner(settings, os.environ, open_bundle(), _tell).find_lost()
    state = open_state(settings.control_state_url)
    rows = [
        (
            str(r.run_id),
            r.job,
            r.trigger,
            _coloured(r.state),
            f"{r.started_at:%Y-%m-%d %H:%M:%S}",
            _duration(r),
            r.message,
        )
        for r in state.job_runs.runs(limit)
    ]
    show_table(("run", "job", "trigger", "state", "started (UTC)", "took", ""), rows, empty="no job has run yet")


@app.command("show")
def show(run_id: int) -> None:
    """Show the attempts of one run, and where their logs are."""
    found = open_state(Settings.from_environment().control_state_url).job_runs.run(run_id)
    answers.print(Text.assemble(f"run {found.run_id} of {found.job}: ", _coloured(found.state), f" {found.message}"))
    rows = [(a.task, str(a.number), _coloured(a.state), _duration(a), a.message, a.log_path) for a in found.attempts]
    show_table(("task", "attempt", "state", "took", "", "log"), rows, empty="no task was begun")


def _named(given: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    for (name, equals, _), text in zip(pairs, given, strict=True):
        if not (name and equals):
            raise InvalidInput(f"parameter {text!r} has another form than NAME=VALUE")
    return {name: value for name, _, value in pairs}


def _tell(attempt: TaskAttempt) -> None:
    took = "" if attempt.ended_at is None else f" after {_duration(attempt)}"
    begin = f"{attempt.task}, attempt {attempt.number}: "
    errors.print(Text.assemble(begin, _coloured(attempt.state), f"{took} {attempt.message}"))


def _conclude(run: JobRun) -> None:
    if run.state is RunState.SUCCEEDED:
        answers.print(
            Text.assemble(f"run {run.run_id} of {run.job}: ", _coloured(run.state), f" after {_duration(run)}")
        )
        return
    failed = [a for a in run.attempts if a.log_path and a.state is not RunState.SUCCEEDED]
    logs = f" Its log: {failed[-1].log_path}." if failed else ""
    raise JobFailed(
        f"run {run.run_id} of {run.job} {run.state.value}: {run.message}.{logs} When the cause is mended: "
        f"quikapp-ml pipeline repair {run.run_id}"
    )


def _duration(thing: JobRun | TaskAttempt) -> str:
    return "" if thing.ended_at is None else f"{(thing.ended_at - thing.started_at).total_seconds():.1f} s"


def _coloured(state: RunState) -> Text:
    colours = {RunState.SUCCEEDED: "green", RunState.RUNNING: "cyan"}
    return Text(state.value, colours.get(state, "red"))
