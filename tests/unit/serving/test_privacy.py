import json
import time
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quikapp_ml.serving.privacy import hash_ip, json_without_addresses, without_addresses

KEY = b"k" * 32


def test_the_hash_is_stable() -> None:
    """hmac_sha256(b"k" * 32, b"192.168.1.1"), as `openssl dgst -sha256 -hmac` prints it."""
    assert hash_ip("192.168.1.1", KEY) == "ip-e6553c0447317ef1594f9156329343d2"


def test_another_key_gives_another_hash() -> None:
    assert hash_ip("192.168.1.1", KEY) != hash_ip("192.168.1.1", b"x" * 32)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("192.168.1.1", " 192.168.1.1 "),
        ("192.168.1.1", "192.168.1.1:443"),
        ("192.168.1.1", "192.168.1.1/32"),
        ("192.168.1.1", "::ffff:192.168.1.1"),
        ("2001:db8::1", "2001:DB8:0:0:0:0:0:1"),
        ("2001:db8::1", "[2001:db8::1]:443"),
        ("not-an-address", "NOT-an-address"),
    ],
)
def test_all_spellings_of_an_address_have_one_hash(one: str, other: str) -> None:
    assert hash_ip(one, KEY) == hash_ip(other, KEY)


@pytest.mark.parametrize(
    "given",
    [
        {"ip_address": "192.168.1.1"},
        {"ip": "192.168.1.1"},
        {"IP-Address": "192.168.1.1"},
        {"ips": ["192.168.1.1", "10.0.0.1"]},
        {"X-Forwarded-For": "192.168.1.1, 10.0.0.1"},
        {"seen": {"from": "192.168.1.1:5008"}},
        {"hops": ["192.168.1.1"]},
        {"192.168.1.1": 3},
        {"proxies": "10.0.0.1,192.168.1.1"},
        {"user_agent": "192.168.1.1"},
        {"network": "192.168.1.1/24"},
        {"deep": [[{"ip": {"v4": "192.168.1.1"}}]]},
        {"forwarded": "for=192.168.1.1;proto=http;by=203.0.113.43"},
        {"forwarded": 'for="192.168.1.1:4711"'},
        {"url": "http://192.168.1.1/login"},
        {"note": "seen from 192.168.1.1."},
        {"192.168.1.1 is blocked": True},
    ],
)
def test_no_address_is_left_in_open_fields(given: object) -> None:
    left = json.dumps(without_addresses(given, KEY))
    assert "192.168.1.1" not in left
    assert "ip-" in left


@pytest.mark.parametrize("text", ['for="[2001:db8::1]:4711"', "http://[2001:db8::1]/", "from 2001:DB8::1, twice"])
def test_no_address_of_version_6_is_left_in_a_longer_text(text: str) -> None:
    left = without_addresses({"note": text}, KEY)["note"]
    assert hash_ip("2001:db8::1", KEY) in left
    assert "db8" not in left.lower()


def test_looking_for_addresses_takes_no_longer_than_reading() -> None:
    for text in (
        "1." * 8000,
        ":" * 16_000,
        "1:" * 8000,
        "1.1.1.1" * 2000,
        "a:b " * 4000,
        " :" * 8000,
        ". a" * 5000 + "::",
    ):
        started = time.perf_counter()
        without_addresses({"note": text}, KEY)
        assert time.perf_counter() - started < 0.5, text[:20]


def test_everything_else_stays_as_it_came() -> None:
    given = {
        "user_agent": "Mozilla/5.0 Chrome/120.0.0.0",
        "channel_id": "channel-456",
        "content": "192.168.1.1",
        "at": "08:30:00",
        "sent_at": "2026-11-23T08:30:00+00:00",
        "device": "aa:bb:cc:dd:ee:ff",
        "build": "v1.2.3.4 of 2026.11.23.1.2",
        "version": "1.2.3",
        "n": 3,
        "ok": True,
        "none": None,
        "empty": "",
        "list": ["a", 1.5, "bad:cafe"],
    }
    assert without_addresses(given, KEY) == given


def test_what_is_given_is_not_changed() -> None:
    given = {"ip": "192.168.1.1"}
    without_addresses(given, KEY)
    assert given == {"ip": "192.168.1.1"}


@settings(deadline=None)
@given(address=st.ip_addresses(), path=st.lists(st.sampled_from(["a", "ip", "from"]), min_size=1, max_size=4))
def test_no_address_survives_wherever_it_is(address: object, path: list[str]) -> None:
    nested: object = str(address)
    for name in path:
        nested = {name: [nested]}
    left = json.dumps(without_addresses(nested, KEY))
    assert f'"{address}"' not in left


@settings(deadline=None)
@given(st.text())
def test_any_text_can_be_under_an_address_key(text: str) -> None:
    assert without_addresses({"ip": text}, KEY)["ip"].startswith("ip-")
    assert hash_ip("\ud800", KEY).startswith("ip-")


KEYS = st.sampled_from(["ip", "IP-Address", "content", "x_forwarded_for"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text() | st.sampled_from(["203.0.113.7", "::1", "2001:db8::1", "at 10.0.0.1:80, twice", "T12:30:00+01:00"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=4) | KEYS, inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
@example({"ips": "some host"})
@example({"sent_at": "2026-11-25T09:30:00+01:00"})
@example(["T09:1:2:3:4:5:6:7:8", "fe80::1%eth0", "[::1]:80", "10.0.0.1/8"])
def test_the_quick_way_over_json_changes_what_the_slow_one_does(value: Any) -> None:
    text = orjson.dumps(value).decode()
    quick = json_without_addresses(text, KEY)
    assert orjson.loads(quick) == without_addresses(orjson.loads(text), KEY)
