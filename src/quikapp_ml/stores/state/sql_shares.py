"""Shares and recipients in an SQL database."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from quikapp_ml.errors import AlreadyExists, NotFound
from quikapp_ml.stores.state.database import METADATA, UtcTime, reading, transaction
from quikapp_ml.stores.state.shares import (
    Recipient,
    Recipients,
    RecipientToken,
    Share,
    ShareChange,
    SharedTable,
    Shares,
)

_NAME = sa.String(255)


def _described(*id_columns: sa.Column[Any]) -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("name", _NAME, primary_key=True),
        *id_columns,
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
    )


def _names(table: str) -> sa.ForeignKey:
    return sa.ForeignKey(f"{table}.name", ondelete="CASCADE")


_shares = sa.Table("shares", METADATA, *_described(sa.Column("share_id", sa.String(36), nullable=False)))

_recipients = sa.Table("recipients", METADATA, *_described(sa.Column("recipient_id", sa.String(36), nullable=False)))

_shared_tables = sa.Table(
    "shared_tables",
    METADATA,
    sa.Column("share", _NAME, _names("shares"), primary_key=True),
    sa.Column("schema", _NAME, primary_key=True),
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("table", sa.String(767), nullable=False),
    sa.Column("table_id", sa.String(36), nullable=False),
    sa.Column("added_at", UtcTime, nullable=False),
    sa.Column("added_by", sa.String(255), nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("with_history", sa.Boolean, nullable=False),
    sa.Column("start_version", sa.BigInteger, nullable=False),
)

_share_grants = sa.Table(
    "share_grants",
    METADATA,
    sa.Column("share", _NAME, _names("shares"), primary_key=True),
    sa.Column("recipient", _NAME, _names("recipients"), primary_key=True),
)

_recipient_tokens = sa.Table(
    "recipient_tokens",
    METADATA,
    sa.Column("token_id", sa.String(36), primary_key=True),
    sa.Column("recipient", _NAME, _names("recipients"), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime),
    sa.Column("activation", sa.String(64), nullable=False),
)


class SqlShares(Shares):
    """Shares, their tables and grants in three tables."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def create(self, share: Share) -> None:
        """Insert one row."""
        row = asdict(share)
        del row["tables"], row["recipients"]
        with transaction(self._engine) as connection:
            _insert(connection, _shares, row, f"there is a share {share.name!r} already")

    def change(self, name: str, change: ShareChange) -> Share:
        """Update one row, delete and insert others, in one transaction."""
        said = {field: value for field in ("owner", "comment") if (value := getattr(change, field)) is not None}
        with transaction(self._engine) as connection:
            _require(connection, _shares, name, "share")
            if said:
                connection.execute(_shares.update().where(_shares.c.name == name).values(**said))
            for schema, table in change.removed:
                _remove_table(connection, name, schema, table)
            for added in change.added:
                taken = f"share {name!r} has a table {added.schema}.{added.name} already"
                _insert(connection, _shared_tables, {"share": name, **asdict(added)}, taken)
            return _share(connection, name)

    def remove(self, name: str) -> None:
        """Delete one row; what belongs to it goes with it."""
        with transaction(self._engine) as connection:
            _delete(connection, _shares, name, "share")

    def share(self, name: str) -> Share:
        """One row and what belongs to it."""
        with reading(self._engine) as connection:
            return _share(connection, name)

    def all(self) -> list[Share]:
        """By name."""
        with reading(self._engine) as connection:
            return [_share(connection, name) for name in _sorted_names(connection, _shares)]

    def change_grants(self, name: str, granted: Sequence[str], revoked: Sequence[str]) -> Share:
        """Take all pairs out, and put those in that are granted."""
        columns = _share_grants.c
        with transaction(self._engine) as connection:
            _require(connection, _shares, name, "share")
            for recipient in (*granted, *revoked):
                _require(connection, _recipients, recipient, "recipient")
                this = (columns.share == name) & (columns.recipient == recipient)
                connection.execute(_share_grants.delete().where(this))
            for recipient in dict.fromkeys(each for each in granted if each not in revoked):
                connection.execute(_share_grants.insert().values(share=name, recipient=recipient))
            return _share(connection, name)


