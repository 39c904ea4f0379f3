"""Statements from text to answer: what is asked of the catalog, and what of the engine, each by its grants."""

from datetime import UTC, datetime
from typing import Any

import pytest

from quikapp_ml.serving.sql.asked import Parameter
from quikapp_ml.serving.sql.errors import SqlError
from quikapp_ml.serving.sql.session import SqlSession
from support.sql import Desk

ISSUE = (
    "CREATE CATALOG IF NOT EXISTS quikapp_ml",
    "USE CATALOG quikapp_ml",
    "CREATE TABLE ml_features.user_features "
    "(user_id STRING, embedding ARRAY<DOUBLE>, last_updated TIMESTAMP) USING DELTA",
    "GRANT SELECT ON TABLE ml_features.user_features TO `ml-service`",
)


def refused(desk: Desk, text: str, who: str = "root", **more: Any) -> str:
    with pytest.raises(SqlError) as found:
        desk.ask(text, who, **more)
    return found.value.condition


def numbers(desk: Desk) -> None:
    """Table `default.numbers` in three versions: made, filled, and with a third row."""
    desk.ask("CREATE TABLE numbers (n BIGINT, word STRING COMMENT 'in English') COMMENT 'to count' USING DELTA")
    desk.ask("INSERT INTO numbers VALUES (1, 'one'), (2, 'two')")
    desk.ask("INSERT INTO quikapp_ml.default.numbers SELECT 3, 'three'")


def let(desk: Desk, who: str, *grants: str) -> None:
    desk.ask(f"GRANT USE CATALOG ON CATALOG quikapp_ml TO `{who}`")
    desk.ask(f"GRANT USE SCHEMA ON SCHEMA quikapp_ml.default TO `{who}`")
    for grant in grants:
        desk.ask(f"GRANT {grant} TO `{who}`")


def test_what_the_issue_says_works_in_a_fresh_home(desk: Desk) -> None:
    for text in ISSUE:
        assert desk.ask(text).rows.num_rows == 0
    told = desk.rows("SHOW GRANTS ON TABLE ml_features.user_features")
    grant = ("ml-service", "SELECT", "TABLE", "quikapp_ml.ml_features.user_features")
    assert [tuple(each.values()) for each in told] == [grant]
    described = desk.rows("DESCRIBE TABLE ml_features.user_features")
    assert [each["data_type"] for each in described] == ["string", "array<double>", "timestamp"]
    assert desk.rows("SELECT * FROM quikapp_ml.ml_features.user_features LIMIT 100") == []
    (created,) = desk.rows("DESCRIBE HISTORY ml_features.user_features")
    assert (created["version"], created["operation"]) == (0, "CREATE TABLE")


