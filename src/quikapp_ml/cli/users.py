"""`users`: what is kept of people."""

from typing import Annotated

import typer

from quikapp_ml.cli.screen import answers, show_table
from quikapp_ml.jobs import erasure
from quikapp_ml.settings import Settings

app = typer.Typer(help="What is kept of people.", no_args_is_help=True)


@app.callback()
def _users() -> None:
    """Keep `erase` a command of its own name: a lone command would take its group's place."""


@app.command("erase")
def erase(
    user_id: Annotated[str, typer.Argument(help="The person's id.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take a person out of events, features, labels and answers, for good. Stop the service first."""
    if not yes:
        typer.confirm(f"All that {user_id} did and wrote will be gone. Go on?", abort=True)
    changed = erasure.run(Settings.from_environment(), user_id)
    show_table(
        ("table", "rows gone or changed"),
        [(name, f"{count:,}") for name, count in sorted(changed.items())],
        empty=f"nothing is kept of {user_id}",
    )
    answers.print("The next start of the service makes its state again from the tables.", highlight=False)