class SqlRecipients(Recipients):
    """Recipients and their tokens in two tables."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def create(self, recipient: Recipient) -> None:
        """Insert one row, and one for each token."""
        row = asdict(recipient)
        del row["tokens"], row["shares"]
        with transaction(self._engine) as connection:
            _insert(connection, _recipients, row, f"there is a recipient {recipient.name!r} already")
            for token in recipient.tokens:
                _insert_token(connection, recipient.name, token)

    def describe(self, name: str, owner: str, comment: str) -> Recipient:
        """Update one row."""
        with transaction(self._engine) as connection:
            _change(connection, _recipients, name, "recipient", owner=owner, comment=comment)
            return _recipient(connection, name)

    def remove(self, name: str) -> None:
        """Delete one row; what belongs to it goes with it."""
        with transaction(self._engine) as connection:
            _delete(connection, _recipients, name, "recipient")

    def recipient(self, name: str) -> Recipient:
        """One row and what belongs to it."""
        with reading(self._engine) as connection:
            return _recipient(connection, name)

    def all(self) -> list[Recipient]:
        """By name."""
        with reading(self._engine) as connection:
            return [_recipient(connection, name) for name in _sorted_names(connection, _recipients)]

    def by_digest(self, digest: str) -> Recipient | None:
        """By the index of digests."""
        columns = _recipient_tokens.c
        with reading(self._engine) as connection:
            name = connection.execute(sa.select(columns.recipient).where(columns.digest == digest)).scalar_one_or_none()
            return None if name is None else _recipient(connection, name)

    def activate(self, activation: str, digest: str) -> Recipient:
        """Update one row."""
        columns = _recipient_tokens.c
        waiting = (columns.activation == activation) & (columns.activation != "")
        with transaction(self._engine) as connection:
            name = connection.execute(sa.select(columns.recipient).where(waiting)).scalar_one_or_none()
            if name is None:
                raise NotFound("no token waits for this code")
            connection.execute(_recipient_tokens.update().where(waiting).values(digest=digest, activation=""))
            return _recipient(connection, name)

    def expire_tokens(self, name: str, at: datetime, successor: RecipientToken | None = None) -> Recipient:
        """Update the rows of tokens that would live longer."""
        columns = _recipient_tokens.c
        longer = (columns.recipient == name) & (columns.expires_at.is_(None) | (columns.expires_at > at))
        with transaction(self._engine) as connection:
            _require(connection, _recipients, name, "recipient")
            connection.execute(_recipient_tokens.update().where(longer).values(expires_at=at))
            if successor is not None:
                _insert_token(connection, name, successor)
            return _recipient(connection, name)


def _insert(connection: sa.Connection, table: sa.Table, row: dict[str, Any], taken: str) -> None:
    try:
        connection.execute(table.insert().values(**row))
    except IntegrityError:
        raise AlreadyExists(taken) from None


def _insert_token(connection: sa.Connection, recipient: str, token: RecipientToken) -> None:
    connection.execute(_recipient_tokens.insert().values(recipient=recipient, **asdict(token)))


def _change(connection: sa.Connection, table: sa.Table, name: str, kind: str, **values: str) -> None:
    _require(connection, table, name, kind)
    connection.execute(table.update().where(table.c.name == name).values(**values))


def _delete(connection: sa.Connection, table: sa.Table, name: str, kind: str) -> None:
    _require(connection, table, name, kind)
    connection.execute(table.delete().where(table.c.name == name))


def _remove_table(connection: sa.Connection, share: str, schema: str, name: str) -> None:
    columns = _shared_tables.c
    this = (columns.share == share) & (columns.schema == schema) & (columns.name == name)
    if not connection.execute(_shared_tables.delete().where(this)).rowcount:
        raise NotFound(f"share {share!r} has no table {schema}.{name}")


def _require(connection: sa.Connection, table: sa.Table, name: str, kind: str) -> sa.RowMapping:
    row = connection.execute(sa.select(table).where(table.c.name == name)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no {kind} {name!r}")
    return row


def _sorted_names(connection: sa.Connection, table: sa.Table) -> list[str]:
    """In the order of Python, which pages are cut by; databases have orders of their own."""
    return sorted(connection.execute(sa.select(table.c.name)).scalars())


def _share(connection: sa.Connection, name: str) -> Share:
    row = _require(connection, _shares, name, "share")
    columns = [column for column in _shared_tables.c if column.name != "share"]
    of_this_share = sa.select(*columns).where(_shared_tables.c.share == name)
    tables = [SharedTable(**each) for each in connection.execute(of_this_share).mappings()]
    tables.sort(key=lambda table: (table.schema, table.name))
    granted = sa.select(_share_grants.c.recipient).where(_share_grants.c.share == name)
    return Share(**row, tables=tuple(tables), recipients=tuple(sorted(connection.execute(granted).scalars())))


def _recipient(connection: sa.Connection, name: str) -> Recipient:
    row = _require(connection, _recipients, name, "recipient")
    columns = [column for column in _recipient_tokens.c if column.name != "recipient"]
    of_this_recipient = sa.select(*columns).where(_recipient_tokens.c.recipient == name)
    oldest_first = of_this_recipient.order_by(_recipient_tokens.c.created_at, _recipient_tokens.c.token_id)
    tokens = tuple(RecipientToken(**each) for each in connection.execute(oldest_first).mappings())
    granted = sa.select(_share_grants.c.share).where(_share_grants.c.recipient == name)
    return Recipient(**row, tokens=tokens, shares=tuple(sorted(connection.execute(granted).scalars())))
