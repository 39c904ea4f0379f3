"""Where the files of tables are: below a folder, or below a prefix of an object store's bucket.

Object stores are named as delta-rs, Sail and Spark name them: `s3://bucket/prefix`, `gs://bucket/prefix`,
`az://container/prefix`, `abfss://container@account.dfs.core.windows.net/prefix`. Both engines take keys, region and
endpoint from the environment, by the names that the clouds' own tools read; none belongs in a URL.
"""

import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlparse
from uuid import uuid4

from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import FileSelector, FileType, PyFileSystem

from quikapp_ml.errors import InvalidInput

SCHEMES = ("s3", "gs", "az", "abfss")
PATIENCE = {"connect_timeout": "5s", "timeout": "30s", "max_retries": "3", "retry_timeout": "20s"}
"""delta-rs would try a store that does not answer for three minutes."""

_PREFIX = re.compile(r"(/[A-Za-z0-9._=-]+)*")


class Root(ABC):
    """Tables are at `<schema>/<table>` below it."""

    options: Mapping[str, str] = {}
    """What delta-rs must be told to reach it."""

    @abstractmethod
    def url(self, schema: str, table: str) -> str:
        """URL of the table's files."""

    @abstractmethod
    def prepare(self, schema: str, table: str) -> None:
        """Make the place that a new table needs."""

    @abstractmethod
    def holds(self, schema: str, table: str) -> bool:
        """Whether a table has been created there."""

    @abstractmethod
    def remove(self, schema: str, table: str) -> None:
        """Delete all files of a table."""

    @abstractmethod
    def tables(self) -> Iterable[tuple[str, str]]:
        """Schema and table of every table."""


def open_root(url: str) -> Root:
    """The root behind a folder or URL. Raises InvalidInput; what it says holds no part of an object store's URL."""
    return BucketRoot(url) if urlparse(url).scheme.lower() in SCHEMES else FolderRoot(url)


class FolderRoot(Root):
    """A folder of this machine, by path or file:// URL."""

    def __init__(self, url: str) -> None:
        self._folder = _folder(url)

    def url(self, schema: str, table: str) -> str:
        """URL of the table's folder."""
        return (self._folder / schema / table).as_uri()

    def prepare(self, schema: str, table: str) -> None:
        """Create the folder."""
        (self._folder / schema / table).mkdir(parents=True, exist_ok=True)

    def holds(self, schema: str, table: str) -> bool:
        """Whether the folder has a log with a commit in it."""
        return next((self._folder / schema / table / "_delta_log").glob("*.json"), None) is not None

    def remove(self, schema: str, table: str) -> None:
        """Move the folder out of sight at once, then delete it."""
        gone = self._folder / f".dropped-{uuid4().hex}"
        (self._folder / schema / table).rename(gone)
        shutil.rmtree(gone)

    def tables(self) -> Iterable[tuple[str, str]]:
        """Every second level below the root that has a log with a commit in it."""
        places = [(log.parent.parent.name, log.parent.name) for log in self._folder.glob("*/*/_delta_log")]
        return [place for place in places if self.holds(*place)]


class BucketRoot(Root):
    """A prefix of a bucket. Commits rest on the store's conditional writes; no lock table is needed."""

    options = PATIENCE

    def __init__(self, url: str) -> None:
        self._url = _checked(url)

    def url(self, schema: str, table: str) -> str:
        """URL of the table's prefix."""
        return f"{self._url}/{schema}/{table}"

    def prepare(self, schema: str, table: str) -> None:
        """Nothing: a bucket has no folders."""

    def holds(self, schema: str, table: str) -> bool:
        """Whether there is a log below the prefix."""
        return self._have_logs([f"{schema}/{table}"])[0]

    def remove(self, schema: str, table: str) -> None:
        """Delete what is below the prefix; the log first, so that no half a table is read."""
        self._files.delete_dir(f"{schema}/{table}/_delta_log")
        self._files.delete_dir(f"{schema}/{table}")

    def tables(self) -> Iterable[tuple[str, str]]:
        """Every second level below the root that has a log."""
        # delta-rs 1.6 holds the interpreter's lock while it lists, not while it looks at one place: a store that is
        # away is found out by the latter, so that other threads do not stand still with this one.
        self._files.get_file_info("")
        places = [place for schema in self._below("") for place in self._below(schema)]
        found = zip(places, self._have_logs(places), strict=True)
        return [(schema, table) for schema, _, table in (place.partition("/") for place, has_log in found if has_log)]

    @cached_property
    def _files(self) -> PyFileSystem:
        return PyFileSystem(DeltaStorageHandler(self._url, dict(self.options)))

    def _below(self, place: str) -> list[str]:
        found = self._files.get_file_info(FileSelector(place, allow_not_found=True))
        return [one.path for one in found if one.type == FileType.Directory]

    def _have_logs(self, places: list[str]) -> list[bool]:
        found = self._files.get_file_info([f"{place}/_delta_log" for place in places])
        return [one.type == FileType.Directory for one in found]


def _checked(url: str) -> str:
    """The URL of a bucket without a slash at its end."""
    parts = urlparse(url)
    scheme = parts.scheme.lower()
    path = parts.path.rstrip("/")
    keys_inside = parts.password is not None or (parts.username is not None and scheme != "abfss")
    if keys_inside or parts.query or parts.fragment or parts.params:
        raise InvalidInput(
            f"a lake URL of {scheme}:// must hold no keys, query or fragment; name keys in the environment, "
            "as the cloud's own tools read them"
        )
    if not parts.hostname:
        raise InvalidInput(f"a lake URL of {scheme}:// names no bucket; use {scheme}://bucket/prefix")
    if not _PREFIX.fullmatch(path):
        # delta-rs, Sail and Spark escape other characters each in its own way: they would not find each other's tables.
        raise InvalidInput(f"the path of a lake URL of {scheme}:// may hold a-z, A-Z, 0-9 and . _ = - only")
    return f"{scheme}://{parts.netloc}{path}"


def _folder(root: str) -> Path:
    """The folder of a path or a file:// URL."""
    given = unquote(urlparse(root).path) if root.startswith("file://") else root
    path = Path(given).absolute()
    if "%" in str(path):
        # delta-rs 1.6 decodes a path twice: tables would land in another folder than the one that was named.
        raise InvalidInput(f"the lake's folder {str(path)!r} must not hold the character %")
    return path
