import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.databricks_api.mlflow.artifact_uris import LOGGED_MODEL, RUN, Place, parse, shown, split_kept

IDS = st.text("0123456789abcdef", min_size=32, max_size=32)


@given(st.sampled_from([RUN, LOGGED_MODEL]), st.integers(0, 10**18), IDS, st.sampled_from(["", "model", "a/b.txt"]))
def test_what_is_shown_is_understood(kind: str, experiment: int, item: str, rest: str) -> None:
    item = f"m-{item}" if kind == LOGGED_MODEL else item
    uri = shown(kind, str(experiment), item) + (f"/{rest}" if rest else "")
    assert parse(uri) == Place(kind, str(experiment), item, rest)


@pytest.mark.parametrize("uri", ["", "file:///etc", "s3://bucket/x", "dbfs:/databricks/mlflow-tracking/1", "runs:/x/y"])
def test_other_uris_name_nothing_here(uri: str) -> None:
    assert parse(uri) is None


def test_uris_of_the_store_are_taken_apart() -> None:
    run = "0" * 32
    assert split_kept(f"file:///home/mlartifacts/2/{run}/artifacts/model") == (RUN, run, "/model")
    assert split_kept("file:///home/mlartifacts/2/models/m-1f/artifacts") == (LOGGED_MODEL, "m-1f", "")
    assert split_kept("file:///home/mlartifacts/versions/aa") == ("", "", "")
    assert split_kept("s3://bucket/x") == ("", "", "")