def test_rows_are_written_read_and_changed(desk: Desk) -> None:
    numbers(desk)
    desk.ask("UPDATE numbers SET word = 'deux' WHERE n = 2")
    desk.ask("DELETE FROM numbers WHERE numbers.n = 1")
    desk.ask(
        "MERGE INTO default.numbers USING (SELECT 3 AS n, 'drei' AS word UNION ALL SELECT 4, 'vier') s "
        "ON numbers.n = s.n WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    )
    assert desk.rows("SELECT n, word FROM numbers ORDER BY n") == [
        {"n": 2, "word": "deux"},
        {"n": 3, "word": "drei"},
        {"n": 4, "word": "vier"},
    ]
    desk.ask("TRUNCATE TABLE numbers")
    assert desk.rows("SELECT count(*) AS c FROM numbers") == [{"c": 0}]
    assert [each["operation"] for each in desk.rows("DESCRIBE HISTORY numbers LIMIT 2")][1] == "MERGE"


def test_a_merge_can_add_columns(desk: Desk) -> None:
    numbers(desk)
    desk.ask(
        "MERGE WITH SCHEMA EVOLUTION INTO numbers t USING (SELECT 3 AS n, 'drei' AS word, 9 AS square) s ON t.n = s.n "
        "WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    )
    assert desk.rows("SELECT * FROM numbers WHERE n > 1 ORDER BY n") == [
        {"n": 2, "word": "two", "square": None},
        {"n": 3, "word": "drei", "square": 9},
    ]


def test_columns_are_added(desk: Desk) -> None:
    numbers(desk)
    desk.ask("ALTER TABLE numbers ADD COLUMNS (square BIGINT COMMENT 'n times n', tags ARRAY<STRING>)")
    desk.ask("ALTER TABLE numbers ADD COLUMN more DOUBLE")
    desk.ask("UPDATE numbers SET square = n * n")
    assert desk.rows("SELECT sum(square) AS s, count(tags) AS t, count(more) AS m FROM numbers") == [
        {"s": 14, "t": 0, "m": 0}
    ]
    assert desk.rows("DESCRIBE numbers")[2] == {"col_name": "square", "data_type": "bigint", "comment": "n times n"}
    assert refused(desk, "ALTER TABLE numbers ADD COLUMNS (Square INT)") == "FIELD_ALREADY_EXISTS"
    assert refused(desk, "ALTER TABLE numbers ADD COLUMNS (x INT NOT NULL)") == "UNSUPPORTED_FEATURE"
    let(desk, "ann", "SELECT ON TABLE numbers")
    assert refused(desk, "ALTER TABLE numbers ADD COLUMNS (x INT)", "ann") == "INSUFFICIENT_PERMISSIONS"


def test_two_columns_may_have_one_name(desk: Desk) -> None:
    rows = desk.ask("SELECT 1 AS a, 2 AS a").rows
    assert rows.column_names == ["a", "a"] and rows.num_rows == 1


def test_older_versions_are_read_by_number_and_by_time(desk: Desk) -> None:
    numbers(desk)
    assert desk.rows("SELECT count(*) AS c FROM numbers VERSION AS OF 1") == [{"c": 2}]
    both = "SELECT (SELECT count(*) FROM numbers) - count(*) AS more FROM numbers VERSION AS OF 1"
    assert desk.rows(both) == [{"more": 1}]
    now = datetime.now(UTC).isoformat()
    assert desk.rows(f"SELECT count(*) AS c FROM numbers TIMESTAMP AS OF '{now}'") == [{"c": 3}]
    assert refused(desk, "SELECT * FROM numbers TIMESTAMP AS OF '2001-01-01'") == "TABLE_OR_VIEW_NOT_FOUND"
    assert refused(desk, "SELECT * FROM numbers VERSION AS OF (SELECT 1)") == "UNSUPPORTED_FEATURE"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT n FROM numbers WHERE numbers.n = 1",
        "SELECT quikapp_ml.default.numbers.n FROM quikapp_ml.default.numbers WHERE default.numbers.n = 1",
        "SELECT t.n FROM default.numbers t WHERE t.n = 1",
        "WITH numbers AS (SELECT * FROM numbers WHERE n = 1) SELECT n FROM numbers",
        "WITH a AS (SELECT 1 AS n), b AS (SELECT * FROM a) SELECT n FROM b",
        "SELECT n FROM (SELECT * FROM numbers) WHERE n IN (SELECT min(n) FROM numbers)",
        "SELECT a.n FROM numbers a JOIN numbers b ON a.n = b.n AND b.word = 'one'",
        "FROM numbers SELECT n WHERE n = 1",
        "SELECT n FROM IDENTIFIER('default.numbers') WHERE n = 1",
        "SELECT id AS n FROM range(2) WHERE id = 1",
    ],
)
def test_tables_are_found_however_they_are_named(desk: Desk, text: str) -> None:
    numbers(desk)
    assert desk.rows(text) == [{"n": 1}]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM numbers",
        "SELECT 1 WHERE EXISTS (SELECT * FROM numbers)",
        "WITH c AS (SELECT * FROM numbers) SELECT * FROM c",
        "WITH numbers AS (SELECT * FROM numbers) SELECT * FROM numbers",
        "SELECT * FROM numbers VERSION AS OF 0",
        "SELECT * FROM IDENTIFIER('numbers')",
        "SELECT (SELECT max(n) FROM default.numbers)",
        "SELECT 1 UNION ALL SELECT n FROM numbers",
        "SELECT * FROM VALUES (1) AS v(x) JOIN LATERAL (SELECT * FROM numbers)",
        "CREATE TABLE copy AS SELECT * FROM numbers",
        "CREATE VIEW copy AS SELECT * FROM numbers",
        "INSERT INTO mine SELECT n FROM numbers",
        "INSERT INTO numbers VALUES (9, 'nine')",
        "UPDATE numbers SET n = 1",
        "DELETE FROM numbers",
        "MERGE INTO mine USING numbers ON mine.n = numbers.n WHEN MATCHED THEN DELETE",
        "MERGE INTO numbers USING mine ON mine.n = numbers.n WHEN MATCHED THEN DELETE",
        "DELETE FROM mine WHERE n IN (SELECT n FROM numbers)",
        "TRUNCATE TABLE numbers",
        "DESCRIBE TABLE numbers",
        "DESCRIBE HISTORY numbers",
        "DROP TABLE numbers",
        "ALTER TABLE numbers OWNER TO ann",
        "COMMENT ON TABLE numbers IS 'mine'",
        "GRANT SELECT ON TABLE numbers TO ann",
        "SHOW GRANTS ON TABLE numbers",
        "SHOW CREATE TABLE numbers",
        "CREATE CATALOG mine",
        "CREATE SCHEMA mine",
        "DROP SCHEMA default CASCADE",
        "SELECT * FROM no_such_table",
    ],
)
def test_without_a_grant_there_is_no_way_to_a_table(desk: Desk, text: str) -> None:
    numbers(desk)
    let(desk, "ann", "CREATE TABLE ON SCHEMA default")
    desk.ask("CREATE TABLE mine (n BIGINT)", "ann")
    before = desk.rows("DESCRIBE HISTORY numbers")
    assert refused(desk, text, "ann") == "INSUFFICIENT_PERMISSIONS"
    assert desk.rows("DESCRIBE HISTORY numbers") == before
    assert [each["tableName"] for each in desk.rows("SHOW TABLES", "ann")] == ["mine"]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM delta.`/etc`",
        "SELECT * FROM parquet.`/etc/passwd`",
        "SELECT * FROM `/etc/passwd`",
        "SELECT * FROM read_files('/etc')",
        "SELECT * FROM csv.`/etc/passwd`",
        "INSERT OVERWRITE DIRECTORY '/tmp/x' SELECT 1",
        "COPY INTO numbers FROM '/etc' FILEFORMAT = CSV",
        "LOAD DATA INPATH '/etc' INTO TABLE numbers",
        "SELECT TRANSFORM(n) USING 'cat' AS (x) FROM numbers",
        "SELECT reflect('java.lang.System', 'getProperty', 'user.home')",
        "SELECT input_file_name() FROM numbers",
        "CREATE TABLE e (n INT) LOCATION '/etc'",
        "CREATE TEMPORARY VIEW v AS SELECT 1",
        "CREATE FUNCTION f(x INT) RETURNS INT RETURN x",
        "SELECT 1; SELECT 2",
        "SELECT * FROM numbers@v1",
        "SELEC 1",
        "",
        "-- nothing",
        "SET spark.x = 1",
        "VACUUM numbers",
        "CACHE TABLE numbers",
        "ADD JAR '/x'",
        "EXPLAIN SELECT 1",
    ],
)
def test_no_path_no_program_and_no_second_statement(desk: Desk, text: str) -> None:
    numbers(desk)
    let(desk, "ann", "ALL PRIVILEGES ON SCHEMA default")
    assert refused(desk, text, "ann") in {
        "UNSUPPORTED_FEATURE",
        "PARSE_SYNTAX_ERROR",
        "INSUFFICIENT_PERMISSIONS",
        "TABLE_OR_VIEW_NOT_FOUND",
    }


