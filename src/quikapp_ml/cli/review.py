"""`review`: what waits for a moderator, and a moderator's word."""

from typing import Annotated, Literal
from urllib.parse import quote

import typer

from quikapp_ml.cli.asking import ask
from quikapp_ml.cli.screen import answers, show_table
from quikapp_ml.serving.local_token import local_user

app = typer.Typer(help="Messages that were flagged, held, reported or appealed against.", no_args_is_help=True)

_SHOWN_LETTERS = 80
_SHOWN_SIGNS = 3


@app.command("list")
def list_waiting(
    workspace: Annotated[str, typer.Option(help="A workspace of the chat.")] = "",
    channel: Annotated[str, typer.Option(help="Id of a channel.")] = "",
    campaign: Annotated[str, typer.Option(help="Id of a campaign.")] = "",
    status: Annotated[Literal["open", "released", "removed", "all"], typer.Option(help="How they stand.")] = "open",
    order: Annotated[
        Literal["age", "campaign"], typer.Option(help="The oldest, or the largest campaigns first.")
    ] = "age",
    limit: Annotated[int, typer.Option(min=1, max=500, help="So many at most.")] = 50,
) -> None:
    """List messages with what speaks for and against them."""
    asked: dict[str, str | int] = {
        "workspace": workspace, "channel_id": channel, "campaign_id": campaign, "status": status, "order": order,
        "limit": limit,
    }  # fmt: skip
    found = ask("GET", "/api/ml/review", asked)
    rows = [
        (
            item["decision_id"],
            _age(item["age_seconds"]),
            item["action"] if item["status"] == "open" else item["status"],
            f"{item['spam_probability']:.3f}",
            item["user_id"],
            item.get("channel_id", ""),
            item.get("campaign_id", ""),
            _short(item["content"]),
            ", ".join(f"{each['signal']} {each['weight']:+.1f}" for each in item["evidence"][:_SHOWN_SIGNS]),
            _short(item.get("appeal", "")),
        )
        for item in found["items"]
    ]
    columns = ("decision", "age", "", "spam", "by", "channel", "campaign", "text", "evidence", "appeal")
    show_table(columns, rows, empty="nothing waits")
    if found["total"] > len(rows):
        answers.print(f"{found['total']} in all; --limit shows more")


@app.command("resolve")
def resolve(
    decision_id: Annotated[str, typer.Argument(help="Id of the decision; `review list` has it.")],
    resolution: Annotated[Literal["release", "remove"], typer.Argument(help="What becomes of the message.")],
    comment: Annotated[str, typer.Option(help="Why.")] = "",
    whole_campaign: Annotated[
        bool, typer.Option("--campaign", help="All open messages of its campaign with it.")
    ] = False,
) -> None:
    """Release or remove a message; texts that are nearly the same are judged by it from now on."""
    said = f"{comment} ({local_user()})" if comment else local_user()
    body = {"resolution": resolution, "comment": said, "whole_campaign": whole_campaign}
    done = ask("POST", f"/api/ml/review/{quote(decision_id, safe='')}", None, body)
    answers.print(f"{resolution}: {len(done['decision_ids'])} messages, by {done['resolved_by']}", highlight=False)


def _age(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _short(text: str) -> str:
    shown = " ".join(text.split())
    return shown if len(shown) <= _SHOWN_LETTERS else f"{shown[: _SHOWN_LETTERS - 1]}…"
