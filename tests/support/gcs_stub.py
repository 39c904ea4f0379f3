"""The few calls of Google Cloud Storage's XML API that delta-rs and Sail make; no emulator answers them all."""

import hashlib
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

MODIFIED = "Mon, 23 Nov 2026 08:00:00 GMT"


class GcsStub:
    """Objects in memory, by name `/bucket/key`. A write may ask that there is no such object yet, as commits do."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.lock = Lock()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # a head and its body in one packet
    stub = GcsStub()

    def do_PUT(self) -> None:
        name = self._name()
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.stub.lock:
            if source := self.headers.get("x-goog-copy-source"):
                data = self.stub.objects[f"/{unquote(source).lstrip('/')}"]
            if self.headers.get("x-goog-if-generation-match") == "0" and name in self.stub.objects:
                return self._answer(412)
            self.stub.objects[name] = data
        return self._answer(200, headers={"ETag": _etag(data)})

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        if "list-type" in asked:
            return self._list({name: values[0] for name, values in asked.items()})
        data = self.stub.objects.get(self._name())
        if data is None:
            return self._answer(404)
        headers = {"ETag": _etag(data), "Last-Modified": MODIFIED}
        whole = len(data)
        if found := re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", "")):
            first, last = found.groups()
            begin = int(first) if first else max(0, whole - int(last))
            end = min(int(last) + 1, whole) if first and last else whole
            return self._answer(206, data[begin:end], headers | {"Content-Range": f"bytes {begin}-{end - 1}/{whole}"})
        return self._answer(200, data, headers)

    do_HEAD = do_GET  # noqa: N815 the name that the server calls

    def do_DELETE(self) -> None:
        self._answer(204 if self.stub.objects.pop(self._name(), None) is not None else 404)

    def _list(self, asked: dict[str, str]) -> None:
        bucket, prefix, delimiter = f"{self._name()}/", asked.get("prefix", ""), asked.get("delimiter", "")
        with self.stub.lock:
            keys = sorted(name.removeprefix(bucket) for name in self.stub.objects if name.startswith(bucket + prefix))
        below = {key: key.removeprefix(prefix).partition(delimiter) if delimiter else (key, "", "") for key in keys}
        folders = sorted({f"{prefix}{first}{slash}" for first, slash, _ in below.values() if slash})
        start = asked.get("start-after", "")
        files = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-23T08:00:00.000Z</LastModified>"
            f"<Size>{len(self.stub.objects[bucket + key])}</Size><ETag>{_etag(self.stub.objects[bucket + key])}</ETag>"
            "</Contents>"
            for key, (_, slash, _) in below.items()
            if not slash and key > start
        )
        prefixes = "".join(f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in folders)
        self._answer(200, f"<ListBucketResult>{files}{prefixes}</ListBucketResult>".encode())

    def _name(self) -> str:
        return unquote(urlsplit(self.path).path).rstrip("/")

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main() -> None:
    """Answer behind a free port of 127.0.0.1, in a process of its own: delta-rs lists with the interpreter locked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    sys.stdout.write(f"listening on http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


def _etag(data: bytes) -> str:
    return f'"{hashlib.sha256(data).hexdigest()[:32]}"'


if __name__ == "__main__":
    main()
