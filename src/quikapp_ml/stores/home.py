"""The folder that holds all state of one service: who owns it, where it answers, its secret."""

import fcntl
import os
import secrets
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import orjson

from quikapp_ml.errors import Damaged, HomeInUse, StorageFailed
from quikapp_ml.stores.files import write_whole

SECRET_BYTES = 32
LOCK_TRIES = 5
LOCK_PAUSE_SECONDS = 0.05
"""Somebody who only looks whether a service is running holds the lock for a moment, too."""


@dataclass(frozen=True)
class RunningService:
    """The service that owns a home; `url` is empty until it listens."""

    pid: int
    url: str = ""


class Home:
    """A folder that one service owns at a time.

    Made with mode 0700 when it does not exist. Raises StorageFailed when it cannot be made or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._lock: int | None = None
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path) as probe:
                probe.write(b"x")  # asking for permissions would not notice a read-only or a full disk
        except OSError as error:
            raise StorageFailed(
                f"the home {self.path} cannot be written: {error.strerror}. Make it writable and give it room, or set "
                "QUIKAPP_ML_HOME to another folder.",
                retry_after_seconds=30,
            ) from error

    # --- one owner

    def lock(self) -> None:
        """Own the home until `unlock` or the end of this process, however it ends. Raises HomeInUse."""
        file = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(LOCK_TRIES):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(LOCK_PAUSE_SECONDS)
        else:
            os.close(file)
            raise self._in_use()
        self._lock = file
        self._write("service.json", orjson.dumps(RunningService(os.getpid())))

    def _in_use(self) -> HomeInUse:
        owner = self._named_owner()
        who = f"process {owner.pid}" if owner else "another process"
        where = f", which answers at {owner.url}" if owner and owner.url else ""
        return HomeInUse(
            f"the home {self.path} is in use by {who}{where}. Stop it, or set QUIKAPP_ML_HOME to another folder."
        )

    def announce(self, url: str) -> None:
        """Let others find the service that owns this home. Only its owner may."""
        if self._lock is None:
            raise HomeInUse(f"the home {self.path} is not locked by this process")
        self._write("service.json", orjson.dumps(RunningService(os.getpid(), url)))

    def running(self) -> RunningService | None:
        """The service that owns this home now; None when nobody does."""
        if self._lock is None and not self._is_locked():
            return None
        return self._named_owner()

    def unlock(self) -> None:
        """Give the home back."""
        if self._lock is not None:
            (self.path / "service.json").unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def _is_locked(self) -> bool:
        try:
            file = os.open(self.path / "lock", os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False

    def _named_owner(self) -> RunningService | None:
        try:
            return RunningService(**orjson.loads((self.path / "service.json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return None  # it has only just locked the home, or is just leaving it

    # --- its name and its secret

    def identity(self) -> str:
        """Name of this home for stores outside it, made on first use (file `id`)."""
        path = self.path / "id"
        try:
            if not path.exists():
                self._write("id", f"home-{uuid.uuid4()}\n".encode())
            name = path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise StorageFailed(f"{path} cannot be read: {error}") from error
        if not name:
            raise Damaged(f"{path} is empty: put the name of this home back, as its online store knows it (`owner`)")
        return name

    def secret(self) -> bytes:
        """32 random bytes that never leave this home, made on first use (file `secret`, mode 0600).

        Raises Damaged when the file is not what was written: a new secret would hash the same addresses differently.
        """
        path = self.path / "secret"
        try:
            if not path.exists():
                self._write("secret", secrets.token_bytes(SECRET_BYTES))
            secret = path.read_bytes()
        except OSError as error:
            raise StorageFailed(f"{path} cannot be read: {error.strerror}") from error
        if len(secret) != SECRET_BYTES:
            raise Damaged(
                f"{path} holds {len(secret)} bytes instead of {SECRET_BYTES}: put the right ones back, or delete it to "
                "begin anew (IP addresses seen before will then look like new ones)"
            )
        return secret

    def _write(self, name: str, content: bytes) -> None:
        try:
            write_whole(self.path / name, content)
        except OSError as error:
            raise StorageFailed(f"{self.path / name} cannot be written: {error.strerror}") from error
