"""Policies over HTTP: shown, changed, tried, told of; and what is refused."""

from typing import Any

import pytest

from support.fake_service import Client

SPAM = "/api/ml/policies/spam"


def test_a_channels_policy_is_changed_shown_and_told_of(client: Client) -> None:
    assert client.put(SPAM, json={"exempt_roles": ["admin"], "changed_by": "ada"}).json()["version"] == 1
    answer = client.put(f"{SPAM}/C1", json={"thresholds": {"flag": 0.3}, "comment": "loud"}, params={"workspace": "W1"})
    assert answer.status_code == 200
    assert client.get(f"{SPAM}/C1", params={"workspace": "W1"}).json() == answer.json()
    shown = answer.json()
    assert (shown["workspace"], shown["channel"], shown["version"]) == ("W1", "C1", 2)
    assert shown["own"] == {"thresholds": {"flag": 0.3}}
    assert (shown["effective"]["exempt_roles"], shown["effective"]["version"]) == (["admin"], "spam-2")
    assert client.get(f"{SPAM}/C1").json()["effective"]["version"] == "spam-1"
    changes = client.get("/api/ml/policies/history").json()["changes"]
    assert [(change["version"], change["by"], change["comment"]) for change in changes] == [
        (2, "local", "loud"),
        (1, "ada", ""),
    ]
    assert changes[0]["scope"] == {"workspace": "W1", "channel": "C1"}
    told = client.get("/api/ml/policies/history", params={"workspace": "W1", "channel_id": "C1", "limit": "1"})
    assert told.json()["changes"] == changes[:1]


@pytest.mark.parametrize(
    ("body", "path", "named"),
    [
        ({"thresholds": {"flag": 0.9, "hold": 0.5}}, "thresholds", "flag is 0.9, hold is 0.5"),
        ({"thresholds": {"delete": 0.9}}, "thresholds.delete", "flag, throttle, hold, block"),
        ({"exempt_roles": ["king"]}, "exempt_roles.0", "moderator"),
        ({"thresholds": {"flag": "0.5"}}, "thresholds.flag", "number"),
        ({"blocked_domains": ["http://a.example"]}, "blocked_domains.0", "no scheme"),
        ({"based_on": -1}, "based_on", "at least 0"),
    ],
)
def test_what_is_no_policy_is_refused_by_field(client: Client, body: dict[str, Any], path: str, named: str) -> None:
    answer = client.put(SPAM, json=body)
    assert answer.status_code == 422
    (detail,) = answer.json()["error"]["details"]
    assert detail["path"] == path
    assert named in f"{detail['message']} {detail.get('allowed')}"


def test_who_has_not_seen_the_newest_is_told(client: Client) -> None:
    client.put(SPAM, json={"based_on": 0})
    answer = client.put(SPAM, json={"based_on": 0})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (f"{SPAM}/{'x' * 129}", "channel_id"), (f"{SPAM}?workspace=a%0Ab", "workspace"),
        ("/api/ml/policies/history?limit=0", "limit"), ("/api/ml/policies/history?limit=many", "limit"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_url_is_named(client: Client, path: str, named: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["path"] == named


def test_a_dry_run_changes_nothing(client: Client) -> None:
    answer = client.post(f"{SPAM}/C1/dry-run", json={"thresholds": {"flag": 0.1}})
    assert answer.json() == {"n_decisions": 0, "was": {}, "would_be": {}, "changes": []}
    assert client.post(f"{SPAM}/dry-run", json={"comment": "x"}).status_code == 422
    assert client.get("/api/ml/policies/history").json() == {"changes": []}
