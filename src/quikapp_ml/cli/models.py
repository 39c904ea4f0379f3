"""`train` and `models`: make a version, look at versions, move an alias, and see who moved it when."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from quikapp_ml.bootstrap import open_model_registry
from quikapp_ml.cli.screen import answers, show_table
from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.jobs.bert_training import fine_tune
from quikapp_ml.jobs.model_training import train_one
from quikapp_ml.serving.local_token import local_user
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.registry.base import CHALLENGER, CHAMPION, ModelVersion
from quikapp_ml.training.alias_moves import Move, held_at, move_alias, moves_of, version_before
from quikapp_ml.training.promotion import ask_gate

app = typer.Typer(help="Registered models: their versions, and which of them answer.", no_args_is_help=True)


def train(
    name: Annotated[str, typer.Argument(help="Registered name, such as spam-classifier; `models list` has them.")],
    base: Annotated[
        Path | None, typer.Option(help="Fine-tune the BERT in this folder (.onnx, tokenizer.json).")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the corpora to fine-tune it on.")] = None,
) -> None:
    """Train a candidate of one model from the tables and register it; no alias moves.

    With --base and --data, sentiment-bert's BERT is fine-tuned instead, which takes hours and the extra `train`.
    """
    if base is not None and data is not None:
        version = fine_tune(Settings.from_environment(), name, base, data)
        answers.print(f"{name} {version.semantic_version} is registered as version {version.number}")
        return
    if base is not None or data is not None:
        raise InvalidInput("--base and --data are given together: what to fine-tune, and on what")
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
    why: Annotated[str, typer.Option(help="Kept with the move.")] = "by hand, past the gate",
) -> None:
    """Point an alias at a version, past the gate: running services follow. `rollback` is the way back.

    What the gate would have said is shown, and kept with the move.
    """
    if alias not in (CHAMPION, CHALLENGER):
        raise InvalidInput(f"alias {alias!r} is unknown; use {CHAMPION} or {CHALLENGER}")
    version = _version(name, number)
    asked = ask_gate(version, alias, open_model_registry(Settings.from_environment()), _lake())
    _move(version, alias, why, {"gate_passed": asked.promoted, "gate": asked.reason})
    verdict = "lets it go forward" if asked.promoted else "would not have let it go forward"
    answers.print(f"the gate {verdict}: {asked.reason}", soft_wrap=True)


@app.command("rollback")
def rollback(
    name: str,
    why: Annotated[str, typer.Option(help="What was wrong; kept with the move.")],
    to: Annotated[int | None, typer.Option(help="Version number; not given: the champion before.")] = None,
) -> None:
    """Let the champion before answer again, or the version given; running services follow."""
    before = to if to is not None else version_before(moves_of(_lake(), name, CHAMPION))
    if before is None:
        raise NotFound(f"no champion of {name!r} before the one of now is recorded; name a version: --to NUMBER")
    _move(_version(name, before), CHAMPION, why)


@app.command("history")
def history(
    name: str,
    at: Annotated[str, typer.Option(help="A time such as 2026-11-24T10:00; UTC when it names no zone.")] = "",
) -> None:
    """Show every move of the champion, or which version answered at a time."""
    moves = moves_of(_lake(), name, CHAMPION)
    if at:
        answers.print(_told_at(name, moves, _time(at)), soft_wrap=True)
        return
    rows = [
        (f"{m.moved_at:%Y-%m-%d %H:%M:%S}", str(m.from_version or ""), str(m.to_version), m.who, m.why) for m in moves
    ]
    show_table(
        ("moved (UTC)", "from", "to", "who", "why"), rows, empty=f"no move of the champion of {name} is recorded"
    )


def _told_at(name: str, moves: Sequence[Move], time: datetime) -> str:
    held = held_at(moves, time)
    if held is None:
        raise NotFound(f"nothing is recorded about the champion of {name!r} at {time.isoformat()}")
    if time < moves[0].moved_at:
        return (
            f"version {held} of {name} was the champion until its first recorded move, {moves[0].moved_at.isoformat()}"
        )
    since = [move for move in moves if move.moved_at <= time][-1]
    return f"version {held} of {name} was the champion, since {since.moved_at.isoformat()}, by {since.who}: {since.why}"


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"--at {text!r} is no time; give one such as 2026-11-24T10:00") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _move(version: ModelVersion, alias: str, why: str, verdict: Mapping[str, object] | None = None) -> None:
    registry = open_model_registry(Settings.from_environment())
    holder = registry.by_alias(version.name, alias)
    move = Move(
        moved_at=datetime.now(UTC),
        who=local_user(),
        model=version.name,
        alias=alias,
        from_version=holder.number if holder else None,
        to_version=version.number,
        why=why,
        evidence={"metrics": dict(version.metrics), "table_versions": dict(version.table_versions), **(verdict or {})},
    )
    move_alias(registry, _lake(), move)
    answers.print(f"{alias} of {version.name} is version {version.number} ({version.semantic_version}) now")


def _lake() -> Lake:
    return open_lake(Settings.from_environment().lake_path)


def _version(name: str, number: int) -> ModelVersion:
    for version in open_model_registry(Settings.from_environment()).versions(name):
        if version.number == number:
            return version
    raise NotFound(f"there is no version {number} of a model {name!r}; quikapp-ml models list has them")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
