"""Who shares what with whom: shares, their tables, recipients and their tokens. Used by the commands and by REST."""

import re
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from quikapp_ml.databricks_api.sharing.table_log import TableLog, folder_of
from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.serving.access import digest_of
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.state.shares import (
    Recipient,
    Recipients,
    RecipientToken,
    Share,
    ShareChange,
    SharedTable,
    Shares,
)

TOKEN_BYTES = 32
DEFAULT_LIFE = timedelta(days=90)
MAX_LIFE = timedelta(days=3650)
_NAME = re.compile(r"[a-z0-9_-]{1,255}")


@dataclass(frozen=True)
class NewTable:
    """A table that is to be shared."""

    table: str
    """Full name in the lake."""
    shared_as: str = ""
    """`schema.table` as recipients will see it; empty: as in the lake."""
    comment: str = ""
    with_history: bool = False
    start_version: int = 0
    with_changes: bool = False
    """Switch the table's change data feed on, and share its history."""


@dataclass(frozen=True)
class IssuedToken:
    """A token that was just made; its text is known here only, once."""

    recipient: Recipient
    text: str
    """The token, or the code that it can be fetched with."""
    expires_at: datetime | None

    def profile(self, endpoint: str) -> bytes:
        """The profile file that the recipient gives to its client."""
        told: dict[str, object] = {
            "shareCredentialsVersion": 1,
            "endpoint": f"{endpoint.rstrip('/')}/delta-sharing/",
            "bearerToken": self.text,
        }
        if self.expires_at is not None:
            told["expirationTime"] = f"{self.expires_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"
        return orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


class Sharing:
    """Changes what is shared. Names are brought to lower case, as Unity Catalog does.

    Raises InvalidInput on names that a profile's URL could not say, and NotFound or AlreadyExists as the stores do.
    """

    def __init__(self, shares: Shares, recipients: Recipients, lake: Lake, clock: Callable[[], float]) -> None:
        self._shares = shares
        self._recipients = recipients
        self._lake = lake
        self._clock = clock

    def create_share(self, name: str, owner: str, comment: str = "") -> Share:
        """An empty share."""
        share = Share(checked_name("share", name), str(uuid.uuid4()), self._now(), owner, comment)
        self._shares.create(share)
        return share

    def add_table(self, share: str, new: NewTable, added_by: str) -> SharedTable:
        """Put a table of the lake into a share. Raises NotFound without the table."""
        table = self.new_table(new, added_by)
        self._shares.change(share.lower(), ShareChange(added=(table,)))
        return table

    def remove_table(self, share: str, shared_as: str) -> None:
        """Take a table out of a share, by the schema.table that recipients see."""
        schema, _, name = shared_as.lower().partition(".")
        self._shares.change(share.lower(), ShareChange(removed=((schema, name),)))

    def new_table(self, new: NewTable, added_by: str) -> SharedTable:
        """A table of the lake as it can be put into a share. Raises NotFound without the table."""
        log = TableLog(self._folder(new.table))
        schema, name = self._shown_as(new)
        with_history = new.with_history or new.with_changes
        newest = log.newest_version()
        if not 0 <= new.start_version <= newest:
            raise InvalidInput(f"table {new.table} has no version {new.start_version}; the newest is {newest}")
        if new.with_changes:
            log.feed_changes()
        return SharedTable(
            schema, name, new.table, str(uuid.uuid4()), self._now(), added_by, new.comment, with_history,
            new.start_version,
        )  # fmt: skip

    def feeds(self, share: Share) -> dict[str, bool]:
        """Whether each of a share's tables feeds changes now; those that are gone are left out."""
        tables = {table.table for table in share.tables if self._lake.exists(table.table)}
        return {table: TableLog(self._folder(table)).head().feeds_changes for table in sorted(tables)}

    def create_recipient(
        self, name: str, owner: str, life: timedelta | None = DEFAULT_LIFE, comment: str = "", *, by_code: bool = False
    ) -> IssuedToken:
        """A recipient with a first token; `life` None: it never expires. `by_code`: it is to be fetched."""
        text, token = self._new_token(life, by_code)
        name = checked_name("recipient", name)
        recipient = Recipient(name, str(uuid.uuid4()), self._now(), owner, comment, (token,))
        self._recipients.create(recipient)
        return IssuedToken(recipient, text, token.expires_at)

    def rotate(
        self, name: str, life: timedelta | None = DEFAULT_LIFE, overlap_seconds: float = 0, *, by_code: bool = False
    ) -> IssuedToken:
        """A new token; those before it go on for the overlap at most."""
        if not 0 <= overlap_seconds <= MAX_LIFE.total_seconds():
            raise InvalidInput(f"an overlap of {overlap_seconds} seconds is not possible; give 0 or more")
        text, token = self._new_token(life, by_code)
        ends = self._now() + timedelta(seconds=overlap_seconds)
        return IssuedToken(self._recipients.expire_tokens(name.lower(), ends, token), text, token.expires_at)

    def fetch_token(self, code: str) -> IssuedToken:
        """The token that waits for this code. Raises NotFound when there is none, or not any longer."""
        text = secrets.token_urlsafe(TOKEN_BYTES)
        recipient = self._recipients.activate(digest_of(code), digest_of(text))
        token = next(each for each in recipient.tokens if each.digest == digest_of(text))
        return IssuedToken(recipient, text, token.expires_at)

    def end_tokens(self, name: str) -> Recipient:
        """All tokens of a recipient are refused from now on."""
        return self._recipients.expire_tokens(name.lower(), self._now())

    def _new_token(self, life: timedelta | None, by_code: bool) -> tuple[str, RecipientToken]:
        if life is not None and not timedelta() < life <= MAX_LIFE:
            raise InvalidInput(f"a token cannot live for {life}; give up to {MAX_LIFE.days} days")
        text, token_id = secrets.token_urlsafe(TOKEN_BYTES), str(uuid.uuid4())
        expires = None if life is None else self._now() + life
        if by_code:  # nothing has this digest: the token is made when it is fetched
            return text, RecipientToken(token_id, f"waits {token_id}", self._now(), expires, digest_of(text))
        return text, RecipientToken(token_id, digest_of(text), self._now(), expires)

    def _folder(self, table: str) -> Path:
        if not self._lake.exists(table):
            raise NotFound(f"table {table} does not exist; known are {', '.join(self._lake.names()) or 'none'}")
        return folder_of(self._lake, table)

    def _shown_as(self, new: NewTable) -> tuple[str, str]:
        parts = (new.shared_as or new.table.partition(".")[2]).split(".")
        if len(parts) != 2:
            raise InvalidInput(f"a table is shared as schema.table, not as {new.shared_as!r}")
        return checked_name("schema", parts[0]), checked_name("table", parts[1])

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def checked_name(kind: str, given: str) -> str:
    """The name in lower case. Raises InvalidInput: `profile#share.schema.table` could not say others."""
    name = given.lower()
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{kind} name {given[:300]!r} must be 1 to 255 letters a-z, digits, _ or -")
    return name
