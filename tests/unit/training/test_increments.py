import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.training.increments import differences

ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([1.0, 2.0, None])), unique=True)
COLUMNS = pa.schema([("name", pa.string()), ("value", pa.float64())])


def table(rows: list[tuple[str, float | None]]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(COLUMNS.names, row, strict=True)) for row in rows], schema=COLUMNS)


def rows_of(rows: pa.Table) -> set[tuple[object, ...]]:
    assert rows.schema == COLUMNS
    return {tuple(row.values()) for row in rows.to_pylist()}


@given(ROWS, ROWS)
def test_what_came_and_what_went(wanted: list[tuple[str, float | None]], known: list[tuple[str, float | None]]) -> None:
    added, gone = differences(table(wanted), table(known))
    assert rows_of(added) == set(wanted) - set(known)
    assert rows_of(gone) == set(known) - set(wanted)
    assert (added.num_rows, gone.num_rows) == (len(set(wanted) - set(known)), len(set(known) - set(wanted)))
