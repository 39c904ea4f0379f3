"""Shares and recipients in dictionaries."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from quikapp_ml.errors import AlreadyExists, NotFound
from quikapp_ml.stores.state.shares import Recipient, Recipients, RecipientToken, Share, ShareChange, Shares


class MemoryShares(Shares):
    """Shares in a dictionary; a grant is a pair of names."""

    def __init__(self, recipients: "MemoryRecipients") -> None:
        self._shares: dict[str, Share] = {}
        self._recipients = recipients

    def create(self, share: Share) -> None:
        """Keep it under its name."""
        if share.name in self._shares:
            raise AlreadyExists(f"there is a share {share.name!r} already")
        self._shares[share.name] = replace(share, tables=(), recipients=())

    def change(self, name: str, change: ShareChange) -> Share:
        """Build the changed one, then keep it."""
        kept = self._require(name)
        tables = {(table.schema, table.name): table for table in kept.tables}
        for key in change.removed:
            if tables.pop(key, None) is None:
                raise NotFound(f"share {name!r} has no table {'.'.join(key)}")
        for table in change.added:
            if (table.schema, table.name) in tables:
                raise AlreadyExists(f"share {name!r} has a table {table.schema}.{table.name} already")
            tables[table.schema, table.name] = table
        self._shares[name] = replace(
            kept,
            owner=kept.owner if change.owner is None else change.owner,
            comment=kept.comment if change.comment is None else change.comment,
            tables=tuple(tables[key] for key in sorted(tables)),
        )
        return self.share(name)

    def remove(self, name: str) -> None:
        """Forget it and its grants."""
        self._require(name)
        del self._shares[name]
        self._recipients.grants = {grant for grant in self._recipients.grants if grant[0] != name}

    def share(self, name: str) -> Share:
        """The share as kept, with its grants."""
        granted = sorted(recipient for share, recipient in self._recipients.grants if share == name)
        return replace(self._require(name), recipients=tuple(granted))

    def all(self) -> list[Share]:
        """By name."""
        return [self.share(name) for name in sorted(self._shares)]

    def change_grants(self, name: str, granted: Sequence[str], revoked: Sequence[str]) -> Share:
        """Keep and forget pairs."""
        self._require(name)
        for recipient in (*granted, *revoked):
            self._recipients.recipient(recipient)
        self._recipients.grants |= {(name, recipient) for recipient in granted}
        self._recipients.grants -= {(name, recipient) for recipient in revoked}
        return self.share(name)

    def _require(self, name: str) -> Share:
        if name not in self._shares:
            raise NotFound(f"there is no share {name!r}")
        return self._shares[name]


class MemoryRecipients(Recipients):
    """Recipients in a dictionary, and the grants of all shares."""

    def __init__(self) -> None:
        self._recipients: dict[str, Recipient] = {}
        self.grants: set[tuple[str, str]] = set()

    def create(self, recipient: Recipient) -> None:
        """Keep it under its name."""
        if recipient.name in self._recipients:
            raise AlreadyExists(f"there is a recipient {recipient.name!r} already")
        self._recipients[recipient.name] = replace(recipient, shares=())

    def describe(self, name: str, owner: str, comment: str) -> Recipient:
        """Change two fields."""
        self._recipients[name] = replace(self._require(name), owner=owner, comment=comment)
        return self.recipient(name)

    def remove(self, name: str) -> None:
        """Forget it and its grants."""
        self._require(name)
        del self._recipients[name]
        self.grants = {grant for grant in self.grants if grant[1] != name}

    def recipient(self, name: str) -> Recipient:
        """The recipient as kept, with its grants."""
        granted = sorted(share for share, recipient in self.grants if recipient == name)
        return replace(self._require(name), shares=tuple(granted))

    def all(self) -> list[Recipient]:
        """By name."""
        return [self.recipient(name) for name in sorted(self._recipients)]

    def by_digest(self, digest: str) -> Recipient | None:
        """Look at all tokens."""
        for recipient in self._recipients.values():
            if any(token.digest == digest for token in recipient.tokens):
                return self.recipient(recipient.name)
        return None

    def activate(self, activation: str, digest: str) -> Recipient:
        """Look at all tokens."""
        for kept in self._recipients.values():
            for token in kept.tokens:
                if activation and token.activation == activation:
                    fetched = replace(token, digest=digest, activation="")
                    tokens = tuple(fetched if each is token else each for each in kept.tokens)
                    self._recipients[kept.name] = replace(kept, tokens=tokens)
                    return self.recipient(kept.name)
        raise NotFound("no token waits for this code")

    def expire_tokens(self, name: str, at: datetime, successor: RecipientToken | None = None) -> Recipient:
        """Shorten every token's life."""
        kept = self._require(name)
        shortened = tuple(
            token if token.expires_at is not None and token.expires_at <= at else replace(token, expires_at=at)
            for token in kept.tokens
        )
        self._recipients[name] = replace(kept, tokens=(*shortened, *((successor,) if successor else ())))
        return self.recipient(name)

    def _require(self, name: str) -> Recipient:
        if name not in self._recipients:
            raise NotFound(f"there is no recipient {name!r}")
        return self._recipients[name]
