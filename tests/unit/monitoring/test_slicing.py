import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.monitoring.slicing import slicing_sql

COLUMNS = ("channel_id", "is_bot", "n_reactions", "content")


@pytest.mark.parametrize(
    ("given", "sql"),
    [
        ("channel_id", "channel_id"),
        ("n_reactions > 3 AND NOT is_bot", "n_reactions > 3 AND NOT is_bot"),
        ("`content` like '%a\\'b%'", "`content` LIKE '%a\\'b%'"),
        ("lower(channel_id) in ('a', 'b') -- note", "LOWER(channel_id) IN ('a', 'b')"),
        ("CAST(n_reactions AS STRING) = '1'", "CAST(n_reactions AS STRING) = '1'"),
    ],
)
def test_conditions_over_columns_are_written_anew(given: str, sql: str) -> None:
    assert slicing_sql(given, COLUMNS) == sql


@pytest.mark.parametrize(
    "given",
    [
        "(SELECT 1)", "n_reactions IN (SELECT n FROM secret)", "reflect('java.lang.System', 'exit', 1)",
        "java_method('a', 'b')", "count(*)", "row_number() OVER ()", "1; DROP TABLE x", "content) FROM secret --", "",
        "CASE WHEN is_bot THEN 1 END", "n_reactions >", "current_user()", "read_files('/etc')", "*",
    ],
)  # fmt: skip
def test_anything_else_is_refused(given: str) -> None:
    with pytest.raises(InvalidInput, match="slicing expression"):
        slicing_sql(given, COLUMNS)


@pytest.mark.parametrize("given", ["secret", "other.channel_id", "n_reactions = channel"])
def test_other_columns_are_refused_by_name(given: str) -> None:
    with pytest.raises(InvalidInput, match="no column of the table; its columns are channel_id"):
        slicing_sql(given, COLUMNS)


@pytest.mark.parametrize("given", ["(" * 240 + "1" + ")" * 240, "NOT " * 120 + "is_bot", "n_reactions > 1 OR " * 100])
def test_what_is_long_or_deep_is_refused(given: str) -> None:
    with pytest.raises(InvalidInput, match="slicing expression"):
        slicing_sql(given, COLUMNS)
