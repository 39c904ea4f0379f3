"""Bearer tokens: who holds one may do what its owner may, within its scopes, until it ends. Only hashes are kept."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Token:
    """What is known of a token; the token itself is shown once, when it is made, and kept nowhere."""

    token_id: str
    digest: str
    """SHA-256 of the token, 64 hex digits."""
    owner: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    comment: str = ""

    def is_valid(self, now: datetime) -> bool:
        """Whether it opens anything at this time."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Tokens(ABC):
    """Tokens by their ids; times are in UTC. Every method raises StorageFailed when the store does not answer."""

    @abstractmethod
    def add(self, token: Token) -> None:
        """Keep a new token. Raises AlreadyExists when its id or digest is taken."""

    @abstractmethod
    def revoke(self, token_id: str, now: datetime) -> Token:
        """End a token now; one that was revoked before keeps its time. Raises NotFound without it."""

    @abstractmethod
    def all(self) -> list[Token]:
        """All tokens, newest first, ended ones among them."""
