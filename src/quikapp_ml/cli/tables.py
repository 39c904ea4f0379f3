"""`tables`: what there is, what is declared of it, and its upkeep."""

from typing import Annotated

import typer

from quikapp_ml.cli.screen import answers, show_table
from quikapp_ml.jobs import table_upkeep
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake, Table
from quikapp_ml.stores.lake.tables import CATALOG
from quikapp_ml.training import declared_tables

app = typer.Typer(help="The tables of the lakehouse: sizes, declarations, history, upkeep.", no_args_is_help=True)

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


@app.command("list")
def list_tables() -> None:
    """List the tables: rows, version, files and size, who answers for them, how long rows are kept, last change."""
    lake = open_lake(Settings.from_environment().lake_path)
    show_table(
        ("table", "rows", "version", "files", "size", "owner", "kept", "last change"),
        [_row(lake, name) for name in lake.names()],
        empty="there are no tables yet: start the service (quikapp-ml up), or import events (quikapp-ml import)",
    )


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="Such as silver.messages.")],
    commits: Annotated[int, typer.Option(min=1, help="How many of the last commits to show.")] = 10,
) -> None:
    """Show a table's columns, key, constraints, owner and last commits."""
    lake = open_lake(Settings.from_environment().lake_path)
    table = lake.declaration(name if name.count(".") != 1 else f"{CATALOG}.{name}")
    answers.print(f"{table.name}: {table.comment}", soft_wrap=True, highlight=False)
    facts = (("key", ", ".join(table.key)), ("owner", table.owner), ("rows are kept", _kept(table)))
    show_table(("", ""), [(fact, value or "not declared") for fact, value in facts], empty="")
    show_table(("column", "type"), [(field.name, str(field.type)) for field in table.columns], empty="")
    show_table(("constraint", "of every row is true"), sorted(table.constraints.items()), empty="no constraints")
    history = lake.history(table.name, commits)
    rows = [(str(commit.version), f"{commit.time:%Y-%m-%d %H:%M:%S}", commit.operation) for commit in history]
    show_table(("version", "time (UTC)", "what was done"), rows, empty="")


@app.command("migrate")
def migrate() -> None:
    """Bring the tables that there are up to what this version declares. Run again, it changes nothing."""
    lake = open_lake(Settings.from_environment().lake_path)
    names = lake.names()
    changed = [(name, str(lake.version(name))) for name in names if declared_tables.migrate(lake, name)]
    show_table(("table", "now at version"), changed, empty=f"{len(names)} tables, and all are as they are declared")


@app.command("upkeep")
def upkeep(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; tell what would be done.")] = False,
) -> None:
    """Compact, delete rows past their retention, and vacuum what was replaced too long ago: the night's last task."""
    settings = Settings.from_environment()
    done = table_upkeep.run(settings, dry_run=dry_run)
    show_table(
        ("table", "files compacted", "rows deleted", "files deleted", "versions spared"),
        [
            (each.name, *map(str, (each.files_compacted, each.rows_deleted, each.files_deleted, each.versions_spared)))
            for each in done
            if not each.is_idle
        ],
        empty=f"nothing to do in {len(done)} tables; versions are kept for {settings.table_history_days} days "
        "(QUIKAPP_ML_TABLE_HISTORY_DAYS)",
    )


def _row(lake: Lake, name: str) -> tuple[str, ...]:
    table, size, last = lake.declaration(name), lake.size(name), lake.history(name, 1)
    return (
        name,
        f"{size.rows:,}",
        str(lake.version(name)),
        str(size.files),
        _readable(size.bytes),
        table.owner or "-",
        _kept(table),
        f"{last[0].time:%Y-%m-%d %H:%M}" if last else "-",
    )


def _kept(table: Table) -> str:
    return f"{table.retention.days} days by {table.retention_column}" if table.retention else "for good"


def _readable(n_bytes: int) -> str:
    value, unit = float(n_bytes), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if unit else f"{n_bytes} bytes"