@pytest.mark.parametrize(
    "text",
    [
        "SELECT " + "+".join(["1"] * 5000),
        "SELECT 1 WHERE " + " AND ".join(["1 = 1"] * 3000),
        " UNION ALL ".join(["SELECT 1"] * 1500),
        "SELECT " + "(" * 5000 + "1" + ")" * 5000,
        "SELECT " + "array(" * 300 + "1" + ")" * 300,
        "SELECT * FROM " + "(SELECT * FROM " * 300 + "numbers" + ")" * 300,
        "INSERT INTO numbers VALUES " + ",".join(["(1, 'x')"] * 30_000),
    ],
)
def test_no_statement_is_too_deep_for_the_engine(desk: Desk, text: str) -> None:
    numbers(desk)
    assert refused(desk, text) == "PARSE_SYNTAX_ERROR"


def test_views_in_views_are_not_deeper_either(desk: Desk) -> None:
    numbers(desk)
    many = " OR ".join(["n = 1"] * 150)
    desk.ask(f"CREATE VIEW v0 AS SELECT n FROM numbers WHERE {many}")
    assert desk.rows("SELECT * FROM v0") == [{"n": 1}]
    deep = "SELECT 1 AS n WHERE " + " AND ".join(["EXISTS (SELECT * FROM v0)"] * 150)
    assert refused(desk, deep) == "PARSE_SYNTAX_ERROR"


