"""Delta tables by their URL, in a folder and in an object store: made, told, changed and taken away."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from quikapp_ml.errors import AlreadyExists, InvalidInput, NotFound
from quikapp_ml.serving.catalog.columns import Column, schema_text
from quikapp_ml.stores.lake.delta_folders import (
    DeltaFacts,
    add_delta_columns,
    create_delta,
    delta_facts,
    delta_history,
    empty_rows,
    is_delta,
    overwrite_delta,
    remove_delta,
)

SCHEMA = schema_text([Column("n", "long", False, "a number"), Column("day", "date")])
FACTS = DeltaFacts("", 0, SCHEMA, ("day",), "why", {"delta.appendOnly": "false"})


@pytest.fixture(params=["file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path, cloud_root: Callable[[str], str]) -> str:
    """Where no table is yet."""
    folder = (tmp_path / "ä place").as_uri() if request.param == "file" else cloud_root("s3")
    return f"{folder}/.unity/tables/one"


def test_a_table_is_made_told_changed_and_taken_away(url: str) -> None:
    assert not is_delta(url)
    with pytest.raises(NotFound):
        delta_facts(url)
    made = create_delta(url, FACTS)
    assert is_delta(url) and made == delta_facts(url)
    assert (made.version, made.partition_columns, made.comment) == (0, ("day",), "why")
    assert made.schema == delta_facts(url).schema and '"a number"' in made.schema
    with pytest.raises(AlreadyExists):
        create_delta(url, FACTS)
    add_delta_columns(url, schema_text([Column("more", "string")]))
    overwrite_delta(url, pa.table({"other": [1.5], "by": ["x"]}), ["by"])
    assert '"other"' in delta_facts(url).schema and delta_facts(url).partition_columns == ("by",)
    assert [each.version for each in delta_history(url, 2)] == [2, 1]
    remove_delta(url)
    assert not is_delta(url)
    remove_delta(url)
    create_delta(url, FACTS)


def test_a_table_is_made_with_its_rows_in_one_commit(url: str) -> None:
    made = create_delta(url, FACTS, pa.table({"n": [1, 2], "day": pa.array([None, None], pa.date32())}))
    assert (made.version, made.partition_columns) == (0, ("day",))
    assert empty_rows(made.schema).column_names == ["n", "day"]


def test_what_delta_does_not_take_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        create_delta(url, DeltaFacts("", 0, '{"type":"struct","fields":[{"name":"n","type":"money"}]}'))
