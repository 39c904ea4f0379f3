"""What is shared with other organisations: shares of tables, and the recipients who may read them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class SharedTable:
    """A table in a share, under the names that recipients see."""

    schema: str
    name: str
    table: str
    """Full name in the lake, `catalog.schema.table`."""
    table_id: str
    added_at: datetime
    added_by: str = ""
    comment: str = ""
    with_history: bool = False
    """Whether recipients may also read earlier versions and what changed between them."""
    start_version: int = 0
    """Earliest version that recipients may read."""


@dataclass(frozen=True)
class Share:
    """Tables that are shared together. Tables are in the order of their names, and so are the recipients."""

    name: str
    share_id: str
    created_at: datetime
    owner: str = ""
    comment: str = ""
    tables: tuple[SharedTable, ...] = ()
    recipients: tuple[str, ...] = ()
    """Names of those who may read it."""


@dataclass(frozen=True)
class RecipientToken:
    """A bearer token, of which only the digest is kept."""

    token_id: str
    digest: str
    """SHA-256 of the token, hexadecimal. A token has 256 random bits, so its digest needs no salt."""
    created_at: datetime
    expires_at: datetime | None
    """From this moment on it is refused; None: never."""
    activation: str = ""
    """Digest of the code that the token can be fetched with, once; empty: it was fetched, or handed out at once."""

    def is_valid(self, now: datetime) -> bool:
        """Whether it opens anything now."""
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True)
class Recipient:
    """Somebody outside who reads shares with tokens of their own; tokens are oldest first."""

    name: str
    recipient_id: str
    created_at: datetime
    owner: str = ""
    comment: str = ""
    tokens: tuple[RecipientToken, ...] = ()
    shares: tuple[str, ...] = ()
    """Names of the shares that were granted, in order."""


@dataclass(frozen=True)
class ShareChange:
    """What is to change in a share; None leaves a field as it is. Tables are removed before others are added."""

    owner: str | None = None
    comment: str | None = None
    removed: tuple[tuple[str, str], ...] = ()
    """Schema and name of each, as recipients see them."""
    added: tuple[SharedTable, ...] = ()


class Shares(ABC):
    """Shares, their tables and grants. Names are kept as given; callers bring them to lower case.

    Every method raises NotFound when the share or recipient named does not exist, and StorageFailed when the store
    does not answer.
    """

    @abstractmethod
    def create(self, share: Share) -> None:
        """Keep a new share without tables and grants. Raises AlreadyExists when its name is taken."""

    @abstractmethod
    def change(self, name: str, change: ShareChange) -> Share:
        """Change a share, all of it or nothing.

        Raises NotFound when a table to be removed is not in there, AlreadyExists when one to be added is.
        """

    @abstractmethod
    def remove(self, name: str) -> None:
        """Forget a share with its tables and grants; the tables themselves are not touched."""

    @abstractmethod
    def share(self, name: str) -> Share:
        """One share."""

    @abstractmethod
    def all(self) -> list[Share]:
        """All shares in the order of their names."""

    @abstractmethod
    def change_grants(self, name: str, granted: Sequence[str], revoked: Sequence[str]) -> Share:
        """Let recipients read a share, or no longer, all of it or nothing. Done twice, nothing changes."""


class Recipients(ABC):
    """Recipients and their tokens. The same errors as `Shares`."""

    @abstractmethod
    def create(self, recipient: Recipient) -> None:
        """Keep a new recipient with its tokens. Raises AlreadyExists when its name is taken."""

    @abstractmethod
    def describe(self, name: str, owner: str, comment: str) -> Recipient:
        """Change what is said about a recipient."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Forget a recipient, its tokens and grants."""

    @abstractmethod
    def recipient(self, name: str) -> Recipient:
        """One recipient."""

    @abstractmethod
    def all(self) -> list[Recipient]:
        """All recipients in the order of their names."""

    @abstractmethod
    def by_digest(self, digest: str) -> Recipient | None:
        """The recipient who has a token of this digest, expired or not."""

    @abstractmethod
    def activate(self, activation: str, digest: str) -> Recipient:
        """Give a token that waits for its code the digest of its text; the code opens nothing any more.

        Raises NotFound when no token waits for this code.
        """

    @abstractmethod
    def expire_tokens(self, name: str, at: datetime, successor: RecipientToken | None = None) -> Recipient:
        """Let all tokens end at the latest then, and add the successor, in one step."""
