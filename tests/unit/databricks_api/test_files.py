"""The Files API over a tree of folders: whole files or none, and no way out."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from quikapp_ml.databricks_api.files import UNFINISHED, FileTree, below
from quikapp_ml.errors import InvalidInput


@pytest.fixture
def routes(tmp_path: Path) -> Iterator[list[Any]]:
    def folder_of(request: Request, _writes: bool) -> Path:
        folder = tmp_path / str(request.path_params["box"])
        folder.mkdir(exist_ok=True)
        return folder

    yield FileTree(folder_of, lambda _request, path: path.parent).routes(("/Boxes/{box}",))


def test_what_waits_to_be_whole_is_not_listed(routes: list[Any], tmp_path: Path) -> None:
    app = Starlette(routes=routes)

    async def ask() -> list[str]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            assert (await client.put("/api/2.0/fs/files/Boxes/a/deep/b.txt", content=b"words")).status_code == 204
            (tmp_path / "a" / "deep" / f"{UNFINISHED}1").touch()
            told = (await client.get("/api/2.0/fs/directories/Boxes/a/deep")).json()
            assert (await client.delete("/api/2.0/fs/files/Boxes/a/deep/b.txt")).status_code == 204
            (tmp_path / "a" / "deep" / f"{UNFINISHED}1").unlink()
            assert (await client.delete("/api/2.0/fs/directories/Boxes/a/deep")).status_code == 204
            return [each["name"] for each in told["contents"]]

    assert asyncio.run(ask()) == ["b.txt"]
    assert list((tmp_path / "a").iterdir()) == []


@pytest.mark.parametrize("rest", ["..", "a/../../b", "\0", "way/out"])
def test_no_path_leads_out(tmp_path: Path, rest: str) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    (folder / "way").symlink_to(tmp_path)
    with pytest.raises(InvalidInput):
        below(folder, rest)