def test_a_view_is_read_by_the_rights_of_its_owner(desk: Desk) -> None:
    numbers(desk)
    desk.ask("CREATE VIEW small (k COMMENT 'key') COMMENT 'few' AS SELECT n FROM numbers WHERE n < 3", schema="default")
    let(desk, "ann", "SELECT ON VIEW small")
    assert desk.rows("SELECT k FROM small ORDER BY k", "ann") == [{"k": 1}, {"k": 2}]
    assert desk.rows("SELECT s.k FROM quikapp_ml.default.small s WHERE s.k = 1", "ann", schema="bronze") == [{"k": 1}]
    assert refused(desk, "SELECT * FROM numbers", "ann") == "INSUFFICIENT_PERMISSIONS"
    assert desk.rows("SHOW VIEWS") == [{"namespace": "default", "viewName": "small", "isTemporary": "false"}]
    assert refused(desk, "INSERT INTO small VALUES (1)") == "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE"
    assert refused(desk, "DROP TABLE small") == "WRONG_COMMAND_FOR_OBJECT_TYPE"
    desk.ask("CREATE OR REPLACE VIEW small AS SELECT word FROM numbers WHERE n = 3")
    assert desk.rows("SELECT * FROM small") == [{"word": "three"}]
    desk.ask("DROP VIEW small")


def test_a_view_loses_what_its_owner_loses(desk: Desk) -> None:
    numbers(desk)
    let(desk, "ann", "SELECT ON TABLE numbers", "CREATE TABLE ON SCHEMA default")
    desk.ask("CREATE VIEW hers AS SELECT * FROM numbers", "ann")
    let(desk, "bob", "SELECT ON VIEW hers")
    assert len(desk.rows("SELECT * FROM hers", "bob")) == 3
    desk.ask("REVOKE SELECT ON TABLE numbers FROM ann")
    assert refused(desk, "SELECT * FROM hers", "bob") == "INSUFFICIENT_PERMISSIONS"
    assert refused(desk, "ALTER VIEW hers OWNER TO root", "ann") == "INSUFFICIENT_PERMISSIONS"


