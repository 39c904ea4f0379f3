"""`shares` and `recipients`: what is shared with other organisations, and who may read it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from quikapp_ml.cli.screen import answers, errors, show_table
from quikapp_ml.databricks_api.sharing.management import DEFAULT_LIFE, IssuedToken, NewTable, Sharing
from quikapp_ml.errors import AlreadyExists, NotFound
from quikapp_ml.serving.audit import new_entry
from quikapp_ml.serving.local_token import local_user
from quikapp_ml.settings import Settings
from quikapp_ml.stores.files import write_whole
from quikapp_ml.stores.home import Home
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.state import open_state
from quikapp_ml.stores.state.base import ControlState
from quikapp_ml.stores.state.shares import Recipient, SharedTable

app = typer.Typer(help="Tables shared with other organisations, by the Delta Sharing protocol.", no_args_is_help=True)
recipients = typer.Typer(help="Those who may read shares, and their tokens.", no_args_is_help=True)

ShareName = Annotated[str, typer.Argument(help="Name of the share.")]
RecipientName = Annotated[str, typer.Argument(help="Name of the recipient.")]
Comment = Annotated[str, typer.Option(help="What others should know about it.")]
Days = Annotated[int, typer.Option(min=1, max=3650, help="Days after which the token ends.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="File to write the profile to, instead of the screen.")
]
Endpoint = Annotated[
    str, typer.Option(help="URL by which the recipient reaches this service; by default where it runs now.")
]


# --- shares


@app.command("create")
def create(name: ShareName, comment: Comment = "") -> None:
    """Make an empty share."""
    with _state() as state:
        share = _sharing(state).create_share(name, local_user(), comment)
        _note(state, "createShare", share=share.name)
    answers.print(f"share {share.name} is made; put a table in: quikapp-ml shares add-table {share.name} TABLE")


@app.command("list")
def list_shares() -> None:
    """List the shares."""
    with _state() as state:
        rows = [
            (share.name, str(len(share.tables)), ", ".join(share.recipients), share.comment)
            for share in state.shares.all()
        ]
    show_table(("share", "tables", "recipients", ""), rows, empty="nothing is shared; begin: quikapp-ml shares create")


@app.command("show")
def show(name: ShareName) -> None:
    """Show the tables of a share, and who may read it."""
    with _state() as state:
        share = state.shares.share(name.lower())
    answers.print(f"share {share.name}, readable by: {', '.join(share.recipients) or 'nobody yet'}", highlight=False)
    rows = [(f"{table.schema}.{table.name}", table.table, _history(table), table.comment) for table in share.tables]
    show_table(("shared as", "table", "history", ""), rows, empty="it has no tables")


@app.command("add-table")
def add_table(
    share: ShareName,
    table: Annotated[str, typer.Argument(help="Full name of a table, such as quikapp_ml.features.user_activity.")],
    shared_as: Annotated[
        str, typer.Option("--as", help="schema.table that recipients will see; by default its own.")
    ] = "",
    history: Annotated[
        bool, typer.Option("--history", help="Share earlier versions, and what changed between them.")
    ] = False,
    changes: Annotated[
        bool, typer.Option("--changes", help="Switch the table's change data feed on, and share its history.")
    ] = False,
    start_version: Annotated[int, typer.Option(min=0, help="Earliest version that recipients may read.")] = 0,
) -> None:
    """Put a table into a share."""
    new = NewTable(table, shared_as, "", history, start_version, changes)
    with _state() as state:
        added = _sharing(state).add_table(share, new, local_user())
        _note(state, "updateShare", share=share.lower(), add=added.table, shared_as=f"{added.schema}.{added.name}")
    answers.print(f"{added.table} is shared as {share.lower()}.{added.schema}.{added.name}", soft_wrap=True)


@app.command("remove-table")
def remove_table(
    share: ShareName, shared_as: Annotated[str, typer.Argument(help="schema.table as recipients see it.")]
) -> None:
    """Take a table out of a share; the table itself is not touched."""
    with _state() as state:
        _sharing(state).remove_table(share, shared_as)
        _note(state, "updateShare", share=share.lower(), remove=shared_as.lower())
    answers.print(f"{shared_as.lower()} is shared no longer in {share.lower()}", soft_wrap=True)


@app.command("remove")
def remove(name: ShareName) -> None:
    """Remove a share with its grants; the tables themselves are not touched."""
    with _state() as state:
        state.shares.remove(name.lower())
        _note(state, "deleteShare", share=name.lower())
    answers.print(f"share {name.lower()} is removed")


@app.command("grant")
def grant(share: ShareName, recipient: RecipientName) -> None:
    """Let a recipient read a share."""
    with _state() as state:
        state.shares.change_grants(share.lower(), (recipient.lower(),), ())
        _note(state, "updateSharePermissions", share=share.lower(), add=recipient.lower())
    answers.print(f"{recipient.lower()} may read share {share.lower()} now")


@app.command("revoke")
def revoke(share: ShareName, recipient: RecipientName) -> None:
    """Let a recipient read a share no longer."""
    with _state() as state:
        state.shares.change_grants(share.lower(), (), (recipient.lower(),))
        _note(state, "updateSharePermissions", share=share.lower(), remove=recipient.lower())
    answers.print(f"{recipient.lower()} may read share {share.lower()} no longer")


# --- recipients


@recipients.command("create")
def create_recipient(
    name: RecipientName,
    days: Days = DEFAULT_LIFE.days,
    endpoint: Endpoint = "",
    output: Output = None,
    comment: Comment = "",
) -> None:
    """Make a recipient with a token. Its profile is shown once: hand it over on a safe way."""
    _check_output(output)
    with _state() as state:
        issued = _sharing(state).create_recipient(name, local_user(), timedelta(days=days), comment)
        _note(state, "createRecipient", recipient=issued.recipient.name)
    _hand_out(issued, endpoint, output)


@recipients.command("rotate")
def rotate(
    name: RecipientName,
    overlap_hours: Annotated[float, typer.Option(min=0, help="Hours for which the old token goes on.")] = 24,
    days: Days = DEFAULT_LIFE.days,
    endpoint: Endpoint = "",
    output: Output = None,
) -> None:
    """Give a recipient a new token; the old one goes on for a while."""
    _check_output(output)
    with _state() as state:
        issued = _sharing(state).rotate(name, timedelta(days=days), overlap_hours * 3600)
        _note(state, "rotateRecipientToken", recipient=issued.recipient.name)
    _hand_out(issued, endpoint, output)


@recipients.command("end-tokens")
def end_tokens(name: RecipientName) -> None:
    """Refuse all tokens of a recipient from now on."""
    with _state() as state:
        _sharing(state).end_tokens(name)
        _note(state, "updateRecipient", recipient=name.lower(), tokens="ended")
    answers.print(f"no token of {name.lower()} opens anything now; a new one: quikapp-ml recipients rotate")


@recipients.command("list")
def list_recipients() -> None:
    """List the recipients."""
    with _state() as state:
        rows = [(each.name, ", ".join(each.shares), _tokens(each), each.comment) for each in state.recipients.all()]
    show_table(("recipient", "shares", "token", ""), rows, empty="there are none; quikapp-ml recipients create")


@recipients.command("remove")
def remove_recipient(name: RecipientName) -> None:
    """Remove a recipient with its tokens and grants."""
    with _state() as state:
        state.recipients.remove(name.lower())
        _note(state, "deleteRecipient", recipient=name.lower())
    answers.print(f"recipient {name.lower()} is removed")


@contextmanager
def _state() -> Iterator[ControlState]:
    settings = Settings.from_environment()
    Home(settings.home)
    state = open_state(settings.control_state_url)
    try:
        yield state
    finally:
        state.close()


def _sharing(state: ControlState) -> Sharing:
    return Sharing(state.shares, state.recipients, open_lake(Settings.from_environment().lake_path), time.time)


def _note(state: ControlState, action: str, **parameters: str) -> None:
    state.audit.append(new_entry("unityCatalog", action, local_user(), parameters))


def _check_output(output: Path | None) -> None:
    """Before a token is made: one that cannot be written down is lost."""
    if output is not None and not output.absolute().parent.is_dir():
        raise NotFound(f"there is no folder {output.absolute().parent}")
    if output is not None and output.exists():
        raise AlreadyExists(f"{output} exists already; name another file")


def _hand_out(issued: IssuedToken, endpoint: str, output: Path | None) -> None:
    profile = issued.profile(endpoint or _endpoint())
    name = issued.recipient.name
    if output is None:
        typer.echo(profile.decode(), nl=False)
    else:
        write_whole(output, profile)
        errors.print(f"the profile of {name} is in {output}", soft_wrap=True)
    if not issued.recipient.shares:
        errors.print(f"{name} may read nothing yet: quikapp-ml shares grant SHARE {name}", soft_wrap=True)


def _endpoint() -> str:
    settings = Settings.from_environment()
    running = Home(settings.home).running()
    return running.url if running and running.url else f"http://{settings.host}:{settings.port}"


def _history(table: SharedTable) -> str:
    return f"from version {table.start_version}" if table.with_history else "newest version only"


def _tokens(recipient: Recipient) -> str:
    now = datetime.now(UTC)
    valid = [token for token in recipient.tokens if token.is_valid(now)]
    ends = [f"{token.expires_at:%Y-%m-%d %H:%M}" if token.expires_at else "never ends" for token in valid]
    return f"until {', '.join(ends)}" if ends else "ended"
