"""What every control state does with securables, grants and principals, in memory and in SQL."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from quikapp_ml.errors import AlreadyExists, Conflict, NotFound
from quikapp_ml.stores.state import open_state
from quikapp_ml.stores.state.base import ControlState
from quikapp_ml.stores.state.catalog import CatalogRecord, Grant, Principal

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


def record(kind: str, name: str, owner: str = "ann") -> CatalogRecord:
    details = {"storage_location": f"file:///{name}", "columns": [{"name": "n"}]}
    return CatalogRecord(kind, name, f"id of {name}", owner, NOW, "ann", NOW, "ann", "why", {"p": "1"}, details)


def filled(state: ControlState) -> ControlState:
    names = (("catalog", "c"), ("catalog", "cc"), ("schema", "c.s"), ("table", "c.s.t"), ("table", "c.s.a"))
    for kind, name in (*names, ("volume", "c.s.t"), ("schema", "c.s_2"), ("table", "c.s_2.t"), ("schema", "cc.s")):
        state.catalog.add(record(kind, name))
    state.catalog.change_grants(
        {Grant("table", "c.s.t", "bob", "SELECT"), Grant("schema", "c.s_2", "bob", "MANAGE")}, ()
    )
    return state


def test_a_securable_comes_back_as_it_was_given(state: ControlState) -> None:
    state.catalog.add(record("table", "c.s.t"))
    assert state.catalog.find("table", "c.s.t") == record("table", "c.s.t")
    assert state.catalog.find("volume", "c.s.t") is None


def test_a_name_is_taken_once_for_each_kind(state: ControlState) -> None:
    filled(state)
    with pytest.raises(AlreadyExists, match=r"c\.s\.t"):
        state.catalog.add(record("table", "c.s.t"))


def test_a_new_one_instead_of_a_lost_one_has_none_of_its_grants(state: ControlState) -> None:
    filled(state).catalog.add(record("table", "c.s.t", "eve"), instead=True)
    assert state.catalog.owners()["table", "c.s.t"] == "eve"
    assert [each.name for each in state.catalog.grants()] == ["c.s_2"]


def test_what_is_in_something_is_listed_by_name(state: ControlState) -> None:
    filled(state)
    assert [each.name for each in state.catalog.all("catalog")] == ["c", "cc"]
    assert [each.name for each in state.catalog.all("schema", "c")] == ["c.s", "c.s_2"]
    assert [each.name for each in state.catalog.all("table", "c.s")] == ["c.s.a", "c.s.t"]
    assert state.catalog.all("table", "c") == []


def test_of_two_changes_at_a_time_one_is_refused(state: ControlState) -> None:
    state.catalog.add(record("table", "c.s.t"))
    read = state.catalog.find("table", "c.s.t")
    assert read is not None
    changed = state.catalog.replace(replace(read, owner="bob"))
    assert changed.revision == 2 and state.catalog.find("table", "c.s.t") == changed
    with pytest.raises(Conflict):
        state.catalog.replace(replace(read, owner="eve"))
    with pytest.raises(NotFound):
        state.catalog.replace(record("table", "c.s.other"))


def test_removing_takes_all_below_with_all_grants_and_nothing_beside(state: ControlState) -> None:
    filled(state).catalog.remove("schema", "c.s")
    left = [name for kind, name in sorted(state.catalog.owners()) if kind != "catalog"]
    assert left == ["c.s_2", "cc.s", "c.s_2.t"]
    assert [each.name for each in state.catalog.grants()] == ["c.s_2"]
    state.catalog.remove("schema", "c.s")


def test_a_volume_goes_without_the_table_of_its_name(state: ControlState) -> None:
    filled(state).catalog.remove("volume", "c.s.t")
    assert ("table", "c.s.t") in state.catalog.owners() and len(state.catalog.grants()) == 2


def test_renaming_takes_all_below_with_all_grants(state: ControlState) -> None:
    filled(state)
    with pytest.raises(AlreadyExists):
        state.catalog.rename("catalog", "c", "cc")
    with pytest.raises(NotFound):
        state.catalog.rename("catalog", "x", "y")
    state.catalog.rename("catalog", "c", "d")
    assert [each.name for each in state.catalog.all("schema", "d")] == ["d.s", "d.s_2"]
    assert state.catalog.all("schema", "c") == [] and [each.name for each in state.catalog.all("schema", "cc")] == [
        "cc.s"
    ]
    assert [each.name for each in state.catalog.grants()] == ["d.s_2", "d.s.t"]


def test_grants_are_given_and_taken_together(state: ControlState) -> None:
    kept, gone, new = (Grant("table", "c.s.t", "bob", word) for word in ("SELECT", "MODIFY", "MANAGE"))
    state.catalog.change_grants([kept, gone, kept], [])
    state.catalog.change_grants([new, kept], [gone, new])
    assert state.catalog.grants() == [new, kept]


def test_principals_come_back_change_and_go(state: ControlState) -> None:
    group = Principal("group", "1", "analysts", "Analysts", ("ann", "bob"))
    state.principals.add(group)
    state.principals.add(Principal("group", "2", "all", "All"))
    state.principals.add(Principal("service_principal", "1", "analysts", "Nightly"))
    assert [each.name for each in state.principals.all("group")] == ["all", "analysts"]
    state.principals.replace(replace(group, members=("eve",)))
    assert state.principals.all("group")[1].members == ("eve",)
    state.principals.remove("group", "2")
    assert [each.name for each in state.principals.all("group")] == ["analysts"]


def test_principals_have_names_and_ids_of_their_own(state: ControlState) -> None:
    state.principals.add(Principal("group", "1", "a", "A"))
    state.principals.add(Principal("group", "2", "b", "B"))
    for taken in (Principal("group", "1", "c", "C"), Principal("group", "3", "a", "A")):
        with pytest.raises(AlreadyExists):
            state.principals.add(taken)
    with pytest.raises(AlreadyExists):
        state.principals.replace(Principal("group", "2", "a", "A"))
    with pytest.raises(NotFound):
        state.principals.remove("group", "9")
    with pytest.raises(NotFound):
        state.principals.replace(Principal("group", "9", "z", ""))


def test_the_catalog_outlives_the_process(url: str) -> None:
    first = open_state(url)
    filled(first)
    first.close()
    second = open_state(url)
    assert second.catalog.find("table", "c.s.t") == record("table", "c.s.t") and len(second.catalog.grants()) == 2
    second.close()
