"""The command line: `quikapp-ml --help`."""

import logging
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from rich.text import Text
from typer.core import TyperGroup
from typer.main import get_group

from quikapp_ml import __version__
from quikapp_ml.cli.screen import errors
from quikapp_ml.errors import InvalidInput, QuikAppMLError
from quikapp_ml.settings import Settings

COMMANDS: Mapping[str, str] = {
    "up": "serving:up",
    "serve": "serving:serve",
    "import": "importing:app",
    "train": "models:train",
    "pipeline": "pipeline:app",
    "models": "models:app",
    "features": "features:app",
    "tables": "tables:app",
    "users": "users:app",
    "policy": "policy:app",
    "review": "review:app",
    "shares": "shares:app",
    "recipients": "shares:recipients",
    "decisions": "decisions:app",
    "endpoints": "endpoints:app",
    "experiments": "experiments:app",
    "rollouts": "rollouts:app",
    "tokens": "tokens:app",
    "doctor": "serving:doctor",
    "env": "serving:env",
}
"""Name of a command → the module of this package that has it, and what it is called there: a function, or an app with
commands of its own."""


class Commands(TyperGroup):
    """The commands, each imported when it is asked for: what trains models need not be there to serve them."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands: Any = dict.fromkeys(COMMANDS)  # for a name that is not there, the one most like it is suggested

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of the help."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One command; None when there is none of that name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(f"{__name__}.{module}"), attribute)
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        if isinstance(found, typer.Typer):
            alone.add_typer(found, name=cmd_name)
        else:
            alone.command(cmd_name)(found)
        return get_group(alone).commands[cmd_name]


app = typer.Typer(
    name="quikapp-ml",
    cls=Commands,
    help="The intelligence of a team chat, on the lakehouse. All state is in QUIKAPP_ML_HOME (default ~/.quikapp-ml).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
