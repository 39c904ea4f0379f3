"""What people see in a terminal: one console for answers, one for errors, one look of tables and progress bars."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

answers = Console(markup=False)
errors = Console(stderr=True, markup=False)
"""Texts are shown as they are: names, comments and messages may hold what looks like markup."""


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]], empty: str) -> None:
    """Print rows under a header, or the sentence `empty` when there are none."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    if table.row_count:
        answers.print(table)
    else:
        answers.print(empty)


def progress_bar() -> Progress:
    """A bar on stderr: what is done, how much of how much, for how long."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
    )
