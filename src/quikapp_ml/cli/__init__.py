"""The command line: `quikapp-ml --help`."""

import logging
import sys

import typer
from rich.text import Text

from quikapp_ml import __version__
from quikapp_ml.cli import (
    decisions,
    endpoints,
    experiments,
    features,
    importing,
    models,
    pipeline,
    policy,
    review,
    rollouts,
    serving,
    shares,
    tables,
    tokens,
    users,
)
from quikapp_ml.cli.screen import errors
from quikapp_ml.errors import InvalidInput, QuikAppMLError
from quikapp_ml.settings import Settings

app = typer.Typer(
    name="quikapp-ml",
    help="The intelligence of a team chat, on the lakehouse. All state is in QUIKAPP_ML_HOME (default ~/.quikapp-ml).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up")(serving.up)
app.command("serve")(serving.serve)
app.add_typer(importing.app, name="import")
app.command("train")(models.train)
app.add_typer(pipeline.app, name="pipeline")
app.add_typer(models.app, name="models")
app.add_typer(features.app, name="features")
app.add_typer(tables.app, name="tables")
app.add_typer(users.app, name="users")
app.add_typer(policy.app, name="policy")
app.add_typer(review.app, name="review")
app.add_typer(shares.app, name="shares")
app.add_typer(shares.recipients, name="recipients")
app.add_typer(decisions.app, name="decisions")
app.add_typer(endpoints.app, name="endpoints")
app.add_typer(experiments.app, name="experiments")
app.add_typer(rollouts.app, name="rollouts")
app.add_typer(tokens.app, name="tokens")
app.command("doctor")(serving.doctor)
app.command("env")(serving.env)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"quikapp-ml {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Print the version and end."
    ),
) -> None:
    del version
    level = Settings.from_environment().log_level.upper()
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for chatty in ("alembic", "httpx", "mlflow", "py4j", "pyspark"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def main() -> None:
    """Run a command; an expected error is one message on stderr (exit 2 for bad input, 1 for the rest)."""
    try:
        app()
    except InvalidInput as error:
        errors.print(Text.assemble(("error:", "bold red"), f" {error}"), soft_wrap=True)
        sys.exit(2)
    except QuikAppMLError as error:
        errors.print(Text.assemble(("error:", "bold red"), f" {error}"), soft_wrap=True)
        sys.exit(1)
