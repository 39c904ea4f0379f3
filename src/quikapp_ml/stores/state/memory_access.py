"""Tokens and audit entries in memory."""

import uuid
from dataclasses import replace
from datetime import datetime

from quikapp_ml.errors import AlreadyExists, NotFound
from quikapp_ml.stores.state.audit import AuditEntry, AuditLog
from quikapp_ml.stores.state.tokens import Token, Tokens


class MemoryTokens(Tokens):
    """Tokens in a dictionary."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}

    def add(self, token: Token) -> None:
        """Keep it."""
        if any(token.token_id == each.token_id or token.digest == each.digest for each in self._tokens.values()):
            raise AlreadyExists(f"there is a token {token.token_id} already")
        self._tokens[token.token_id] = token

    def revoke(self, token_id: str, now: datetime) -> Token:
        """Note when."""
        token = self._tokens.get(token_id)
        if token is None:
            raise NotFound(f"there is no token {token_id!r}")
        if token.revoked_at is None:
            self._tokens[token_id] = token = replace(token, revoked_at=now)
        return token

    def all(self) -> list[Token]:
        """Newest first."""
        return sorted(self._tokens.values(), key=lambda token: token.created_at, reverse=True)


class MemoryAuditLog(AuditLog):
    """Entries in a dictionary."""

    def __init__(self) -> None:
        self._entries: dict[int, AuditEntry] = {}
        self._last = 0
        self._store_id = uuid.uuid4().hex

    def append(self, entry: AuditEntry) -> None:
        """Keep it under the next number."""
        self._last += 1
        self._entries[self._last] = entry

    def waiting(self, limit: int = 1000) -> list[tuple[int, AuditEntry]]:
        """Oldest first."""
        return list(self._entries.items())[:limit]

    def forget(self, through: int) -> None:
        """Drop them."""
        self._entries = {number: entry for number, entry in self._entries.items() if number > through}

    @property
    def store_id(self) -> str:
        """One for each object."""
        return self._store_id
