"""`tokens`: who may call this service from elsewhere, and for how long."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from quikapp_ml.cli.screen import answers, errors, show_table
from quikapp_ml.serving.access import ALL_APIS, SCOPES, create_token
from quikapp_ml.serving.audit import new_entry
from quikapp_ml.serving.local_token import local_user
from quikapp_ml.settings import Settings
from quikapp_ml.stores.state import open_state
from quikapp_ml.stores.state.tokens import Token

app = typer.Typer(help="Bearer tokens: make, list and revoke them.", no_args_is_help=True)


@app.command("create")
def create(
    owner: Annotated[str, typer.Option(help="Name by which permissions know the holder.")],
    scope: Annotated[
        list[str], typer.Option(help=f"What it opens; may be given several times: {', '.join(SCOPES)}.")
    ] = [ALL_APIS],  # noqa: B006  typer's way to declare a default list
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days until it ends.")] = 90,
    comment: Annotated[str, typer.Option(help="What it is for.")] = "",
) -> None:
    """Make a token and print it, once: only its hash is kept."""
    state = open_state(Settings.from_environment().control_state_url)
    text, token = create_token(state.tokens, owner, tuple(dict.fromkeys(scope)), timedelta(days=days), comment)
    parameters = {"token_id": token.token_id, "owner": owner, "scopes": ",".join(token.scopes), "days": str(days)}
    state.audit.append(new_entry("accounts", "createToken", local_user(), parameters))
    state.close()
    errors.print(f"Token {token.token_id} of {owner} ends in {days} days. It is shown this once:")
    typer.echo(text)


@app.command("list")
def list_tokens() -> None:
    """List all tokens, newest first; never the tokens themselves."""
    state = open_state(Settings.from_environment().control_state_url)
    now = datetime.now(UTC)
    rows = [
        (
            token.token_id,
            token.owner,
            ", ".join(token.scopes),
            f"{token.created_at:%Y-%m-%d %H:%M}",
            "" if token.expires_at is None else f"{token.expires_at:%Y-%m-%d %H:%M}",
            _standing(token, now),
            token.comment,
        )
        for token in state.tokens.all()
    ]
    state.close()
    columns = ("token", "owner", "scopes", "made (UTC)", "ends (UTC)", "", "comment")
    show_table(columns, rows, empty="there is no token; make one with: quikapp-ml tokens create --owner NAME")


@app.command("revoke")
def revoke(token_id: Annotated[str, typer.Argument(help="Id of the token; `tokens list` has it.")]) -> None:
    """End a token now; a running service knows within a second."""
    state = open_state(Settings.from_environment().control_state_url)
    token = state.tokens.revoke(token_id, datetime.now(UTC))
    state.audit.append(new_entry("accounts", "revokeToken", local_user(), {"token_id": token_id}))
    state.close()
    answers.print(f"token {token_id} of {token.owner} opens nothing any more")


def _standing(token: Token, now: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return "valid" if token.is_valid(now) else "ended"
