"""Random grants and statements against a second reading of who may read what: no row without a grant, none lost."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quikapp_ml.serving.sql.errors import SqlError
from support.sql import Desk

TABLES = ("a", "b", "c")
SHAPES = (
    "SELECT count(*) FROM {0}",
    "SELECT count(*) FROM default.{0} x JOIN quikapp_ml.default.{1} y ON x.n = y.n",
    "WITH {0} AS (SELECT * FROM {1}) SELECT count(*) FROM {0}",
    "WITH x AS (SELECT * FROM {0}), {0} AS (SELECT * FROM x) SELECT count(*) FROM {0}",
    "SELECT (SELECT max(n) FROM {0}) + (SELECT min(n) FROM {1} VERSION AS OF 0)",
    "SELECT n FROM {0} UNION ALL SELECT n FROM {1} WHERE EXISTS (SELECT * FROM {2})",
    "SELECT count(*) FROM (SELECT * FROM {0} WHERE n NOT IN (SELECT n FROM IDENTIFIER('{1}')))",
    "WITH x AS (WITH {0} AS (SELECT 1 AS n) SELECT * FROM {0}) SELECT count(*) FROM x, {1}",
    "SELECT count(*) FROM view_of_{0}",
    "SELECT count(*) FROM view_of_{0} v JOIN {1} t ON v.n = t.n",
)


def read(shape: str, names: tuple[str, str, str]) -> set[str]:
    """The tables and views that a shape reads, said by hand."""
    a, b, c = names
    return {
        SHAPES[0]: {a}, SHAPES[1]: {a, b}, SHAPES[2]: {b}, SHAPES[3]: {a}, SHAPES[4]: {a, b}, SHAPES[5]: {a, b, c},
        SHAPES[6]: {a, b}, SHAPES[7]: {b}, SHAPES[8]: {f"view_of_{a}"}, SHAPES[9]: {f"view_of_{a}", b},
    }[shape]  # fmt: skip


names = st.tuples(st.sampled_from(TABLES), st.sampled_from(TABLES), st.sampled_from(TABLES))
granted = st.sets(st.sampled_from([*TABLES, *(f"view_of_{name}" for name in TABLES)]))
around = st.sets(st.sampled_from(["USE CATALOG ON CATALOG quikapp_ml", "USE SCHEMA ON SCHEMA default"]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(SHAPES), names, granted, around)
def test_rows_come_when_all_that_is_read_was_granted_and_only_then(
    desk: Desk, shape: str, names: tuple[str, str, str], granted: set[str], around: set[str]
) -> None:
    for name in TABLES:
        desk.ask(f"CREATE TABLE IF NOT EXISTS {name} AS SELECT 1 AS n")
        desk.ask(f"CREATE OR REPLACE VIEW view_of_{name} AS SELECT n FROM {name}")
        for kind in (f"TABLE {name}", f"VIEW view_of_{name}"):
            desk.ask(f"REVOKE SELECT ON {kind} FROM ann")
    for grant in ("USE CATALOG ON CATALOG quikapp_ml", "USE SCHEMA ON SCHEMA default"):
        desk.ask(f"{'GRANT' if grant in around else 'REVOKE'} {grant} {'TO' if grant in around else 'FROM'} ann")
    for name in granted:
        desk.ask(f"GRANT SELECT ON TABLE {name} TO ann")
    may = len(around) == 2 and read(shape, names) <= granted
    try:
        desk.ask(shape.format(*names), "ann")
    except SqlError as error:
        assert not may and error.condition == "INSUFFICIENT_PERMISSIONS", str(error)
    else:
        assert may
