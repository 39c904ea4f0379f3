"""`policy`: what the running service does with spam, and what a change would do."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import orjson
import typer

from quikapp_ml.cli.asking import ask
from quikapp_ml.cli.screen import answers, show_table
from quikapp_ml.errors import InvalidInput
from quikapp_ml.serving.local_token import local_user

app = typer.Typer(help="What is done with spam: thresholds, exemptions, lists; by channel.", no_args_is_help=True)

_SPAM = "/api/ml/policies/spam"

ChannelOption = Annotated[str, typer.Option("--channel", help="Id of a channel; by default all of them.")]
WorkspaceOption = Annotated[str, typer.Option("--workspace", help="A workspace of the chat; by default all of them.")]
File = Annotated[Path, typer.Argument(help="JSON file with the policy's fields; - reads it from standard input.")]


@app.command("show")
def show(channel: ChannelOption = "", workspace: WorkspaceOption = "") -> None:
    """Print what holds in a place, and what the place says for itself."""
    _print_policy(ask("GET", _path(channel), {"workspace": workspace}))


@app.command("set")
def change(
    file: File,
    channel: ChannelOption = "",
    workspace: WorkspaceOption = "",
    comment: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """Let a policy hold in a place; it takes the place of all that was said there before."""
    body = {"changed_by": local_user(), **_read(file), **({"comment": comment} if comment else {})}
    _print_policy(ask("PUT", _path(channel), {"workspace": workspace}, body))


@app.command("history")
def history(
    channel: ChannelOption = "",
    workspace: WorkspaceOption = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So many changes at most.")] = 20,
) -> None:
    """List who changed what, the newest first."""
    place: dict[str, str | int] = {"channel_id": channel, "workspace": workspace, "limit": limit}
    rows = [
        (
            str(change["version"]),
            change["at"][:19].replace("T", " "),
            change["by"],
            "/".join(filter(None, change["scope"].values())) or "everywhere",
            _line(change["before"]),
            _line(change["after"]),
            change["comment"],
        )
        for change in ask("GET", "/api/ml/policies/history", place)["changes"]
    ]
    show_table(("version", "at (UTC)", "by", "where", "from", "to", ""), rows, empty="no policy was ever changed")


@app.command("dry-run")
def dry_run(file: File, channel: ChannelOption = "", workspace: WorkspaceOption = "") -> None:
    """Say what a policy would have done with the newest checks; nothing is changed."""
    found = ask("POST", f"{_path(channel)}/dry-run", {"workspace": workspace}, _read(file))
    answers.print(f"{found['n_decisions']} checks" + (f" since {found['since']}" if "since" in found else ""))
    actions = sorted({*found["was"], *found["would_be"]})
    rows = [(action, str(found["was"].get(action, 0)), str(found["would_be"].get(action, 0))) for action in actions]
    if rows:
        show_table(("action", "was", "would be"), rows, empty="")
    changes = [
        (each["was"], each["would_be"], str(each["count"]), each["decision_ids"][-1]) for each in found["changes"]
    ]
    show_table(("was", "would be", "checks", "the newest"), changes, empty="nothing would be another way")


def _path(channel: str) -> str:
    return f"{_SPAM}/{quote(channel, safe='')}" if channel else _SPAM


def _read(file: Path) -> dict[str, Any]:
    try:
        given = orjson.loads(sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes())
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{file} is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise InvalidInput(f"{file} holds no JSON object; one is a policy: {{}} says nothing of its own")
    return given


def _print_policy(found: dict[str, Any]) -> None:
    where = "/".join(filter(None, (found["workspace"], found["channel"]))) or "everywhere"
    answers.print(f"{where}: version {found['version']}, says for itself {_line(found['own'])}", highlight=False)
    rows = [(name, value if isinstance(value, str) else _line(value)) for name, value in found["effective"].items()]
    show_table(("holds there", ""), rows, empty="")


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
