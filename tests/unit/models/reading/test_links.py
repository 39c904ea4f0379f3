"""Where links lead, and their tricks."""

import pytest

from quikapp_ml.models.reading import read
from quikapp_ml.models.reading.links import MAX_LINKS, registrable_domain


@pytest.mark.parametrize(
    ("host", "domain"),
    [("shop.example.co.uk", "example.co.uk"), ("a.b.example.com", "example.com"), ("10.0.0.1", "10.0.0.1"), ("x", "x")],
)
def test_a_domain_is_what_somebody_registered(host: str, domain: str) -> None:
    assert registrable_domain(host) == domain


@pytest.mark.parametrize(
    ("text", "tricks"),
    [
        ("<http://evil.example.ru/a|google.com>", {"is_cloaked"}),
        ("<http://evil.example.ru/a|https://www.google.com/x>", {"is_cloaked"}),
        ("<https://docs.google.com/a|google.com>", set()),
        ("<https://x.slack.com/files/a|notes.md>", set()),
        ("<https://x.slack.com/files/a|fritz.jpg>", set()),
        ("<https://github.com/a/b/pull/7|the fix>", set()),
        ("https://bit.ly/abc", {"is_shortened"}),
        ("http://paypa1.com", {"is_look_alike"}),
        ("http://paypal.com.secure.ru/login", {"is_look_alike"}),
        ("http://xn--pple-43d.com/", {"is_look_alike"}),
        ("https://www.paypal.com", set()),
    ],
)
def test_tricks_are_seen(text: str, tricks: set[str]) -> None:
    (link,) = read(text).links
    assert {name for name in ("is_cloaked", "is_shortened", "is_look_alike") if getattr(link, name)} == tricks
    assert (link.start, link.end) == (0, len(text))


def test_the_real_host_stands_behind_the_user() -> None:
    (link,) = read("see http://google.com@evil.co.uk:80/a now").links
    assert (link.host, link.domain, link.start, link.end) == ("evil.co.uk", "evil.co.uk", 4, 37)


def test_defanged_links_are_links_to_models() -> None:
    assert read("hxxp://x[.]com and y (dot) com").text == "http://x.com and y.com"


def test_so_many_links_are_looked_at() -> None:
    assert len(read("http://x.example " * (MAX_LINKS + 1)).links) == MAX_LINKS
