from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quikapp_ml.errors import InvalidInput, NotFound, StorageFailed
from quikapp_ml.serving.access import (
    FAILURE_SECONDS,
    FAILURES,
    AccessGate,
    TooManyWrongTokens,
    WrongToken,
    create_token,
    digest_of,
)
from quikapp_ml.serving.local_token import TOKEN_FILE, keep_local_token, read_local_token
from quikapp_ml.stores.state.memory_access import MemoryTokens
from quikapp_ml.stores.state.tokens import Token

WEEK = timedelta(days=7)


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC).timestamp()

    def __call__(self) -> float:
        return self.now


class UnsteadyTokens(MemoryTokens):
    is_away = False

    def all(self) -> list[Token]:
        if self.is_away:
            raise StorageFailed("the state is away")
        return super().all()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens() -> UnsteadyTokens:
    return UnsteadyTokens()


@pytest.fixture
def gate(tokens: UnsteadyTokens, clock: Clock) -> AccessGate:
    return AccessGate(tokens, "admin", clock)


def test_a_token_is_128_random_bits_of_which_only_a_hash_is_kept(tokens: UnsteadyTokens) -> None:
    text, token = create_token(tokens, "ann", ("all-apis",), WEEK, "laptop")
    assert text.startswith("dapi") and len(text) == 4 + 32
    assert text not in repr(tokens.all()) and token.digest == digest_of(text)
    assert token.expires_at == token.created_at + WEEK
    assert create_token(tokens, "ann", ("sql",), None)[1].expires_at is None


@pytest.mark.parametrize(
    ("owner", "scopes", "days", "told"),
    [
        ("ann", ("everything",), 1, "all-apis"), ("ann", (), 1, "none"), ("", ("sql",), 1, "owner"),
        ("ann", ("sql",), 0, "for 0 s"), ("ann", ("sql",), 4000, "3650"),
    ],
)  # fmt: skip
def test_a_token_without_sense_is_not_made(
    tokens: UnsteadyTokens, owner: str, scopes: tuple[str, ...], days: int, told: str
) -> None:
    with pytest.raises(InvalidInput, match=told):
        create_token(tokens, owner, scopes, timedelta(days=days))
    assert tokens.all() == []


def test_the_holder_of_a_token_is_admitted_with_its_scopes(tokens: UnsteadyTokens, gate: AccessGate) -> None:
    text, _ = create_token(tokens, "ann", ("model-serving",), WEEK)
    caller = gate.admit(text, "10.0.0.1")
    assert (caller.name, caller.is_admin) == ("ann", False)
    assert caller.may_use("model-serving") and caller.may_use("") and not caller.may_use("sql")
    everything, _ = create_token(tokens, "admin", ("all-apis",), WEEK)
    assert gate.admit(everything, "10.0.0.1").is_admin
    assert gate.admit(everything, "10.0.0.1").may_use("sql")


def test_a_new_token_opens_at_once_and_a_revoked_one_closes_within_a_second(
    tokens: UnsteadyTokens, gate: AccessGate, clock: Clock
) -> None:
    first, _ = create_token(tokens, "ann", ("sql",), WEEK)
    gate.admit(first, "10.0.0.1")
    clock.now += 0.2
    second, token = create_token(tokens, "bob", ("sql",), WEEK)
    assert gate.admit(second, "10.0.0.1").name == "bob"
    tokens.revoke(token.token_id, datetime.now(UTC))
    clock.now += 1
    with pytest.raises(WrongToken):
        gate.admit(second, "10.0.0.1")
    assert gate.admit(first, "10.0.0.1").name == "ann"


def test_a_token_ends_to_the_second(tokens: UnsteadyTokens, gate: AccessGate, clock: Clock) -> None:
    text, token = create_token(tokens, "ann", ("sql",), timedelta(days=1))
    assert token.expires_at is not None
    clock.now = token.expires_at.timestamp() - 0.01
    gate.admit(text, "10.0.0.1")
    clock.now += 0.02
    with pytest.raises(WrongToken):
        gate.admit(text, "10.0.0.1")


@pytest.mark.parametrize("wrong", ["", "x", "dapi" + "0" * 32, "\udcff", "a" * 100_000])
def test_nothing_else_opens(tokens: UnsteadyTokens, gate: AccessGate, wrong: str) -> None:
    text, _ = create_token(tokens, "ann", ("sql",), WEEK)
    for given in (wrong, text[:-1], text + "0", text.upper(), f" {text}"):
        with pytest.raises(WrongToken):
            gate.admit(given, "10.0.0.1")


def test_guessing_is_slowed_down_for_the_address_that_guesses(
    tokens: UnsteadyTokens, gate: AccessGate, clock: Clock
) -> None:
    used, _ = create_token(tokens, "ann", ("sql",), WEEK)
    unused, _ = create_token(tokens, "bob", ("sql",), WEEK)
    gate.admit(used, "10.0.0.1")
    for _ in range(FAILURES):
        with pytest.raises(WrongToken):
            gate.admit("dapi-guess", "10.0.0.1")
    with pytest.raises(TooManyWrongTokens) as refused:
        gate.admit(unused, "10.0.0.1")  # right, but nobody is told so
    assert 0 < refused.value.retry_after_seconds <= FAILURE_SECONDS + 1
    assert gate.admit(used, "10.0.0.1").name == "ann"  # who worked before goes on
    assert gate.admit(unused, "10.0.0.2").name == "bob"
    clock.now += FAILURE_SECONDS
    assert gate.admit(unused, "10.0.0.1").name == "bob"


def test_known_tokens_go_on_while_the_store_is_away(tokens: UnsteadyTokens, gate: AccessGate, clock: Clock) -> None:
    text, _ = create_token(tokens, "ann", ("sql",), WEEK)
    tokens.is_away = True
    with pytest.raises(StorageFailed):
        gate.admit(text, "10.0.0.1")
    tokens.is_away = False
    gate.admit(text, "10.0.0.1")
    tokens.is_away = True
    clock.now += 5
    assert gate.admit(text, "10.0.0.1").name == "ann"


def test_what_is_remembered_of_guesses_is_bounded(gate: AccessGate) -> None:
    for index in range(10_050):
        with pytest.raises(WrongToken):
            gate.admit("x", f"10.0.{index // 256}.{index % 256}")
    assert len(gate._brake._failures) == 10_000


def test_the_home_has_a_token_that_is_kept_until_it_is_about_to_end(tmp_path: Path, tokens: UnsteadyTokens) -> None:
    with pytest.raises(NotFound, match="when it starts"):
        read_local_token(tmp_path)
    keep_local_token(tmp_path, tokens, "ann")
    first = read_local_token(tmp_path)
    assert (tmp_path / TOKEN_FILE).stat().st_mode & 0o777 == 0o600
    keep_local_token(tmp_path, tokens, "ann")
    assert read_local_token(tmp_path) == first
    assert [token.owner for token in tokens.all()] == ["ann"]
    keep_local_token(tmp_path, tokens, "bob")
    second = read_local_token(tmp_path)
    valid = [token for token in tokens.all() if token.is_valid(datetime.now(UTC))]
    assert second != first and [token.digest for token in valid] == [digest_of(second)]
    (tmp_path / TOKEN_FILE).write_bytes(b"\xff")
    keep_local_token(tmp_path, tokens, "bob")
    assert read_local_token(tmp_path) not in (first, second)
