"""Policies: what they refuse, what they come to when put together, what they do with a text."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from quikapp_ml.entities.spam_policy import MILD_TO_HARD, SpamCase, SpamPolicy, SpamPolicyFields, Thresholds, outcome

BUILT_IN = SpamPolicy()
OURS = {"allowed_domains": ["ours.example"]}
HARDNESS = ("allow", *MILD_TO_HARD)


def case(probability: float = 0.0, abuse: float = 0.0, user_id: str = "ann", **more: Any) -> SpamCase:
    return SpamCase(probability, abuse, user_id, **more)


def policy(**fields: Any) -> SpamPolicy:
    return BUILT_IN.changed(1, SpamPolicyFields(**fields).fields())


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"thresholds": {"flag": 0.9, "hold": 0.5}}, "flag is 0.9, hold is 0.5"),
        ({"thresholds": {"flag": 1.1}}, "less than or equal to 1"),
        ({"thresholds": {"delete": 0.9}}, "delete"),
        ({"threshold": {}}, "threshold"),
        ({"exempt_roles": ["king"]}, "moderator"),
        ({"blocked_domains": ["https://win.example/a"]}, "no scheme"),
        ({"blocked_domains": ["com"]}, "domain"),
        ({"blocked_users": [""]}, "at least 1 character"),
        ({"allowed_users": [f"u{n}" for n in range(1_001)]}, "at most 1000"),
    ],
)
def test_what_is_no_policy_is_refused_by_name(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        SpamPolicyFields(**fields)


def test_a_scope_changes_what_it_names_as_a_whole() -> None:
    wide = BUILT_IN.changed(3, {"exempt_roles": ["admin"], "thresholds": {"flag": 0.4, "block": 0.9}})
    narrow = wide.changed(2, SpamPolicyFields(thresholds=Thresholds(hold=0.7), exempt_channels=["C1"]).fields())
    assert (narrow.version, narrow.name) == (3, "spam-3")
    assert narrow.exempt_roles == {"admin"}
    assert narrow.thresholds == {"hold": 0.7}
    document = narrow.document()
    assert document["thresholds"] == {"flag": None, "throttle": None, "hold": 0.7, "block": None}
    assert (document["exempt_channels"], document["version"]) == (["C1"], "spam-3")


def test_an_action_without_a_threshold_is_never_taken() -> None:
    mild = policy(thresholds={"flag": 0.5})
    assert outcome(mild, case(1.0)) == ("flag", None)
    assert outcome(policy(thresholds={}), case(1.0)) == ("allow", None)


@pytest.mark.parametrize(
    ("fields", "given", "action", "rule"),
    [
        ({"blocked_users": ["ann"]}, {}, "block", "blocked_users"),
        ({"blocked_users": ["ann"], "allowed_users": ["ann"]}, {}, "block", "blocked_users"),
        ({"allowed_users": ["ann"]}, {"probability": 1.0}, "allow", "allowed_users"),
        ({"exempt_roles": ["admin"]}, {"probability": 1.0, "role": "admin"}, "allow", "exempt_roles"),
        ({"exempt_roles": ["admin"]}, {"probability": 1.0, "role": "member"}, "block", None),
        ({"exempt_channels": ["C1"]}, {"probability": 1.0, "channel": "C1"}, "allow", "exempt_channels"),
        ({"blocked_domains": ["win.example"]}, {"hosts": ("a.win.example",)}, "block", "blocked_domains"),
        ({"blocked_domains": ["win.example"]}, {"hosts": ("notwin.example",)}, "allow", None),
        ({"blocked_domains": ["win.example"], "exempt_channels": ["C1"]},
         {"hosts": ("win.example",), "channel": "C1"}, "allow", "exempt_channels"),
        (OURS, {"probability": 1.0, "hosts": ("ours.example",)}, "flag", "allowed_domains"),
        (OURS, {"probability": 0.6, "hosts": ("ours.example",)}, "flag", None),
        (OURS, {"probability": 1.0, "hosts": ("ours.example", "win.example")}, "block", None),
        (OURS, {"probability": 1.0}, "block", None),
        ({"abuse_flagged_from": 0.5}, {"abuse": 0.6}, "flag", None),
    ],
)  # fmt: skip
def test_lists_and_exemptions(fields: dict[str, Any], given: dict[str, Any], action: str, rule: str | None) -> None:
    assert outcome(policy(**fields), case(**given)) == (action, rule)


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.floats(0, 1), st.floats(0, 1))
def test_a_likelier_spam_never_meets_a_milder_action(values: list[float], one: float, other: float) -> None:
    held = policy(thresholds=dict(zip(MILD_TO_HARD, sorted(values), strict=True)))
    low, high = (HARDNESS.index(outcome(held, case(each))[0]) for each in sorted((one, other)))
    assert low <= high
