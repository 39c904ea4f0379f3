"""`train` and `models`: make a version, look at versions, move an alias."""

from typing import Annotated

import typer

from quikapp_ml.bootstrap import open_model_registry
from quikapp_ml.cli.screen import answers, show_table
from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.jobs.model_training import train_one
from quikapp_ml.settings import Settings
from quikapp_ml.stores.registry.base import CHALLENGER, CHAMPION, ModelVersion

app = typer.Typer(help="Registered models: their versions, and which of them answer.", no_args_is_help=True)


def train(
    name: Annotated[str, typer.Argument(help="Registered name, such as spam-classifier; `models list` has them.")],
) -> None:
    """Train a candidate of one model from the tables and register it; no alias moves."""
    outcome = train_one(Settings.from_environment(), name)
    if outcome.version is None:
        answers.print(f"{name} was not trained: {outcome.skipped}")
        return
    rows = [
        (measure, f"{value:.4f}", _number(outcome.previous_metrics.get(measure)))
        for measure, value in sorted(outcome.metrics.items())
    ]
    show_table(("measure on the held-out part", "candidate", "version before"), rows, empty="")
    answers.print(
        f"{name} {outcome.version.semantic_version} is registered as version {outcome.version.number}. Let it answer: "
        f"quikapp-ml models promote {name} {outcome.version.number}",
        soft_wrap=True,
    )


@app.command("list")
def list_models() -> None:
    """List the newest versions of every registered model."""
    registry = open_model_registry(Settings.from_environment())
    rows = [
        (v.name, str(v.number), v.semantic_version, ", ".join(v.aliases), f"{v.created_at:%Y-%m-%d %H:%M}")
        for name in registry.names()
        for v in registry.versions(name)[:5]
    ]
    show_table(
        ("model", "version", "semantic version", "aliases", "registered (UTC)"),
        rows,
        empty="no model is registered yet; the first start of the service does it: quikapp-ml serve",
    )


@app.command("show")
def show(name: str, number: int) -> None:
    """Show what is known about one version: measures, tags, aliases."""
    version = _version(name, number)
    answers.print(f"{version.name} {version.semantic_version}, version {version.number}: {', '.join(version.aliases)}")
    facts = {**{k: f"{v:.4f}" for k, v in version.metrics.items()}, **version.tags}
    show_table(("", ""), sorted(facts.items()), empty="nothing else is known about it")


@app.command("promote")
def promote(
    name: str,
    number: int,
    alias: Annotated[str, typer.Option(help=f"{CHAMPION} (Production) or {CHALLENGER} (Staging).")] = CHAMPION,
) -> None:
    """Point an alias at a version, past the gate: running services follow. It is also the way back."""
    if alias not in (CHAMPION, CHALLENGER):
        raise InvalidInput(f"alias {alias!r} is unknown; use {CHAMPION} or {CHALLENGER}")
    version = _version(name, number)
    open_model_registry(Settings.from_environment()).set_alias(name, alias, number)
    answers.print(f"{alias} of {name} is version {number} ({version.semantic_version}) now")


def _version(name: str, number: int) -> ModelVersion:
    for version in open_model_registry(Settings.from_environment()).versions(name):
        if version.number == number:
            return version
    raise NotFound(f"there is no version {number} of a model {name!r}; quikapp-ml models list has them")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