def test_tables_are_made_of_queries_and_replaced(desk: Desk) -> None:
    numbers(desk)
    desk.ask("CREATE TABLE squares AS SELECT n, n * n AS square FROM numbers")
    assert desk.rows("SELECT sum(square) AS s FROM squares") == [{"s": 14}]
    assert [each["version"] for each in desk.rows("DESCRIBE HISTORY squares")] == [0]
    desk.ask("CREATE TABLE nothing AS SELECT NULL AS x")
    assert desk.rows("DESCRIBE nothing") == [{"col_name": "x", "data_type": "string", "comment": None}]
    assert refused(desk, "CREATE TABLE squares (x INT)") == "TABLE_OR_VIEW_ALREADY_EXISTS"
    assert desk.ask("CREATE TABLE IF NOT EXISTS squares (x INT)").rows.num_rows == 0
    desk.ask("CREATE OR REPLACE TABLE squares (word STRING NOT NULL, PRIMARY KEY (word)) TBLPROPERTIES ('team' = 'ml')")
    assert desk.rows("SELECT * FROM squares") == []
    assert [each["col_name"] for each in desk.rows("SHOW COLUMNS IN squares")] == ["word"]
    assert desk.rows("SELECT count(*) AS c FROM squares VERSION AS OF 0") == [{"c": 3}]


def test_what_is_said_of_things_is_shown(desk: Desk) -> None:
    numbers(desk)
    assert desk.rows("SHOW CATALOGS") == [{"catalog": "quikapp_ml"}]
    assert {"databaseName": "ml_features"} in desk.rows("SHOW SCHEMAS IN quikapp_ml LIKE 'ml*'")
    desk.ask("CREATE SCHEMA extra COMMENT 'more'")
    assert desk.rows("DESCRIBE SCHEMA EXTENDED extra")[2] == {"info_name": "Comment", "info_value": "more"}
    desk.ask("COMMENT ON TABLE numbers IS 'counted'")
    desk.ask("ALTER TABLE numbers SET TBLPROPERTIES ('team' = 'ml')")
    desk.ask("ALTER TABLE numbers SET OWNER TO ann")
    told = {each["col_name"]: each["data_type"] for each in desk.rows("DESC EXTENDED numbers")}
    assert (told["Owner"], told["Comment"], told["Provider"]) == ("ann", "counted", "delta")
    assert {"key": "team", "value": "ml"} in desk.rows("SHOW TBLPROPERTIES numbers")
    desk.ask("ALTER TABLE numbers SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')")
    assert {"key": "delta.enableChangeDataFeed", "value": "true"} in desk.rows("SHOW TBLPROPERTIES numbers")
    assert desk.unity.tables.described("quikapp_ml.default.numbers").record.properties == {"team": "ml"}
    assert refused(desk, "ALTER TABLE numbers SET TBLPROPERTIES ('delta.what' = '1')") == "INVALID_PARAMETER_VALUE"
    assert desk.rows("DESCRIBE DETAIL numbers")[0]["name"] == "quikapp_ml.default.numbers"
    assert "word STRING" in desk.rows("SHOW CREATE TABLE numbers")[0]["createtab_stmt"]
    desk.ask("CREATE VOLUME files COMMENT 'papers'")
    assert desk.rows("SHOW VOLUMES") == [{"database": "default", "volume_name": "files"}]
    desk.ask("DROP VOLUME files")
    assert refused(desk, "DROP TABLE gone") == "TABLE_OR_VIEW_NOT_FOUND"
    assert desk.ask("DROP TABLE IF EXISTS gone").rows.num_rows == 0
    assert refused(desk, "CREATE SCHEMA extra") == "SCHEMA_ALREADY_EXISTS"
    desk.ask("DROP SCHEMA extra CASCADE")


def test_use_moves_the_session(desk: Desk) -> None:
    assert desk.ask("USE SCHEMA ml_features").session == SqlSession("quikapp_ml", "ml_features")
    assert desk.ask("USE quikapp_ml.bronze").session == SqlSession("quikapp_ml", "bronze")
    assert refused(desk, "USE CATALOG nowhere") == "TABLE_OR_VIEW_NOT_FOUND"


