"""`rollouts`: another version of a model let in step by step, and out again when it does harm."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from quikapp_ml.bootstrap import open_model_registry
from quikapp_ml.cli.documents import read_yaml, write_page
from quikapp_ml.cli.screen import answers, show_table
from quikapp_ml.entities.rollouts import Abort
from quikapp_ml.experiments.rollout import ENDED
from quikapp_ml.experiments.rollout_report import report as report_of
from quikapp_ml.experiments.rollout_report import told
from quikapp_ml.serving.experiments import ExperimentDesk
from quikapp_ml.serving.local_token import local_user
from quikapp_ml.serving.rollout_world import RolloutWorld
from quikapp_ml.serving.rollouts import RolloutDesk, read_rollout
from quikapp_ml.settings import Settings
from quikapp_ml.stores.home import Home
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.state import open_state
from quikapp_ml.training.rollout_moves import RecordedAliases

app = typer.Typer(help="Rollouts: another version let in step by step, and out by itself.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the rollout.")]


@dataclass(frozen=True)
class _Steered:
    desk: RolloutDesk
    world: RolloutWorld


@app.command("list")
def list_rollouts() -> None:
    """List all rollouts and where each stands."""
    with _steered() as steered:
        records = steered.desk.all()
    rows = [
        (
            one.name, told(one.stage), f"{one.model} {one.champion} → {one.spec['version']}",
            one.steps[-1].why if one.stage in ENDED else one.waits_for,
        )
        for one in records
    ]  # fmt: skip
    show_table(("rollout", "", "", "why"), rows, empty="nothing is let in; begin: quikapp-ml rollouts start FILE.yaml")


@app.command("show")
def show(name: Name) -> None:
    """Print one rollout, and every step that it took."""
    with _steered() as steered:
        record = steered.desk.get(name)
    answers.print(
        f"Version {record.spec['version']} of {record.model}, against version {record.champion}, is "
        f"{told(record.stage)}{'' if record.is_settled or not record.waits_for else f': {record.waits_for}'}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    rows = [(f"{step.at:%Y-%m-%d %H:%M:%S}", told(step.after), step.by, step.why) for step in record.steps]
    show_table(("", "", "by", "why"), rows, empty="")


@app.command("start")
def start(file: Annotated[Path, typer.Argument(help="YAML file with the fields of docs/rollouts.md.")]) -> None:
    """Put a version at the gate; a running service takes it on from there."""
    spec = read_rollout(read_yaml(file))
    with _steered() as steered:
        steered.world.follow(steered.desk.start(spec, local_user()))
    answers.print(f"{spec.name} is at the gate; watch it: quikapp-ml rollouts show {spec.name}", soft_wrap=True)


@app.command("abort")
def abort(name: Name, reason: Annotated[str, typer.Option(help="Why.")]) -> None:
    """Let everybody have the champion again; a running service follows within two seconds."""
    with _steered() as steered:
        record = steered.desk.abort(name, Abort(reason=reason), local_user())
        is_done = steered.world.follow(record)
        if is_done:
            steered.desk.note(record, is_settled=True)
    answers.print(f"{name} is rolled back" if is_done else f"{name} is rolled back as soon as the service looks")


@app.command("report")
def report(
    name: Name,
    out: Annotated[Path | None, typer.Option(help="File for the page; NAME.html in this folder when left out.")] = None,
) -> None:
    """Write a rollout as one HTML page, for those who decide."""
    with _steered() as steered:
        record = steered.desk.get(name)
    spec, file = read_rollout(record.spec), out or Path(f"{name}.html")
    page = report_of(spec, record.model, record.champion, record.steps, record.waits_for)
    write_page(file, page)
    answers.print(f"{file} is written", highlight=False, soft_wrap=True)


@contextmanager
def _steered() -> Iterator[_Steered]:
    def now() -> datetime:
        return datetime.now(UTC)

    settings = Settings.from_environment()
    Home(settings.home)
    state, registry = open_state(settings.control_state_url), open_model_registry(settings)
    try:
        experiments = ExperimentDesk(state.experiments, registry, now)
        lake = open_lake(settings.lake_path)
        world = RolloutWorld(experiments, RecordedAliases(registry, lake, now), lake)
        yield _Steered(RolloutDesk(state.rollouts, experiments, registry, now), world)
    finally:
        state.close()
