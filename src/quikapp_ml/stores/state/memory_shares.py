"""Shares and recipients in dictionaries."""

from dataclasses import replace
from datetime import datetime

from quikapp_ml.errors import AlreadyExists, NotFound
from quikapp_ml.stores.state.shares import Recipient, Recipients, RecipientToken, Share, SharedTable, Shares


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

    def describe(self, name: str, owner: str, comment: str) -> Share:
        """Change two fields."""
        self._shares[name] = replace(self._require(name), owner=owner, comment=comment)
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

    def add_table(self, share: str, table: SharedTable) -> None:
        """Keep it in its place."""
        kept = self._require(share)
        if any((each.schema, each.name) == (table.schema, table.name) for each in kept.tables):
            raise AlreadyExists(f"share {share!r} has a table {table.schema}.{table.name} already")
        tables = sorted((*kept.tables, table), key=lambda each: (each.schema, each.name))
        self._shares[share] = replace(kept, tables=tuple(tables))

    def remove_table(self, share: str, schema: str, name: str) -> None:
        """Keep the others."""
        kept = self._require(share)
        others = tuple(each for each in kept.tables if (each.schema, each.name) != (schema, name))
        if len(others) == len(kept.tables):
            raise NotFound(f"share {share!r} has no table {schema}.{name}")
        self._shares[share] = replace(kept, tables=others)

    def grant(self, share: str, recipient: str) -> None:
        """Keep the pair."""
        self._require(share)
        self._recipients.recipient(recipient)
        self._recipients.grants.add((share, recipient))

    def revoke(self, share: str, recipient: str) -> None:
        """Forget the pair."""
        self._require(share)
        self._recipients.recipient(recipient)
        self._recipients.grants.discard((share, recipient))

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
