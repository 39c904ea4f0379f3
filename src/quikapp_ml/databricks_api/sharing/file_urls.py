"""URLs of shared files: each opens one file of one version of one shared table, for one recipient, for some time."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import orjson

from quikapp_ml.databricks_api.sharing.wire import Signed
from quikapp_ml.errors import InvalidInput, PermissionDenied

FILE_URL_SECONDS = 3600
SIGNATURE = "X-Amz-Signature"
"""The name that Delta engines know signed URLs by: without it they look for the file on their own disk."""

_PURPOSE = b"delta sharing: file URLs"


@dataclass(frozen=True)
class FileClaim:
    """What a URL opens."""

    recipient: str
    share: str
    table_id: str
    version: int
    path: str
    """As the log has it."""


class FileUrls:
    """Signs claims with a key of its own, derived from the home's secret."""

    def __init__(self, secret: bytes, clock: Callable[[], float], seconds: float = FILE_URL_SECONDS) -> None:
        self._key = hmac.digest(secret, _PURPOSE, hashlib.sha256)
        self._clock = clock
        self._seconds = seconds

    def sign(self, base: str, claim: FileClaim) -> Signed:
        """The URL below `base` for this claim."""
        expires = int(self._clock() + self._seconds)
        name = urlsafe_b64encode(orjson.dumps(astuple(claim))).decode().rstrip("=")
        url = f"{base}/{name}.parquet?expires={expires}&{SIGNATURE}={self._signature(name, str(expires))}"
        return Signed(url, expires * 1000)

    def check(self, name: str, expires: str, signature: str) -> FileClaim:
        """The claim of a URL that is ours and not over. Raises PermissionDenied."""
        expected = self._signature(name, expires)
        if not secrets.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            raise PermissionDenied("this URL was not made by this service, or was changed; ask for the table again")
        if self._clock() >= int(expires):
            raise PermissionDenied("this URL has expired; ask for the table again")
        return FileClaim(*orjson.loads(urlsafe_b64decode(name + "=" * (-len(name) % 4))))

    def _signature(self, name: str, expires: str) -> str:
        return hmac.new(self._key, f"{name}.{expires}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def file_of_table(folder: Path, path: str) -> Path:
    """The file at a path of the log. Raises InvalidInput when it leads out of the table's folder, or over a link."""
    inside = PurePosixPath(unquote(path))
    if inside.is_absolute() or ".." in inside.parts or "://" in path or inside.parts[:1] in ((), ("_delta_log",)):
        raise InvalidInput("the table has files outside of its folder, which cannot be shared")
    file = folder / inside
    if file.resolve() != folder.resolve() / inside:
        raise InvalidInput("the table has files behind symbolic links, which cannot be shared")
    return file
