"""Who may read what: recipients by their tokens, files by their URLs. What was not granted does not exist."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from quikapp_ml.databricks_api.sharing.errors import Refused
from quikapp_ml.databricks_api.sharing.file_urls import FileClaim, FileUrls, file_of_table
from quikapp_ml.databricks_api.sharing.management import IssuedToken, Sharing
from quikapp_ml.databricks_api.sharing.reading import SharedTableReader
from quikapp_ml.databricks_api.sharing.table_log import DataFile, TableLog, folder_of
from quikapp_ml.databricks_api.sharing.wire import Signed
from quikapp_ml.errors import InvalidInput, NotFound, PermissionDenied
from quikapp_ml.serving.access import GuessBrake, TooManyWrongTokens, digest_of
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.state.shares import Recipient, Recipients, Share, SharedTable, Shares

_BEARER = "bearer "


class SharingDoor:
    """Lets recipients in. Names of shares, schemas and tables are the same in upper and lower case."""

    def __init__(
        self, shares: Shares, recipients: Recipients, lake: Lake, urls: FileUrls, clock: Callable[[], float]
    ) -> None:
        self._shares = shares
        self._recipients = recipients
        self._lake = lake
        self._urls = urls
        self._clock = clock
        self._brake = GuessBrake(clock)

    def admit(self, authorization: str, address: str) -> Recipient:
        """Who holds the token of this header. Raises Refused, also when that address has sent many wrong ones."""
        if authorization[: len(_BEARER)].lower() != _BEARER:
            raise Refused(401, "UNAUTHENTICATED", "send the token of your profile: Authorization: Bearer …")
        digest = digest_of(authorization[len(_BEARER) :].strip())
        self._check_guesses(address, digest)
        recipient = self._recipients.by_digest(digest)
        if recipient is None:
            self._brake.note_wrong(address, digest)
            raise Refused(401, "UNAUTHENTICATED", "the bearer token is not known")
        token = next(token for token in recipient.tokens if token.digest == digest)
        if not token.is_valid(datetime.fromtimestamp(self._clock(), UTC)):
            raise Refused(
                401, "UNAUTHENTICATED", f"the bearer token expired at {token.expires_at:%Y-%m-%d %H:%M:%S} UTC"
            )
        self._brake.note_right(address, digest)
        return recipient

    def activate(self, code: str, address: str) -> IssuedToken:
        """The token that waits for this code; it is given once. Raises NotFound; Refused after many wrong codes."""
        self._check_guesses(address, "")
        try:
            return Sharing(self._shares, self._recipients, self._lake, self._clock).fetch_token(code)
        except NotFound:
            self._brake.note_wrong(address, "")
            raise

    def shares(self, recipient: Recipient) -> list[Share]:
        """What was granted, in the order of names."""
        return [self._shares.share(name) for name in recipient.shares]

    def share(self, recipient: Recipient, name: str) -> Share:
        """A share that was granted. Raises NotFound, whether or not another of this name exists."""
        if name.lower() not in recipient.shares:
            raise NotFound(f"share {name[:255]!r} does not exist, or was not granted to you")
        return self._shares.share(name.lower())

    def tables(self, recipient: Recipient, share: str, schema: str) -> list[SharedTable]:
        """Tables of a schema in a share. Raises NotFound without any."""
        found = [table for table in self.share(recipient, share).tables if table.schema == schema.lower()]
        if not found:
            raise NotFound(f"share {share!r} has no schema {schema[:255]!r}")
        return found

    def reader(self, recipient: Recipient, share: str, schema: str, name: str, base: str) -> SharedTableReader:
        """What answers about a table; URLs of its files will begin with `base`. Raises NotFound."""
        for table in self.tables(recipient, share, schema):
            if table.name == name.lower():
                log = TableLog(self._folder(table))
                return SharedTableReader(table, log, self._signer(recipient, share.lower(), table, log.folder, base))
        raise NotFound(f"schema {schema!r} of share {share!r} has no table {name[:255]!r}")

    def file(self, name: str, expires: str, signature: str) -> Path:
        """The file behind a URL, while its recipient may read that table. Raises PermissionDenied or NotFound."""
        claim = self._urls.check(name, expires, signature)
        try:
            recipient = self._recipients.recipient(claim.recipient)
            share = self.share(recipient, claim.share)
            table = next(table for table in share.tables if table.table_id == claim.table_id)
            file = file_of_table(self._folder(table), claim.path)
        except (NotFound, StopIteration, InvalidInput):
            raise PermissionDenied("this table is not shared with you any longer") from None
        if not file.is_file():
            raise NotFound("the file was removed since; ask for the table again")
        return file

    def _check_guesses(self, address: str, digest: str) -> None:
        try:
            self._brake.check(address, digest)
        except TooManyWrongTokens as error:
            raise Refused(429, "REQUEST_LIMIT_EXCEEDED", str(error), error.retry_after_seconds) from None

    def _signer(
        self, recipient: Recipient, share: str, table: SharedTable, folder: Path, base: str
    ) -> Callable[[DataFile, int], Signed]:
        def sign(file: DataFile, version: int) -> Signed:
            file_of_table(folder, file.path)
            return self._urls.sign(base, FileClaim(recipient.name, share, table.table_id, version, file.path))

        return sign

    def _folder(self, table: SharedTable) -> Path:
        try:
            return folder_of(self._lake, table.table)
        except NotFound:
            raise NotFound(f"table {table.schema}.{table.name} is not there any more") from None
