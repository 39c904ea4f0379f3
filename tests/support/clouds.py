"""Object stores on this machine: S3 by moto, Azure Blob by Azurite, and a stub of Google Cloud Storage."""

import base64
import hashlib
import hmac
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

import httpx
import orjson

from support import gcs_stub

BUCKET = "lakes"
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The account of every Azurite, by its manual; no secret."""

AZURITE = os.environ.get("TEST_AZURITE", "")
"""The program `azurite-blob`; `scripts/test clouds` fetches it, as it needs Node.js."""

CLOUD_ROOTS = ("s3", "gs", *(("az", "abfss") if AZURITE else ()))
"""The kinds of object store that this session starts."""


@dataclass(frozen=True)
class Cloud:
    """A running object store: where lakes may be, and what an engine's environment must say to reach it."""

    buckets: Mapping[str, str]
    environment: Mapping[str, str]

    def new_root(self, scheme: str) -> str:
        """URL of a lake that nobody else uses."""
        return f"{self.buckets[scheme]}/{uuid.uuid4().hex}"


def start(scheme: str) -> AbstractContextManager[Cloud]:
    """The object store that answers URLs of this scheme."""
    return {"s3": s3, "gs": gcs}[scheme]() if scheme in ("s3", "gs") else azure(AZURITE)


@contextmanager
def s3() -> Iterator[Cloud]:
    """S3 by moto, in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with _running(command, r"Running on (http://127\.0\.0\.1:\d+)") as url:
        httpx.put(f"{url}/{BUCKET}").raise_for_status()
        environment = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "test-key-id",
            "AWS_SECRET_ACCESS_KEY": "test-secret-key",
            "AWS_REGION": "us-east-1",
        }
        yield Cloud({"s3": f"s3://{BUCKET}"}, environment)


@contextmanager
def azure(azurite: str) -> Iterator[Cloud]:
    """Azure Blob storage by the program `azurite-blob`."""
    command = [azurite, "--skipApiVersionCheck", "--inMemoryPersistence", "--silent", "--blobPort", "0"]
    with _running(command, r"successfully listens on (http://\S+)") as url:
        _create_container(url)
        environment = {
            "AZURE_STORAGE_USE_EMULATOR": "true",
            "AZURE_STORAGE_ACCOUNT_NAME": AZURE_ACCOUNT,
            "AZURE_STORAGE_ACCOUNT_KEY": AZURE_KEY,
            "AZURITE_BLOB_STORAGE_URL": url,
        }
        by_account = f"abfss://{BUCKET}@{AZURE_ACCOUNT}.dfs.core.windows.net"
        yield Cloud({"az": f"az://{BUCKET}", "abfss": by_account}, environment)


@contextmanager
def gcs() -> Iterator[Cloud]:
    """The calls of Google Cloud Storage that engines make, in a process of its own."""
    with _running([sys.executable, gcs_stub.__file__], r"listening on (http://\S+)") as url:
        account = {
            "gcs_base_url": url, "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": "",
        }  # fmt: skip
        yield Cloud({"gs": f"gs://{BUCKET}"}, {"GOOGLE_SERVICE_ACCOUNT_KEY": orjson.dumps(account).decode()})


@contextmanager
def _running(command: list[str], listens: str) -> Iterator[str]:
    """Start a server, wait for the line in which it says where it listens, and stop it at the end."""
    with NamedTemporaryFile("r") as log, Path(log.name).open("w") as output:
        # Not a pipe: one that nobody empties would stop it.
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield _told(log, process, listens)
        finally:
            process.kill()  # Azurite would wait for its callers' connections to end
            process.wait(timeout=20)


def _told(log: IO[str], process: "subprocess.Popen[bytes]", listens: str) -> str:
    said = ""
    while not (found := re.search(listens, said)):
        said += log.read()
        assert process.poll() is None, f"{process.args!r} ended before it listened: {said}"
        time.sleep(0.05)
    return found.group(1)


def _create_container(url: str) -> None:
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-12-02"}
    place = f"/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/{BUCKET}"
    told = (f"{name}:{value}" for name, value in headers.items())
    canonical = "\n".join(["PUT", *[""] * 11, *told, place, "restype:container"])
    digest = hmac.new(base64.b64decode(AZURE_KEY), canonical.encode(), hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {AZURE_ACCOUNT}:{base64.b64encode(digest).decode()}"
    httpx.put(f"{url}/{AZURE_ACCOUNT}/{BUCKET}", params={"restype": "container"}, headers=headers).raise_for_status()
