"""Online state in Redis: a hash for each namespace, all of them under one prefix, written by MULTI and EXEC."""

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from threading import Lock
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from quikapp_ml.errors import InvalidInput, StorageFailed
from quikapp_ml.stores.online.base import Changes, OnlineStore
from quikapp_ml.stores.online.remote import Expectation, Patience
from quikapp_ml.stores.remote import address, split_name

logger = logging.getLogger(__name__)

READ_SECONDS = 1.0
WRITE_SECONDS = 5.0
COMMANDS_A_SECOND = 200
"""At least; Redis answers a transaction when all of it is done, and a store that is made again may be millions."""
DOCUMENTS_A_PAGE = 2_000
TRIES = 50
FIELDS_A_COMMAND = 1_000
DEFAULT_PREFIX = "quikapp-ml"
FORM = "redis://[user:password@]host[:port][/number][?prefix=name], or rediss:// for TLS"


class RedisOnlineStore(OnlineStore):
    """One server (7, 6.2 …; not a cluster of several) for all threads of the process.

    Every read also asks, in the same round trip, whether the store still is as this process left it. Writes are
    watched: they happen to the store that was looked at, or not at all.
    """

    def __init__(self, url: str) -> None:
        url, prefix = split_name(url, "prefix", DEFAULT_PREFIX)
        self._where = f"{address(url)} prefix {prefix}"
        # The braces keep all keys of a store in one slot, for proxies that spread them.
        self._meta, self._namespaces = f"{{{prefix}}}:meta", f"{{{prefix}}}:namespaces"
        self._documents = f"{{{prefix}}}:documents:"
        self._patience = Patience(self._where)
        self._expected = Expectation(self._where)
        self._write_lock = Lock()
        self._is_closed = False
        self._url = url
        self._reader, self._writer = _client(url, READ_SECONDS), _client(url, WRITE_SECONDS)
        try:
            with self._storage():
                self._warn_of_forgetting()
        except BaseException:
            self.close()
            raise

    def claim(self, owner: str) -> None:
        """Set the owner unless there is one."""
        with self._storage():
            self._writer.hsetnx(self._meta, "owner", owner)
            found = self._writer.hget(self._meta, "owner")
        self._expected.claim(owner, found.decode())

    def get(self, namespace: str, keys: Sequence[str]) -> list[bytes | None]:
        """One round trip for all keys."""
        self._patience.check()
        if not keys:
            return []
        (found,) = self._read(("HMGET", self._hash(namespace), *map(_encoded, keys)))
        return list(found)

    def items(self, namespace: str) -> Iterator[tuple[str, bytes]]:
        """Page by page; what is written meanwhile may be among them or not. No key comes twice."""
        seen: set[bytes] = set()  # a hash that grows meanwhile may show a field again
        cursor = -1
        while cursor:
            self._patience.check()
            page = ("HSCAN", self._hash(namespace), max(cursor, 0), "COUNT", DOCUMENTS_A_PAGE)
            ((cursor, found),) = self._read(page)
            yield from ((key.decode(), document) for key, document in found.items() if key not in seen)
            seen.update(found)

    def count(self, namespace: str) -> int:
        """Length of the hash."""
        self._patience.check()
        (found,) = self._read(("HLEN", self._hash(namespace)))
        return int(found)

    def write(self, changes: Changes, checkpoint: int | None = None) -> None:
        """One transaction, made whole in memory before anything is sent."""
        commands = [
            command for namespace, documents in changes.items() for command in self._commands(namespace, documents)
        ]
        if checkpoint is not None:
            commands.append(("HSET", self._meta, "checkpoint", checkpoint))
        self._execute(commands, checkpoint)

    def clear(self, keep: Collection[str] = ()) -> None:
        """Delete the hashes that are not to be kept, and the checkpoint; the owner stays."""
        with self._storage():
            gone = sorted(self._writer.smembers(self._namespaces) - set(map(_encoded, keep)))
        commands: list[tuple[Any, ...]] = [("HDEL", self._meta, "checkpoint")]
        if gone:
            hashes = (self._documents.encode() + name for name in gone)
            commands += [("SREM", self._namespaces, *gone), ("UNLINK", *hashes)]
        self._execute(commands, 0)

    @property
    def checkpoint(self) -> int:
        """Sequence number of the spool up to which the documents are complete."""
        (found,) = self._read(("HGET", self._meta, "checkpoint"))
        self._expected.checkpoint = int(found or 0)
        return self._expected.checkpoint

    def answers(self) -> bool:
        """Whether the store can be read now, and is as it was left."""
        try:
            self._read()
        except StorageFailed:
            return False
        return True

    def close(self) -> None:
        """Give the connections back."""
        self._is_closed = True
        self._reader.close()
        self._writer.close()

    def _hash(self, namespace: str) -> bytes:
        return self._documents.encode() + _encoded(namespace)

    def _commands(self, namespace: str, documents: Any) -> Iterator[tuple[Any, ...]]:
        """Commands of many fields each: Redis takes a hundred thousand of them in a fifth of a second."""
        key = self._hash(namespace)
        kept = [(_encoded(field), bytes(memoryview(given))) for field, given in documents.items() if given is not None]
        gone = [_encoded(field) for field, given in documents.items() if given is None]
        if kept:
            yield ("SADD", self._namespaces, _encoded(namespace))
        for some in _chunks(kept):
            yield ("HSET", key, *(part for pair in some for part in pair))
        for names in _chunks(gone):
            yield ("HDEL", key, *names)

    def _read(self, *commands: tuple[Any, ...]) -> list[Any]:
        """The answers to some commands, of a store that is as it was left."""
        check = self._expected.as_of_now()
        with self._storage():
            pipeline = self._reader.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            pipeline.execute_command("HMGET", self._meta, "owner", "checkpoint")
            answers: list[Any] = pipeline.execute()
        check(*_owner_and_checkpoint(answers.pop()))
        return answers

    def _execute(self, commands: Sequence[tuple[Any, ...]], checkpoint: int | None) -> None:
        moving = self._expected.moving_to(checkpoint)
        writer = self._writer_of(len(commands))
        with self._write_lock, moving, self._storage(), writer as client:
            for n_left in reversed(range(TRIES)):
                try:
                    self._try(client, commands)
                    break
                except redis.WatchError:  # another process has moved the checkpoint meanwhile: look, and write again
                    if not n_left:
                        raise

    def _try(self, client: Any, commands: Sequence[tuple[Any, ...]]) -> None:
        """One transaction, if until its end the store is as it was left."""
        with client.pipeline() as pipeline:
            check = self._expected.as_of_now()
            pipeline.watch(self._meta)
            check(*_owner_and_checkpoint(pipeline.execute_command("HMGET", self._meta, "owner", "checkpoint")))
            pipeline.multi()
            for command in commands:
                pipeline.execute_command(*command)
            pipeline.execute()

    @contextmanager
    def _writer_of(self, n_commands: int) -> Iterator[Any]:
        if n_commands <= WRITE_SECONDS * COMMANDS_A_SECOND:
            yield self._writer
            return
        patient = _client(self._url, n_commands / COMMANDS_A_SECOND)
        try:
            yield patient
        finally:
            patient.close()

    def _warn_of_forgetting(self) -> None:
        """Redis forgets by default: say so where it says so."""
        found = {**self._writer.info("persistence"), **self._writer.info("memory")}
        if not int(found.get("aof_enabled", 1)):
            logger.warning(
                "online store %s keeps no append-only file: after a crash of Redis the service must be restarted, and "
                "makes it again from the tables. Set `appendonly yes`, `appendfsync always`.", self._where,
            )  # fmt: skip
        if str(found.get("maxmemory_policy", "noeviction")).startswith("allkeys"):
            logger.warning(
                "online store %s throws keys away when memory is short (%s): answers would forget what happened. Set "
                "`maxmemory-policy noeviction`.", self._where, found["maxmemory_policy"],
            )  # fmt: skip

    @contextmanager
    def _storage(self) -> Iterator[None]:
        """Say what Redis and the network say in the words of our errors."""
        if self._is_closed:
            raise StorageFailed(f"online store {self._where}: it is closed")
        try:
            yield
            self._patience.regain()
        except redis.TimeoutError as error:
            self._patience.lose()
            raise StorageFailed(f"online store {self._where}: {error}") from error
        except redis.RedisError as error:
            raise StorageFailed(f"online store {self._where}: {error}") from error


def _client(url: str, seconds: float) -> Any:
    """A client that gives bytes; `redis` is typed for bytes and text at once, and in part."""
    try:
        client = redis.Redis.from_url(
            url, socket_timeout=seconds, socket_connect_timeout=READ_SECONDS,
            # A connection that a restart of the server has ended is opened again once, and nothing is waited for twice.
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
            decode_responses=False,
        )  # fmt: skip
        client.connection_pool.make_connection()  # connects to nothing, and refuses what no connection can be made of
    except (ValueError, TypeError):  # their messages may show the URL
        raise InvalidInput(f"a Redis URL cannot be read: {FORM}") from None
    return client


def _owner_and_checkpoint(meta: Sequence[bytes | None]) -> tuple[str | None, int]:
    owner, checkpoint = meta
    return owner.decode() if owner else None, int(checkpoint or 0)


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"a key or namespace is not text that can be stored: {error}") from None


def _chunks(given: Sequence[Any]) -> Iterator[list[Any]]:
    rest = iter(given)
    while some := list(islice(rest, FIELDS_A_COMMAND)):
        yield some
