import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.errors import InvalidInput
from quikapp_ml.stores.lake.rows import fit_rows, split_name

COLUMNS = pa.schema([("text", pa.string()), ("n", pa.int32()), ("x", pa.float32())])


def test_a_column_given_twice_is_refused() -> None:
    twice = pa.Table.from_arrays([pa.array([1], pa.int32())] * 2, names=["n", "n"])
    with pytest.raises(InvalidInput, match="twice"):
        fit_rows(twice, COLUMNS, "t")


def test_a_wider_type_is_refused_even_when_the_values_would_fit() -> None:
    for name, values in (("n", pa.array([1], pa.int64())), ("x", pa.array([0.5], pa.float64()))):
        with pytest.raises(InvalidInput, match=f"column {name} of table t"):
            fit_rows(pa.table({name: values}), COLUMNS, "t")


@given(st.lists(st.one_of(st.none(), st.text())), st.sampled_from([pa.string(), pa.large_string(), pa.null()]))
def test_no_value_is_changed(texts: list[str | None], kind: pa.DataType) -> None:
    texts = [None] * len(texts) if pa.types.is_null(kind) else texts
    fitted = fit_rows(pa.table({"text": pa.array(texts, kind)}), COLUMNS, "t")
    assert fitted.schema.equals(COLUMNS)
    assert fitted.column("text").to_pylist() == texts


@given(st.text())
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    try:
        parts = split_name(name)
    except InvalidInput:
        return
    assert all(part.replace("_", "a").isalnum() and part.isascii() for part in parts)


def test_a_full_name_has_three_parts() -> None:
    assert split_name("quikapp_ml.bronze.events") == ("quikapp_ml", "bronze", "events")
