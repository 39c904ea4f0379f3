"""Statements word by word: names, texts, phrases, and what is said when another word is expected."""

import pytest

from quikapp_ml.serving.sql.errors import SqlError
from quikapp_ml.serving.sql.words import WordReader, tokens_of


def words(text: str) -> WordReader:
    return WordReader(tokens_of(text))


def test_names_have_parts_in_lower_case_quoted_or_not() -> None:
    reader = words("Main.`My-Schema`.`a``b` 'text' 12;")
    assert reader.name() == ("main", "my-schema", "a`b")
    assert (reader.string(), reader.number(), reader.is_at_end()) == ("text", 12, True)


def test_words_are_taken_when_they_come_and_quoted_ones_are_none() -> None:
    reader = words("show grants /* why */ on `table` -- end")
    assert reader.take("SHOW") and reader.one_of("TABLES", "GRANTS") == "GRANTS"
    reader.expect("ON")
    assert not reader.take("TABLE") and reader.identifier() == "table"
    reader.end()


def test_phrases_and_properties() -> None:
    assert words("USE CATALOG, all privileges,SELECT ON x").words_until("ON") == [
        "USE CATALOG",
        "ALL PRIVILEGES",
        "SELECT",
    ]
    assert words("('a' = 'b', c.d 'e')").properties() == {"a": "b", "c.d": "e"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"), (" ; ", "empty"), ("a; b", "one statement"), ("'open", "cannot be read"),
        ("x" * 1_000_001, "at most"),
    ],
)  # fmt: skip
def test_what_is_no_statement_is_refused(text: str, said: str) -> None:
    with pytest.raises(SqlError, match=said):
        tokens_of(text)


def test_what_is_expected_is_said_with_what_came() -> None:
    for read in (WordReader.string, WordReader.number, WordReader.end):
        with pytest.raises(SqlError, match="is expected, not 'name' at line 1"):
            read(words("name"))
    with pytest.raises(SqlError, match="a name is expected, not the end"):
        words("a.").name()
