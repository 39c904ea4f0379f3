"""The rules against known answers, and against a second reading of them that shares no code with the first."""

from collections.abc import Mapping
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quikapp_ml.serving.catalog.rules import (
    ACTS_ON,
    METASTORE,
    Identity,
    Kind,
    Policy,
    Privilege,
    Securable,
    allowed,
    effective,
    grantable,
    groups_of,
    has,
    manages,
    missing,
    read_privilege,
    visible,
)

CATALOG = Securable(Kind.CATALOG, "c")
SCHEMA = Securable(Kind.SCHEMA, "c.s")
TABLE = Securable(Kind.TABLE, "c.s.t")
VOLUME = Securable(Kind.VOLUME, "c.s.v")
OTHER = Securable(Kind.TABLE, "c.o.t")
TREE = (CATALOG, SCHEMA, Securable(Kind.SCHEMA, "c.o"), TABLE, OTHER, VOLUME)
ANN = Identity("ann", frozenset({"analysts"}))
P = Privilege


def policy(*granted: tuple[Securable, str, Privilege], owners: Mapping[Securable, str] | None = None) -> Policy:
    grants: dict[Securable, dict[str, frozenset[Privilege]]] = {}
    for on, principal, privilege in granted:
        held = grants.setdefault(on, {})
        held[principal] = held.get(principal, frozenset()) | {privilege}
    return Policy(owners or {}, grants)


def test_select_alone_does_not_open_a_table() -> None:
    only_select = policy((TABLE, "ann", P.SELECT))
    assert has(only_select, ANN, P.SELECT, TABLE)
    assert [str(need) for need in missing(only_select, ANN, P.SELECT, TABLE)] == [
        "USE CATALOG on Catalog 'c'",
        "USE SCHEMA on Schema 'c.s'",
    ]


def test_a_grant_to_a_group_or_to_everybody_reaches_its_members() -> None:
    by_groups = policy(
        (CATALOG, "account users", P.USE_CATALOG), (CATALOG, "analysts", P.USE_SCHEMA), (SCHEMA, "ann", P.SELECT)
    )
    assert allowed(by_groups, ANN, P.SELECT, TABLE)
    assert not allowed(by_groups, ANN, P.SELECT, OTHER)
    assert not allowed(by_groups, Identity("bob"), P.SELECT, TABLE)


def test_all_privileges_are_all_but_managing() -> None:
    everything = policy((CATALOG, "ann", P.ALL))
    assert all(allowed(everything, ANN, each, TABLE) for each in (P.SELECT, P.MODIFY))
    assert allowed(everything, ANN, P.CREATE_TABLE, SCHEMA) and allowed(everything, ANN, P.WRITE_VOLUME, VOLUME)
    assert not manages(everything, ANN, TABLE) and not allowed(everything, ANN, P.CREATE_CATALOG, METASTORE)


def test_who_owns_a_schema_manages_its_tables_and_reads_none() -> None:
    owned = policy(owners={SCHEMA: "ann", TABLE: "bob"})
    assert manages(owned, ANN, TABLE) and visible(owned, ANN, TABLE)
    assert not has(owned, ANN, P.SELECT, TABLE) and not manages(owned, ANN, OTHER)


def test_who_owns_a_table_still_needs_the_way_to_it() -> None:
    owned = policy(owners={TABLE: "analysts"})
    assert has(owned, ANN, P.SELECT, TABLE) and not allowed(owned, ANN, P.SELECT, TABLE)
    assert visible(owned, ANN, TABLE) and not manages(owned, ANN, TABLE)


def test_browsing_shows_and_opens_nothing() -> None:
    browsing = policy((CATALOG, "ann", P.BROWSE))
    assert visible(browsing, ANN, TABLE) and not allowed(browsing, ANN, P.SELECT, TABLE)


def test_effective_privileges_say_where_they_come_from() -> None:
    mixed = policy((CATALOG, "ann", P.SELECT), (CATALOG, "ann", P.USE_CATALOG), (TABLE, "bob", P.MODIFY))
    assert effective(mixed, TABLE) == {"ann": {P.SELECT: CATALOG}, "bob": {P.MODIFY: TABLE}}


