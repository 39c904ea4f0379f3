import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from quikapp_ml.databricks_api.requests import MAX_PAGE, page, refuse_fields
from quikapp_ml.errors import FeatureDisabled, InvalidInput


def request(**query: str) -> Request:
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return Request({"type": "http", "query_string": text.encode(), "headers": []})


@given(n_items=st.integers(0, 50), size=st.integers(1, 20))
def test_pages_follow_each_other_and_leave_nothing_out(n_items: int, size: int) -> None:
    items, token = list(range(n_items)), ""
    found: list[int] = []
    for _ in range(n_items // size + 2):
        part, token = page(request(max_results=str(size), page_token=token), items)
        assert len(part) <= size
        found += part
        if not token:
            break
    assert found == items and token == ""


def test_the_server_chooses_a_size_where_none_is_wanted() -> None:
    items = list(range(MAX_PAGE + 1))
    for query in ({}, {"max_results": "0"}, {"max_results": "999999"}):
        part, token = page(request(**query), items)
        assert (len(part), bool(token)) == (MAX_PAGE, True)


@pytest.mark.parametrize(
    "query",
    [{"max_results": "-1"}, {"max_results": "x"}, {"page_token": "x"}, {"page_token": "YXQ6eA=="}, {"page_token": "ä"}],
)
def test_other_pages_are_refused(query: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        page(request(**query), [1])


def test_fields_are_used_or_refused_or_told_why_not() -> None:
    disabled = {"gateway": "there is none"}
    refuse_fields({"name": "x", "gateway": None, "other": [], "more": False}, frozenset({"name"}), disabled, "")
    with pytest.raises(FeatureDisabled, match=r"config\.gateway is not available here: there is none"):
        refuse_fields({"gateway": {"a": 1}}, frozenset({"name"}), disabled, "config.")
    with pytest.raises(InvalidInput, match="other is not a field of this request; known are name"):
        refuse_fields({"other": 1}, frozenset({"name"}), disabled, "")
