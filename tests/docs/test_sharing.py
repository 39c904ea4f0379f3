"""`docs/sharing.md` claims what the official client has tried, and commands that there are."""

import re
from pathlib import Path

import typer

from quikapp_ml.cli import shares

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sharing.md").read_text(encoding="utf-8")
SCRIPT = (ROOT / "tests" / "clients" / "scripts" / "shares.py").read_text(encoding="utf-8")


def test_the_table_of_methods_is_what_the_client_has_tried() -> None:
    tried = set(re.findall(r"\b(w\.(?:shares|recipients|recipient_activation)\.\w+)\(", SCRIPT))
    assert set(re.findall(r"^\| databricks-sdk \| `([\w.]+)`", PAGE, re.MULTILINE)) == tried


def test_every_command_is_in_the_table_and_no_other() -> None:
    def named(group: str, app: typer.Typer) -> set[str]:
        return {f"quikapp-ml {group} {command.name}" for command in app.registered_commands}

    table = "\n".join(line for line in PAGE.splitlines() if line.startswith("| `quikapp-ml"))
    commands = named("shares", shares.app) | named("recipients", shares.recipients)
    assert set(re.findall(r"`(quikapp-ml (?:shares|recipients) [\w-]+)`", table)) == commands


def test_options_of_the_page_are_known() -> None:
    source = (ROOT / "src" / "quikapp_ml" / "cli" / "shares.py").read_text(encoding="utf-8")
    told = set(re.findall(r"--([a-z][a-z-]+)", PAGE)) - {"megabytes"}
    assert told
    assert all(f'"--{option}"' in source or f"{option.replace('-', '_')}: " in source for option in told)
