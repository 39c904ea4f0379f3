"""What a statement answers: rows as an Arrow table, and the session for those that follow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from quikapp_ml.serving.sql.session import SqlSession

NOTHING = pa.table({})


@dataclass(frozen=True)
class Answer:
    """Rows, whether there were more than was asked for, and the session as it is from now on."""

    rows: pa.Table
    session: SqlSession
    truncated: bool = False


def text_rows(names: Sequence[str], rows: Iterable[Sequence[object]]) -> pa.Table:
    """Rows of texts."""
    listed = [[None if value is None else str(value) for value in row] for row in rows]
    columns = [pa.array([row[at] for row in listed], pa.string()) for at in range(len(names))]
    return pa.table(columns, names=list(names))
