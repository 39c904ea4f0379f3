"""Labelled texts from files, each text on the same side of a split wherever and whenever it is read."""

import csv
import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from quikapp_ml.errors import InvalidInput, NotFound

HELD_OUT_OF = 5
"""One text in so many is held out."""

csv.field_size_limit(2**30)


@dataclass(frozen=True)
class Labelled:
    """A text and what people called it."""

    label: str
    text: str


def read_labelled(path: Path, label: str = "label") -> list[Labelled]:
    """Rows of a TSV file, plain or .gz, that has the columns `label` and `text`. Raises NotFound and InvalidInput."""
    try:
        with _opened(path) as lines:
            reader = csv.DictReader(lines, delimiter="\t")
            missing = {label, "text"} - set(reader.fieldnames or ())
            if missing:
                raise InvalidInput(f"{path} lacks the column {', '.join(sorted(missing))}; it has {reader.fieldnames}")
            return [Labelled(row[label], row["text"]) for row in reader]
    except FileNotFoundError:
        raise NotFound(f"{path} is missing") from None


def held_out(rows: Sequence[Labelled]) -> tuple[list[Labelled], list[Labelled]]:
    """Four fifths to learn from and one to choose on, decided by a checksum of each text."""
    sides: tuple[list[Labelled], list[Labelled]] = ([], [])
    for row in rows:
        is_out = zlib.crc32(row.text.encode("utf-8", "surrogatepass")) % HELD_OUT_OF == 0
        sides[is_out].append(row)
    return sides


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")
