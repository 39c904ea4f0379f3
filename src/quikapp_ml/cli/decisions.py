"""`decisions`: why the service said what it said, and whether it would say it again."""

from collections import Counter
from typing import Annotated, Any

import orjson
import typer

from quikapp_ml.cli.screen import answers, show_table
from quikapp_ml.errors import InvalidInput, JobFailed
from quikapp_ml.jobs import replay as jobs
from quikapp_ml.serving.ledger_view import explained
from quikapp_ml.serving.replay import Replay
from quikapp_ml.settings import Settings

app = typer.Typer(help="Decisions: why they were made, and what would be said again.", no_args_is_help=True)

NOW = "now"
RECORDED = "recorded"
_WIDTH = 60


@app.command("show")
def show(
    decision_id: Annotated[str, typer.Argument(help="The decision_id of an answer.")],
    user_id: Annotated[str, typer.Option("--user", help="Only what this person may see of it.")] = "",
) -> None:
    """Print all that a decision was made from, as JSON."""
    with jobs.opened(Settings.from_environment()) as (archive, _):
        told = explained(archive.find(decision_id), user_id or None)
    typer.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())


@app.command("replay")
def replay(
    decision_id: Annotated[str, typer.Argument(help="The decision_id of an answer; or give --sample.")] = "",
    sample: Annotated[int, typer.Option(min=0, help="So many decisions by chance.")] = 0,
    seed: Annotated[int, typer.Option(help="Another seed draws others.")] = 0,
    alias: Annotated[str, typer.Option("--with", help="By the model that this alias points to now.")] = "",
    features: Annotated[str, typer.Option(help="`recorded`, or `now`: what is known today.")] = RECORDED,
) -> None:
    """Run decisions again at the model versions that made them. Ends with 1 when an answer differs unexplained."""
    if bool(decision_id) == bool(sample):
        raise InvalidInput("give either the id of a decision, or --sample with a number")
    if features not in (RECORDED, NOW):
        raise InvalidInput(f"--features is {features!r}; give {RECORDED} or {NOW}")
    with jobs.opened(Settings.from_environment(), features_now=features == NOW) as (archive, replayer):
        rows = [archive.find(decision_id)] if decision_id else archive.sample(sample, seed)
        replayed = [replayer.replay(row, alias or None) for row in rows]
    _print(replayed)
    unexplained = sum(not each.is_explained for each in replayed)
    if unexplained and not alias and features == RECORDED:
        raise JobFailed(f"{unexplained} of {len(replayed)} decisions cannot be explained by what was recorded of them")


def _print(replayed: list[Replay]) -> None:
    if len(replayed) > 1:
        counts = Counter((each.kind, str(each.outcome)) for each in replayed)
        rows = [(kind, outcome, str(count)) for (kind, outcome), count in sorted(counts.items())]
        show_table(("kind", "outcome", "decisions"), rows, empty="")
    for each in replayed:
        if len(replayed) == 1 or not each.is_explained:
            answers.print(
                f"{each.decision_id} ({each.kind}): {each.outcome}: {each.why}", highlight=False, soft_wrap=True
            )
            places = [(one.path, _short(one.recorded), _short(one.replayed)) for one in each.differences]
            if places:
                show_table(("where", "recorded", "now"), places, empty="")
    if not replayed:
        answers.print("the tables hold no decisions yet")


def _short(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