def test_privileges_are_granted_where_they_can_act() -> None:
    assert P.SELECT in grantable(Kind.CATALOG) and P.USE_CATALOG not in grantable(Kind.SCHEMA)
    assert grantable(Kind.TABLE) == {P.ALL, P.SELECT, P.MODIFY, P.MANAGE}
    assert grantable(Kind.METASTORE) == {P.ALL, P.CREATE_CATALOG}


def test_groups_in_groups_and_in_circles() -> None:
    members = {"a": ["ann"], "b": ["a"], "c": ["b"], "d": ["bob"], "a2": ["c", "b2"], "b2": ["a2"]}
    assert groups_of("ann", members) == {"a", "b", "c", "a2", "b2"}
    assert groups_of("nobody", members) == set()


@pytest.mark.parametrize("said", ["USE CATALOG", "use_catalog", " Use Catalog "])
def test_privileges_are_read_in_both_spellings(said: str) -> None:
    assert read_privilege(said) is P.USE_CATALOG
    assert read_privilege("FLY") is None


# --- a second reading: every access is spelled out from the facts, by sets of lines


def opened(facts: set[tuple[str, str, str]], names: set[str], privilege: Privilege, on: Securable) -> bool:
    """Every prefix of the name must give its USE, the last one the privilege; each granted at it or before it."""
    parts = on.name.split(".")
    prefixes = [".".join(parts[: n + 1]) for n in range(len(parts))]
    wanted = [*(("USE CATALOG", 1), ("USE SCHEMA", 2))[: len(parts) - 1], (privilege.value, len(parts))]
    for word, depth in wanted:
        words = {word} | ({"ALL PRIVILEGES"} if word != "MANAGE" else set())
        kind = on.kind.value if depth == len(parts) else ("catalog", "schema")[depth - 1]
        granted = any(
            (place, name, given) in facts
            for name, given in product(names, words)
            for place in [
                f"{kind}:{prefixes[depth - 1]}",
                *(f"{('catalog', 'schema')[d]}:{prefixes[d]}" for d in range(depth - 1)),
            ]
        )
        owns = any((f"{kind}:{prefixes[depth - 1]}", name, "OWNS") in facts for name in names)
        if not (granted or owns):
            return False
    return True


principals = st.sampled_from(["ann", "bob", "analysts", "account users"])
grants = st.lists(
    st.tuples(st.sampled_from(TREE), principals, st.sampled_from(Privilege)).filter(
        lambda each: each[2] in grantable(each[0].kind)
    ),
    max_size=12,
)
owners = st.dictionaries(st.sampled_from(TREE), principals, max_size=3)
asked = st.tuples(st.sampled_from(TREE), st.sampled_from([each for each in Privilege if each is not P.ALL])).filter(
    lambda each: each[0].kind in ACTS_ON[each[1]]
)


@settings(max_examples=400, deadline=None)
@given(grants, owners, asked)
def test_no_access_without_a_grant_and_none_lost_with_it(
    granted: list[tuple[Securable, str, Privilege]], owned: dict[Securable, str], wanted: tuple[Securable, Privilege]
) -> None:
    facts = {(f"{on.kind.value}:{on.name}", who, given.value) for on, who, given in granted}
    facts |= {(f"{on.kind.value}:{on.name}", who, "OWNS") for on, who in owned.items()}
    on, privilege = wanted
    expected = opened(facts, {"ann", "analysts", "account users", "users"}, privilege, on)
    assert allowed(policy(*granted, owners=owned), ANN, privilege, on) is expected


@settings(max_examples=200, deadline=None)
@given(grants, owners, asked, grants)
def test_more_grants_never_take_access_away(
    granted: list[tuple[Securable, str, Privilege]],
    owned: dict[Securable, str],
    wanted: tuple[Securable, Privilege],
    more: list[tuple[Securable, str, Privilege]],
) -> None:
    before = allowed(policy(*granted, owners=owned), ANN, wanted[1], wanted[0])
    assert not before or allowed(policy(*granted, *more, owners=owned), ANN, wanted[1], wanted[0])


@given(grants, asked)
def test_an_administrator_may_everything(
    granted: list[tuple[Securable, str, Privilege]], wanted: tuple[Securable, Privilege]
) -> None:
    assert allowed(policy(*granted), Identity("root", is_admin=True), wanted[1], wanted[0])
