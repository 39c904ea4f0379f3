"""A lake that is shared, at a time of our own, and what a recipient does over HTTP."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import orjson
import pyarrow as pa
from fastapi import FastAPI

from quikapp_ml.databricks_api.sharing.door import SharingDoor
from quikapp_ml.databricks_api.sharing.file_urls import FileUrls
from quikapp_ml.databricks_api.sharing.management import NewTable, Sharing
from quikapp_ml.databricks_api.sharing.routes import router
from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.deltars import DeltaLake
from quikapp_ml.stores.state.base import ControlState
from quikapp_ml.stores.state.memory import MemoryControlState
from support.server import Server

VISITS = Table(
    "quikapp_ml.web.visits",
    pa.schema([("id", pa.int64()), ("day", pa.date32()), ("page", pa.string())]),
    ("id",),
    "A page a visit, a file a day.",
    partition_by=("day",),
)
TABLE = "/shares/sales/schemas/web/tables/visits"
SECRETS = Table("quikapp_ml.web.secrets", pa.schema([("secret", pa.string())]), ("secret",), "Never shared.")


@dataclass
class Clock:
    now: float = datetime(2026, 11, 23, tzinfo=UTC).timestamp()

    def __call__(self) -> float:
        return self.now


@dataclass
class House:
    """A lake, a control state and a door, at a time of our own."""

    lake: DeltaLake
    state: ControlState = field(default_factory=MemoryControlState)
    clock: Clock = field(default_factory=Clock)
    url: str = ""
    closing: ExitStack = field(default_factory=ExitStack)

    @property
    def sharing(self) -> Sharing:
        return Sharing(self.state.shares, self.state.recipients, self.lake, self.clock)

    def door(self) -> SharingDoor:
        urls = FileUrls(b"secret of a home", self.clock)
        return SharingDoor(self.state.shares, self.state.recipients, self.lake, urls, self.clock)

    def folder(self, table: Table) -> Path:
        """Where a table lies."""
        return Path(unquote(urlsplit(self.lake.uri(table.name)).path))

    def visit(self, *ids: int) -> int:
        """Append visits, id 3 on the third of January; each id also names its page."""
        rows = [{"id": each, "day": date(2021, 1, 1 + each % 28), "page": f"page {each}"} for each in ids]
        return self.lake.append(VISITS.name, pa.Table.from_pylist(rows, VISITS.columns))

    def share(self, name: str = "sales", **new: Any) -> None:
        self.sharing.create_share(name, "owner")
        self.sharing.add_table(name, NewTable(VISITS.name, **new), "owner")

    def reader(self, name: str = "acme", *shares: str, days: int | None = 90) -> "Reader":
        issued = self.sharing.create_recipient(name, "owner", None if days is None else timedelta(days=days))
        for share in shares or ("sales",):
            self.state.shares.change_grants(share, [name], [])
        return self.holder(issued.text)

    def holder(self, token: str) -> "Reader":
        """Somebody who has this token."""
        reader = Reader(self.url, token)
        self.closing.callback(reader.http.close)
        return reader


class Reader:
    """What a recipient does, over HTTP."""

    def __init__(self, url: str, token: str) -> None:
        self.token = token
        self.http = httpx.Client(base_url=f"{url}/delta-sharing", headers={"authorization": f"Bearer {token}"})

    def get(self, path: str, **parameters: Any) -> httpx.Response:
        return self.http.get(path, params=parameters)

    def query(self, table: str = TABLE, /, **question: Any) -> httpx.Response:
        return self.http.post(f"{table}/query", json=question)

    def files(self, **question: Any) -> list[dict[str, Any]]:
        """The files that a query names."""
        return [line["file"] for line in lines(self.query(**question))[2:]]


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson; charset=utf-8"
    return [orjson.loads(line) for line in answer.content.splitlines()]


@contextmanager
def open_house(folder: Path) -> Iterator[House]:
    """A house with two tables, of which none is shared yet, behind a real server."""
    lake = DeltaLake(str(folder))
    lake.ensure(VISITS)
    lake.ensure(SECRETS)
    lake.append(SECRETS.name, pa.table({"secret": ["hidden"]}))
    house = House(lake)
    app = FastAPI()
    app.include_router(router)
    app.state.service = SimpleNamespace(lake=lake, state=house.state)
    app.state.sharing_door = house.door()
    with Server(app).running() as port, house.closing:
        house.url = f"http://127.0.0.1:{port}"
        yield house
