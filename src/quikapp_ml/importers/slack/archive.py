"""The members of an export, read from the zip that Slack made or from the folder that it was unpacked to.

Names inside an archive are only compared, never used to write anything.
"""

import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson

from quikapp_ml.errors import InvalidInput

MAX_MEMBER_BYTES = 200 * 1024 * 1024
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\.json")
_LISTS = ("users.json", "channels.json", "groups.json", "dms.json", "mpims.json", "org_users.json")
_UTF8_NAME = 0x800


class BrokenPart(Exception):
    """A member of the archive, or one entry in it, that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the export; `path` is its name in the archive, `folder` is empty for the lists at the top."""

    path: str
    folder: str
    file: str

    @property
    def is_day(self) -> bool:
        """Whether it holds one day of a channel."""
        return bool(self.folder) and _DAY.fullmatch(self.file) is not None


class Archive(Protocol):
    """Where members come from."""

    def paths(self) -> Iterable[str]:
        """The names of all files, `/` between folders."""

    def read(self, path: str) -> bytes:
        """The bytes of a file, at most MAX_MEMBER_BYTES; raises BrokenPart."""


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._infos: dict[str, zipfile.ZipInfo] = {}
        self._twice: set[str] = set()
        for info in archive.infolist():
            if not info.is_dir():
                path = _path_of(info)
                if path in self._infos:
                    self._twice.add(path)
                self._infos[path] = info

    def paths(self) -> Iterable[str]:
        return self._infos

    def read(self, path: str) -> bytes:
        if path in self._twice:
            raise BrokenPart("the archive holds two files of this name")
        try:
            with self._archive.open(self._infos[path]) as file:
                return _bounded(file.read(MAX_MEMBER_BYTES + 1))
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
            raise BrokenPart(f"it cannot be unpacked: {error}") from None


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root

    def paths(self) -> Iterator[str]:
        for folder, folders, names in os.walk(self._root):
            folders.sort()
            here = Path(folder).relative_to(self._root)
            yield from ((here / name).as_posix() for name in sorted(names))

    def read(self, path: str) -> bytes:
        try:
            descriptor = os.open(self._root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with open(descriptor, "rb") as file:  # noqa: PTH123 - opened above without following links
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise BrokenPart("it is not a plain file")
                return _bounded(file.read(MAX_MEMBER_BYTES + 1))
        except OSError as error:
            raise BrokenPart(f"it cannot be read: {error.strerror}") from None


def open_archive(path: Path) -> AbstractContextManager[Archive]:
    """Open an export; raises InvalidInput when `path` is neither a zip nor a folder."""
    return _Opened(path)


class _Opened(AbstractContextManager[Archive]):
    def __init__(self, path: Path) -> None:
        self._zip: zipfile.ZipFile | None = None
        self._archive: Archive
        if path.is_dir():
            self._archive = _Folder(path)
            return
        try:
            self._zip = zipfile.ZipFile(path)
        except FileNotFoundError:
            raise InvalidInput(f"{path} does not exist; give the zip that Slack exported") from None
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise InvalidInput(
                f"{path} is not a zip archive that can be opened ({error}); give the zip that Slack exported, "
                "or the folder that it was unpacked to"
            ) from None
        self._archive = _Zip(self._zip)

    def __enter__(self) -> Archive:
        return self._archive

    def __exit__(self, *_: object) -> None:
        if self._zip is not None:
            self._zip.close()


def find_members(archive: Archive, name: Path) -> list[Member]:
    """The lists at the top and the days of the channels, days in the order of their dates.

    An export that was packed again inside a folder is found as well. Raises InvalidInput for any other archive.
    """
    paths = [path for path in archive.paths() if "__MACOSX" not in path]
    tops = [path.rpartition("/")[0] for path in paths if path.rpartition("/")[2] in ("users.json", "channels.json")]
    if not tops:
        raise InvalidInput(f"{name} is not a Slack export: it holds neither users.json nor channels.json")
    top = min(tops, key=lambda found: (found.count("/"), len(found)))
    prefix = f"{top}/" if top else ""
    members = []
    for path in paths:
        folder, _, file = path[len(prefix) :].rpartition("/")
        if path.startswith(prefix) and "/" not in folder:
            members.append(Member(path, folder, file))
    lists = [member for member in members if not member.folder and member.file in _LISTS]
    days = sorted((member for member in members if member.is_day), key=lambda member: (member.file, member.folder))
    return lists + days


def read_entries(archive: Archive, member: Member) -> list[Any]:
    """The JSON list in a member; raises BrokenPart, which says where the JSON breaks off."""
    content = archive.read(member.path)
    try:
        entries = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise BrokenPart(f"it is not JSON: {error}") from None
    if not isinstance(entries, list):
        raise BrokenPart(f"it holds a JSON {type(entries).__name__} where a list belongs")
    return entries


def _bounded(content: bytes) -> bytes:
    if len(content) > MAX_MEMBER_BYTES:
        raise BrokenPart(f"it is larger than {MAX_MEMBER_BYTES // 1024 // 1024} MiB")
    return content


def _path_of(info: zipfile.ZipInfo) -> str:
    """The member's name; zip programs that do not say so write UTF-8 all the same."""
    if info.flag_bits & _UTF8_NAME:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename
