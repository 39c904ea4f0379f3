"""The workspace's Files API over folders: of runs and models, of volumes. No path leaves the folder that it names."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from quikapp_ml.databricks_api.errors import DatabricksJson
from quikapp_ml.databricks_api.requests import page
from quikapp_ml.databricks_api.routing import WorkspaceRoutes
from quikapp_ml.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from quikapp_ml.stores.files import sync_path

FILES = "/api/2.0/fs/files"
DIRECTORIES = "/api/2.0/fs/directories"
UNFINISHED = ".upload-"
"""What the names of files begin with that are being uploaded; they are not told."""

_LONGEST, _LONGEST_PART = 2000, 255
"""Bytes; disks have no longer names."""


@dataclass(frozen=True)
class FileTree:
    """Folders that a path template names, and where uploads wait until they are whole (on the same disk)."""

    folder_of: Callable[[Request, bool], Path]
    """The folder that a request names; the flag says whether it is to be written to."""
    uploads_of: Callable[[Request, Path], Path]
    """The folder in which the upload of a file waits."""
    changing: Callable[[Request], AbstractContextManager[Any]] = lambda _request: nullcontext()
    """Held from the last look at whether a file may change until it has."""

    def path(self, request: Request, *, writes: bool = False) -> Path:
        """What a request names, in its folder."""
        return below(self.folder_of(request, writes), request.path_params.get("rest", ""))

    async def files_put(self, request: Request) -> Response:
        """Keep a file: whole, or not at all."""
        path = await run_in_threadpool(self._path_to_write, request)
        unfinished = await run_in_threadpool(_unfinished, self.uploads_of(request, path))
        try:
            with unfinished.open("xb") as out:
                async for part in request.stream():
                    await run_in_threadpool(out.write, part)
            await run_in_threadpool(self._keep, request, unfinished)
        finally:
            unfinished.unlink(missing_ok=True)
        return Response(status_code=204)

    async def files_initiate_upload(self, request: Request) -> Response:
        """Asked for large files; there are no signed part URLs here, and a client without them sends one whole file."""
        await run_in_threadpool(self.path, request, writes=True)
        return DatabricksJson({"multipart_upload": {"session_token": uuid4().hex}})

    async def files_get(self, request: Request) -> Response:
        """The bytes of a file, or a range of them; asked by HEAD, its size and age."""
        path = await run_in_threadpool(self.path, request)
        if not path.is_file():
            raise NotFound(f"{_asked(request)} does not exist or is no file")
        return FileResponse(path, media_type="application/octet-stream")

    async def files_delete(self, request: Request) -> Response:
        """Remove a file."""
        await run_in_threadpool(self._remove, request)
        return Response(status_code=204)

    async def directories_put(self, request: Request) -> Response:
        """Make a folder, and those above it."""
        path = await run_in_threadpool(self.path, request, writes=True)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise Conflict(f"{_asked(request)} is a file, or is below one") from None
        return Response(status_code=204)

    async def directories_get(self, request: Request) -> Response:
        """What is in a folder; asked by HEAD, whether it is there."""
        path = await run_in_threadpool(self.path, request)
        if not path.is_dir():
            raise NotFound(f"{_asked(request)} does not exist or is no folder")
        if request.method == "HEAD":
            return Response(status_code=200)
        inside = sorted(each for each in path.iterdir() if not each.name.startswith(UNFINISHED))
        found, token = page(request, inside, "page_size")
        contents = [_entry(_asked(request), each) for each in found]
        return DatabricksJson({"contents": contents, **({"next_page_token": token} if token else {})})

    async def directories_delete(self, request: Request) -> Response:
        """Remove an empty folder."""
        path = await run_in_threadpool(self.path, request, writes=True)
        if not path.is_dir() or path == self.folder_of(request, True):
            raise NotFound(f"{_asked(request)} does not exist, is no folder, or is the uppermost one")
        try:
            path.rmdir()
        except OSError:
            raise Conflict(f"{_asked(request)} is not empty") from None
        return Response(status_code=204)

    def _path_to_write(self, request: Request) -> Path:
        path = self.path(request, writes=True)
        if request.query_params.get("overwrite", "true").lower() == "false" and path.exists():
            raise AlreadyExists(f"{_asked(request)} exists already")
        return path

    def _keep(self, request: Request, unfinished: Path) -> None:
        """Put an upload in its place, if it may still be there: its folder may have been closed meanwhile."""
        sync_path(unfinished)
        with self.changing(request):
            path = self._path_to_write(request)
            _settle(unfinished, path)

    def _remove(self, request: Request) -> None:
        with self.changing(request):
            path = self.path(request, writes=True)
            if not path.is_file():
                raise NotFound(f"{_asked(request)} does not exist or is no file")
            path.unlink()

    def routes(self, templates: Sequence[str]) -> WorkspaceRoutes:
        """Routes over the folders that the path templates name."""
        routes = WorkspaceRoutes()
        for template in templates:
            file, folder = f"{FILES}{template}/{{rest:path}}", f"{DIRECTORIES}{template}/{{rest:path}}"
            for method, path, handler in (
                ("PUT", file, self.files_put),
                ("POST", file, self.files_initiate_upload),
                ("GET", file, self.files_get),
                ("DELETE", file, self.files_delete),
                ("PUT", folder, self.directories_put),
                ("GET", f"{DIRECTORIES}{template}", self.directories_get),
                ("GET", folder, self.directories_get),
                ("DELETE", folder, self.directories_delete),
            ):
                routes.add(method, path)(handler)
        return routes


def below(folder: Path, rest: str) -> Path:
    """The path below a folder. Raises InvalidInput when it leads out of it, in whatever way."""
    parts = [part for part in rest.split("/") if part]
    if len(rest.encode("utf-8", "replace")) > _LONGEST or any(
        len(part.encode("utf-8", "replace")) > _LONGEST_PART for part in parts
    ):
        raise InvalidInput(f"a path has {_LONGEST} bytes at most, and each part of it {_LONGEST_PART}")
    path = folder.joinpath(*parts)
    if ".." in parts or "\0" in rest or not path.resolve().is_relative_to(folder.resolve()):
        raise InvalidInput(f"{rest[:200]!r} leads out of the folder of its run, model or volume")
    return path


def _unfinished(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise Conflict(f"{folder.name} is a file, or is below one") from None
    return folder / f"{UNFINISHED}{uuid4().hex}"


def _settle(unfinished: Path, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.replace(path)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise Conflict(f"{path.name} is a folder, or is below a file") from None
    sync_path(path.parent)


def _asked(request: Request) -> str:
    return request.url.path.removeprefix(FILES).removeprefix(DIRECTORIES).rstrip("/")


def _entry(folder: str, path: Path) -> dict[str, object]:
    stat = path.stat()
    entry: dict[str, object] = {"path": f"{folder}/{path.name}", "name": path.name, "is_directory": path.is_dir()}
    if not path.is_dir():
        entry |= {"file_size": stat.st_size, "last_modified": int(stat.st_mtime * 1000)}
    return entry