def test_parameters_are_values_whatever_they_say(desk: Desk) -> None:
    numbers(desk)
    text = "SELECT n FROM numbers WHERE word = :word OR n = :n"
    evil = Parameter("x' OR '1'='1")
    assert desk.rows(text, word=evil, n=Parameter("2", "INT")) == [{"n": 2}]
    assert desk.rows("SELECT :d + 1 AS d, :x AS x", d=Parameter("1.5", "DOUBLE"), x=Parameter(None, "STRING")) == [
        {"d": 2.5, "x": None}
    ]
    named = "SELECT n FROM IDENTIFIER(:t) ORDER BY n LIMIT :k"
    assert desk.rows(named, t=Parameter("numbers"), k=Parameter("1", "INT")) == [{"n": 1}]
    assert refused(desk, "SELECT :missing") == "UNBOUND_SQL_PARAMETER"
    assert refused(desk, "SELECT :n", n=Parameter("one", "INT")) == "CAST_INVALID_INPUT"
    assert refused(desk, "SELECT ?") == "UNBOUND_SQL_PARAMETER"
    placed: dict[str, Any] = {"?1": Parameter("5", "INT"), "?2": Parameter("2", "INT")}
    assert desk.rows("SELECT ? - (SELECT ?) AS x", **placed) == [{"x": 3}]


def test_the_engine_is_told_who_asks_and_where(desk: Desk) -> None:
    assert desk.rows("SELECT current_user(), current_schema() AS s, current_catalog() AS c", "ann") == [
        {"current_user()": "ann", "s": "default", "c": "quikapp_ml"}
    ]


def test_what_the_engine_says_is_passed_on(desk: Desk) -> None:
    assert refused(desk, "SELECT no_such_column") == "FAILED_EXECUTE"


def test_rows_are_added_to_a_table_that_tells_its_changes(desk: Desk) -> None:
    desk.ask("CREATE TABLE told (n BIGINT, xs ARRAY<DOUBLE>) TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')")
    desk.ask("INSERT INTO told VALUES (1, array(0.5D)), (2, NULL)")
    desk.ask("INSERT INTO told (xs, n) SELECT xs, n + 10 FROM told WHERE n = 1")
    desk.ask("INSERT INTO told (n) SELECT 7")
    found = desk.rows("SELECT * FROM told ORDER BY n")
    assert [(row["n"], row["xs"]) for row in found] == [(1, [0.5]), (2, None), (7, None), (11, [0.5])]
    desk.ask("WITH c AS (SELECT 20 AS n) INSERT INTO told (n) SELECT n FROM c")
    desk.ask("WITH c AS (SELECT 30 AS n) INSERT INTO told (n) WITH d AS (SELECT n + 1 AS n FROM c) SELECT n FROM d")
    desk.ask("WITH told AS (SELECT 50 AS n) INSERT INTO told (n) SELECT n FROM told")
    desk.ask("WITH c AS (SELECT 60 AS n) INSERT INTO told (n) VALUES (60)")
    added = desk.rows("SELECT n FROM told WHERE n >= 20 ORDER BY n")
    assert [row["n"] for row in added] == [20, 31, 50, 60]
    assert refused(desk, "INSERT INTO told SELECT 1") == "INSERT_COLUMN_ARITY_MISMATCH"
    assert refused(desk, "INSERT INTO told (n, what) SELECT 1, 2") == "UNRESOLVED_COLUMN"
    assert refused(desk, "INSERT INTO told VALUES ('one', NULL)") == "CAST_INVALID_INPUT"
    assert refused(desk, "INSERT INTO told SELECT n, NULL FROM nothing") == "TABLE_OR_VIEW_NOT_FOUND"
    assert len(desk.rows("SELECT * FROM told")) == 8


def test_truncate_never_deletes_more_than_was_said(desk: Desk) -> None:
    numbers(desk)
    for text in ("TRUNCATE TABLE numbers PARTITION (n = 1)", "TRUNCATE TABLE numbers, numbers"):
        assert refused(desk, text).startswith("UNSUPPORTED")
