"""How frames look in a segment file: one header line, then the rows, checked by one checksum.

@1 <table> <sequence> <rows> <bytes> <crc32 of the fields before it and of the body>\\n
{"event_id": …}\\n
…
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quikapp_ml.stores.spool.base import Frame

_TABLE = re.compile(r"[a-z0-9_.]{1,200}")
_HEADER = re.compile(rb"@1 ([a-z0-9_.]{1,200}) (\d{1,19}) (\d{1,9}) (\d{1,12}) ([0-9a-f]{8})\n")
MAX_HEADER_BYTES = 300


@dataclass(frozen=True, slots=True)
class Place:
    """Where a frame lies in its segment."""

    sequence: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes between whole frames, or after the last one."""

    offset: int
    length: int


def encode(table: str, sequence: int, rows: Sequence[bytes]) -> bytes:
    """The bytes of one frame. Raises ValueError for what could not be read back as it was given."""
    body = b"\n".join(rows) + b"\n"
    if not _TABLE.fullmatch(table):
        raise ValueError(f"table name {table!r} does not fit a frame: lower case letters, digits, _ and . do")
    if not rows or any(b"\n" in row for row in rows):
        raise ValueError(f"a frame holds one row or more, none with a line feed; {len(rows)} rows were given")
    fields = f"@1 {table} {sequence} {len(rows)} {len(body)}".encode()
    checksum = zlib.crc32(body, zlib.crc32(fields))
    return b"%s %08x\n%s" % (fields, checksum, body)


def decode(raw: bytes | memoryview, offset: int = 0) -> tuple[Frame, int] | None:
    """The frame that begins at the offset and its length, or None when no whole frame does."""
    view = memoryview(raw)
    header = _HEADER.match(bytes(view[offset : offset + MAX_HEADER_BYTES]))
    if header is None:
        return None
    table, sequence, n_rows, n_bytes, checksum = header.groups()
    start = offset + header.end()
    end = start + int(n_bytes)
    if end > len(view):
        return None
    body = bytes(view[start:end])
    if zlib.crc32(body, zlib.crc32(header.group(0)[: header.start(5) - 1])) != int(checksum, 16):
        return None
    return Frame(int(sequence), table.decode(), int(n_rows), body), end - offset


def scan(raw: bytes) -> Iterator[Place | Gap]:
    """Whole frames and what lies between them, in the order of the file; reading goes on behind damage."""
    offset = 0
    while offset < len(raw):
        found = decode(raw, offset)
        if found is None:
            resume = _next_frame(raw, offset + 1)
            yield Gap(offset, resume - offset)
            offset = resume
        else:
            frame, length = found
            yield Place(frame.sequence, offset, length)
            offset += length


def _next_frame(raw: bytes, start: int) -> int:
    for header in _HEADER.finditer(raw, start):
        if decode(raw, header.start()) is not None:
            return header.start()
    return len(raw)
