"""`import`: bring a chat's history in, through the running service when there is one, else into the home itself."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from quikapp_ml.bootstrap import open_service
from quikapp_ml.cli.screen import answers, errors, progress_bar
from quikapp_ml.errors import InvalidInput
from quikapp_ml.importers.delivery import Delivered, Sink, deliver, http_sink, intake_sink
from quikapp_ml.importers.sample import SampleConfig, generate
from quikapp_ml.importers.slack import ExportReport, count_members, read_export
from quikapp_ml.settings import Settings
from quikapp_ml.stores.home import Home

app = typer.Typer(help="Bring a chat's history in. Importing the same twice changes nothing.", no_args_is_help=True)


@app.command("slack")
def slack(
    export: Annotated[Path, typer.Argument(help="The export: Slack's zip, or the folder it was unpacked to.")],
    skip_broken: Annotated[bool, typer.Option("--skip-broken", help="Leave broken parts out, and say so.")] = False,
) -> None:
    """Import a Slack workspace export."""
    report = ExportReport()
    with progress_bar() as bar:
        task = bar.add_task("files of the export", total=count_members(export))
        delivered = _deliver(
            read_export(export, skip_broken, report), lambda _: bar.update(task, completed=report.members_read)
        )
        bar.update(task, completed=report.members_read)
    for skipped in report.skipped:
        errors.print(Text.assemble(("skipped", "yellow"), f" {skipped}"))
    _conclude(delivered)


@app.command("sample")
def sample(
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The day on which the history ends (UTC).")],
    users: Annotated[int, typer.Option(min=5, max=100_000, help="People.")] = 200,
    days: Annotated[int, typer.Option(min=1, max=730, help="Days of history.")] = 45,
    seed: Annotated[int, typer.Option(help="The same seed gives the same workspace.")] = 7,
) -> None:
    """Import a sample workspace, made from a seed."""
    config = SampleConfig(users=users, days=days, seed=seed, until=until.replace(tzinfo=UTC))
    with progress_bar() as bar:
        task = bar.add_task("events of the sample workspace", total=None)
        delivered = _deliver(generate(config), lambda n: bar.update(task, completed=n))
    _conclude(delivered)


def _deliver(events: Iterable[Mapping[str, Any]], on_progress: Callable[[int], None]) -> Delivered:
    with _sink(Settings.from_environment()) as sink:
        return deliver(events, sink, on_progress=on_progress)


@contextmanager
def _sink(settings: Settings) -> Iterator[Sink]:
    """One service owns a home: when it runs, events go through its door."""
    running = Home(settings.home).running()
    if running is not None and running.url:
        yield http_sink(running.url)
        return
    service = open_service(settings)
    try:
        service.start_intake()
        yield intake_sink(service.intake)
    finally:
        service.close()


def _conclude(delivered: Delivered) -> None:
    answers.print(
        f"{delivered.accepted:,} new events, {delivered.duplicates:,} known before, {delivered.rejected:,} rejected",
        highlight=False,
    )
    for rejection in delivered.first_rejected[:10]:
        errors.print(f"rejected event {rejection.index}: {rejection.path} {rejection.message}", highlight=False)
    if delivered.rejected:
        raise InvalidInput(f"{delivered.rejected} events were rejected; all others are in")
