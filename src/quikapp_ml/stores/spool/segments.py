"""The files of the spool: opened after a crash, read back, begun, taken away."""

import logging
import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path

from quikapp_ml.errors import StorageFailed
from quikapp_ml.stores.files import sync_path
from quikapp_ml.stores.spool.base import Damage, Frame
from quikapp_ml.stores.spool.frames import Gap, Place, decode, scan

logger = logging.getLogger(__name__)

SUFFIX = ".spool"


@dataclass
class Segment:
    """One append-only file; its name is the first number that it may hold."""

    path: Path
    last: int
    """Number of its newest frame; while it has none, the number before its first."""
    size: int = 0
    places: list[Place] = field(default_factory=list)
    """Its frames that are not yet released, in order."""
    n_torn_bytes: int = 0
    """Bytes at its end that are no frame; nothing is written behind them."""

    @property
    def first(self) -> int:
        """The first number that it may hold."""
        return int(self.path.stem)

    def add(self, sequence: int, length: int) -> None:
        """Note the frame that was written at its end."""
        self.places.append(Place(sequence, self.size, length))
        self.last = sequence
        self.size += length

    def forget(self, through: int) -> int:
        """Release the frames up to the number and return how many bytes they are."""
        n_released = bisect_right(self.places, through, key=attrgetter("sequence"))
        n_bytes = sum(place.length for place in self.places[:n_released])
        del self.places[:n_released]
        return n_bytes


def begin(folder: Path, first: int, *, is_named_durably: bool = True) -> tuple[Segment, int]:
    """Create the segment whose first frame will have the number; its name survives a power cut, unless told not to."""
    path = folder / f"{first:020d}{SUFFIX}"
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    if is_named_durably:
        try:
            sync_path(folder)
        except OSError:
            os.close(file)
            raise
    return Segment(path, last=first - 1), file


def recover(folder: Path) -> tuple[list[Segment], list[Damage]]:
    """All segments of the folder with their whole frames, on the disk; what is no frame is kept aside, too."""
    segments, damages = [], []
    for path in sorted(folder.glob("[0-9]" * 20 + SUFFIX)):
        segment = Segment(path, last=int(path.stem) - 1)
        raw = path.read_bytes()
        for part in scan(raw):
            if isinstance(part, Place):
                segment.places.append(part)
                segment.last = part.sequence
                segment.n_torn_bytes = 0
            else:
                damages.append(_keep_damage(path, raw, part))
                segment.n_torn_bytes = part.length
        segment.size = len(raw)
        sync_path(path)  # a killed process leaves frames in the kernel's cache only
        segments.append(segment)
    return segments, damages


def _keep_damage(path: Path, raw: bytes, gap: Gap) -> Damage:
    kept = path.parent / "damaged" / f"{path.stem}-{gap.offset}-{gap.length}.bytes"
    kept.parent.mkdir(mode=0o700, exist_ok=True)
    kept.write_bytes(raw[gap.offset : gap.offset + gap.length])
    sync_path(kept)
    logger.error(
        "spool segment %s: %d bytes at %d are not a whole frame: either a write that a crash cut short, which was "
        "never acknowledged, or damage. They are kept in %s; all whole frames are used.",
        path.name, gap.length, gap.offset, kept,
    )  # fmt: skip
    return Damage(path.name, gap.offset, gap.length, str(kept))


def read_frames(path: Path, places: list[Place]) -> Iterator[Frame]:
    """The frames at these places. Raises StorageFailed when the disk no longer gives what it took."""
    try:
        with path.open("rb") as file:
            for place in places:
                file.seek(place.offset)
                found = decode(file.read(place.length))
                if found is None:
                    raise StorageFailed(f"frame {place.sequence} of {path} cannot be read back; restart the service")
                yield found[0]
    except OSError as error:
        raise StorageFailed(f"spool segment {path} cannot be read: {error.strerror}") from error
