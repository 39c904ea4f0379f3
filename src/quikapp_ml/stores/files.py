"""Files that must survive a power cut."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Put a small file in its place, whole or not at all, readable by its owner only."""
    unfinished = path.with_name(f"{path.name}.new")
    file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "wb") as out:
        out.write(content)
    sync_path(unfinished)
    unfinished.replace(path)
    sync_path(path.parent)


def sync_path(path: Path) -> None:
    """Fsync a file or a folder."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
