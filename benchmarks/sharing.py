"""Reading a shared table, beside the same files from plain static file servers: scripts/bench sharing --megabytes 1000

`files` fetches every file whole over one connection; for the share that includes asking for the table. `pandas` loads
the table by the official client; beside it, the client's own reader is given the same files' static URLs.
"""

import argparse
import http.client
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

import delta_sharing  # type: ignore[import-untyped]
import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
from delta_sharing.protocol import AddFile  # type: ignore[import-untyped]
from delta_sharing.reader import DeltaSharingReader  # type: ignore[import-untyped]

from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.deltars import DeltaLake

COLUMNS = [f"x{n}" for n in range(16)]
VECTORS = Table(
    "quikapp_ml.bench.vectors",
    pa.schema([(name, pa.float64()) for name in COLUMNS]),
    ("x0",),
    "Numbers that do not compress.",
)
SHARED = "bench.bench.vectors"
READ_BYTES = 1024**2
STARLETTE = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.staticfiles import StaticFiles
app = Starlette()
app.mount("/", StaticFiles(directory=sys.argv[2]))
uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_config=None)
"""
HTTP_SERVER = """
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
class Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), partial(Quiet, directory=sys.argv[2])).serve_forever()
"""


def main() -> None:
    """Measure and print a table, then one line of JSON."""
    options = _options()
    with ExitStack() as closing:
        temporary = tempfile.TemporaryDirectory(prefix="quikapp-bench-", dir=options.folder)
        folder = Path(closing.enter_context(temporary))
        names = _fill(DeltaLake(str(folder / "home" / "lakehouse")), options.megabytes, options.file_megabytes)
        vectors = folder / "home" / "lakehouse" / "bench" / "vectors"
        size = sum((vectors / name).stat().st_size for name in names)
        starlette = closing.enter_context(_static(STARLETTE, vectors))
        stdlib = closing.enter_context(_static(HTTP_SERVER, vectors))
        profile = closing.enter_context(_shared(folder))
        ways: dict[str, dict[str, Callable[[], int]]] = {
            "files": {
                "share": lambda: _fetch(_urls(profile)),
                "starlette": lambda: _fetch([f"{starlette}/{name}" for name in names]),
                "http.server": lambda: _fetch([f"{stdlib}/{name}" for name in names]),
            },
            "pandas": {
                "share": lambda: len(delta_sharing.load_as_pandas(f"{profile}#{SHARED}")),
                "starlette": lambda: len(_load([f"{starlette}/{name}" for name in names])),
            },
        }
        results = [row for way, readers in ways.items() for row in _compare(way, readers, size, options.repeat)]
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    print(json.dumps({"benchmark": "sharing", "bytes": size, "machine": machine, "results": results}))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=100, help="size of the table")
    parser.add_argument("--file-megabytes", type=int, default=25, help="size of each of its files")
    parser.add_argument("--repeat", type=int, default=7, help="how often all are measured, in turn")
    parser.add_argument("--folder", help="where the table is made, and removed again")
    return parser.parse_args()


def _fill(lake: DeltaLake, megabytes: int, file_megabytes: int) -> list[str]:
    lake.ensure(VECTORS)
    random = np.random.default_rng(7)
    n_rows = file_megabytes * 10**6 // (8 * len(COLUMNS))
    for _ in range(max(1, megabytes // file_megabytes)):
        lake.append(VECTORS.name, pa.table({name: random.random(n_rows) for name in COLUMNS}))
    folder = Path(urllib.parse.urlsplit(lake.uri(VECTORS.name)).path)
    return sorted(file.name for file in folder.glob("*.parquet"))


@contextmanager
def _shared(folder: Path) -> Iterator[Path]:
    """Our service with the table shared; the profile of a recipient."""
    port = _free_port()
    environment = {**os.environ, "QUIKAPP_ML_HOME": str(folder / "home"), "PORT": str(port)}
    command = Path(sys.executable).with_name("quikapp-ml")
    profile = folder / "profile.share"
    with _process([str(command), "serve"], environment, port):
        while not _is_ready(f"http://127.0.0.1:{port}/health/ready"):
            time.sleep(0.1)
        for arguments in (
            ("shares", "create", "bench"),
            ("shares", "add-table", "bench", VECTORS.name),
            ("recipients", "create", "reader", "--output", str(profile)),
            ("shares", "grant", "bench", "reader"),
        ):
            subprocess.run([str(command), *arguments], env=environment, check=True, capture_output=True)
        yield profile


@contextmanager
def _static(program: str, folder: Path) -> Iterator[str]:
    port = _free_port()
    with _process([sys.executable, "-c", program, str(port), str(folder)], os.environ, port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _process(command: list[str], environment: Mapping[str, str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


def _urls(profile: Path) -> list[str]:
    told = json.loads(profile.read_bytes())
    table = f"{told['endpoint']}shares/bench/schemas/bench/tables/vectors/query"
    answer = httpx.post(table, json={}, headers={"authorization": f"Bearer {told['bearerToken']}"})
    return [json.loads(line)["file"]["url"] for line in answer.raise_for_status().text.splitlines()[2:]]


def _fetch(urls: list[str]) -> int:
    address = urllib.parse.urlsplit(urls[0])
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    n_bytes = 0
    for url in urls:
        split = urllib.parse.urlsplit(url)
        connection.request("GET", f"{split.path}?{split.query}")
        answer = connection.getresponse()
        if answer.status != 200:
            raise SystemExit(f"{url} answers {answer.status}")
        while part := answer.read(READ_BYTES):
            n_bytes += len(part)
    connection.close()
    return n_bytes


def _load(urls: list[str]) -> pd.DataFrame:
    """What the client does with the files of a table, given other URLs."""
    files = [AddFile(url=url, id=url, partition_values={}, size=0) for url in urls]
    converters = dict.fromkeys(COLUMNS)
    frames = [DeltaSharingReader._to_pandas(file, converters, False, None, False) for file in files]
    return pd.concat(frames, axis=0, ignore_index=True, copy=False)[COLUMNS]


def _compare(way: str, readers: Mapping[str, Callable[[], int]], size: int, repeat: int) -> list[dict[str, Any]]:
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    got = {name: read() for name, read in readers.items()}  # warm: the files are in the page cache now
    if len(set(got.values())) > 1:
        raise SystemExit(f"the readers did not read the same: {got}")
    for _ in range(repeat):
        for name, read in readers.items():
            started = time.perf_counter()
            read()
            seconds[name].append(time.perf_counter() - started)
    rows = []
    for name, measured in seconds.items():
        ratios = sorted(other / mine for mine, other in zip(seconds["share"], measured, strict=True))
        row = {"way": way, "server": name, "mb_s": round(size / 1e6 / median(measured), 1)}
        if name != "share":
            row |= {"share_ratio": round(median(ratios), 3), "low": round(ratios[0], 3), "high": round(ratios[-1], 3)}
        rows.append(row)
        print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    return rows


if __name__ == "__main__":
    main()
