"""Tokens and audit entries in the SQL database."""

import uuid
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from quikapp_ml.errors import AlreadyExists, NotFound
from quikapp_ml.stores.state.audit import AuditEntry, AuditLog
from quikapp_ml.stores.state.database import METADATA, UtcTime, reading, transaction
from quikapp_ml.stores.state.tokens import Token, Tokens

_tokens = sa.Table(
    "tokens",
    METADATA,
    sa.Column("token_id", sa.String(64), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("owner", sa.String(255), nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime),
    sa.Column("revoked_at", UtcTime),
    sa.Column("comment", sa.Text, nullable=False),
)

_audit_entries = sa.Table(
    "audit_entries",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("event_id", sa.String(64), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("service", sa.String(255), nullable=False),
    sa.Column("action", sa.String(255), nullable=False),
    sa.Column("user", sa.String(255), nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("source_ip", sa.String(255), nullable=False),
    sa.Column("user_agent", sa.Text, nullable=False),
    sa.Column("request_id", sa.String(255), nullable=False),
    sa.Column("parameters", sa.JSON, nullable=False),
    sqlite_autoincrement=True,
)

_audit_store = sa.Table("audit_store", METADATA, sa.Column("store_id", sa.String(64), primary_key=True))


class SqlTokens(Tokens):
    """Tokens in a table."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, token: Token) -> None:
        """Insert it."""
        taken = (_tokens.c.token_id == token.token_id) | (_tokens.c.digest == token.digest)
        with transaction(self._engine) as connection:
            if connection.execute(sa.select(_tokens.c.token_id).where(taken)).first():
                raise AlreadyExists(f"there is a token {token.token_id} already")
            connection.execute(_tokens.insert().values(**{**vars(token), "scopes": list(token.scopes)}))

    def revoke(self, token_id: str, now: datetime) -> Token:
        """Note when."""
        this = _tokens.c.token_id == token_id
        with transaction(self._engine) as connection:
            row = connection.execute(sa.select(_tokens).where(this)).mappings().one_or_none()
            if row is None:
                raise NotFound(f"there is no token {token_id!r}")
            token = _token(row)
            if token.revoked_at is None:
                connection.execute(_tokens.update().where(this).values(revoked_at=now))
                token = replace(token, revoked_at=now)
        return token

    def all(self) -> list[Token]:
        """Newest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(_tokens).order_by(_tokens.c.created_at.desc())).mappings().all()
        return [_token(row) for row in rows]


class SqlAuditLog(AuditLog):
    """Entries in a table."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        with transaction(engine) as connection:
            found = connection.execute(sa.select(_audit_store.c.store_id)).scalar_one_or_none()
            self._store_id = found or uuid.uuid4().hex
            if found is None:
                connection.execute(_audit_store.insert().values(store_id=self._store_id))

    def append(self, entry: AuditEntry) -> None:
        """Insert it; the database gives its number."""
        with transaction(self._engine) as connection:
            connection.execute(_audit_entries.insert().values(**{**vars(entry), "parameters": dict(entry.parameters)}))

    def waiting(self, limit: int = 1000) -> list[tuple[int, AuditEntry]]:
        """By number."""
        oldest = sa.select(_audit_entries).order_by(_audit_entries.c.number).limit(limit)
        with reading(self._engine) as connection:
            rows = [dict(row) for row in connection.execute(oldest).mappings()]
        return [(row.pop("number"), AuditEntry(**row)) for row in rows]

    def forget(self, through: int) -> None:
        """Delete them."""
        with transaction(self._engine) as connection:
            connection.execute(_audit_entries.delete().where(_audit_entries.c.number <= through))

    @property
    def store_id(self) -> str:
        """Made with the database."""
        return self._store_id


def _token(row: sa.RowMapping) -> Token:
    return Token(**{**row, "scopes": tuple(row["scopes"])})
