"""From the spool to the tables, every row exactly once, in a thread of its own."""

import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.json

from quikapp_ml.errors import Damaged, StorageFailed
from quikapp_ml.stores.lake.base import Lake, Table, Transaction
from quikapp_ml.stores.spool.base import Frame, Spool

logger = logging.getLogger(__name__)

COMMIT_BYTES = 32 * 1024**2
"""A commit takes about so much of the spool: what waits after an outage does not have to fit into memory."""

COMMITS_BETWEEN_COMPACTIONS = 200
MAX_PAUSE_SECONDS = 30.0


class LakeWriter:
    """Moves frames to tables every `flush_seconds`, and lets `persist` bring the online documents along.

    Each commit carries the spool's name and the number of its newest frame as an application transaction, which tells
    after any crash what the table already has. The spool forgets a frame when the tables and the online documents
    (`persist` returns how far they are) have it. While a store does not answer, frames wait in the spool and attempts
    go on with growing pauses. `find_table` declares tables that nobody knew of when the service started.
    """

    def __init__(
        self,
        spool: Spool,
        lake: Lake,
        tables: Sequence[Table],
        persist: Callable[[], int],
        flush_seconds: float = 1.0,
        find_table: Callable[[str], Table | None] = lambda _: None,
    ) -> None:
        self._spool = spool
        self._lake = lake
        self._tables = {table.name: table for table in tables}
        self._find_table = find_table
        self._persist = persist
        self._flush_seconds = flush_seconds
        self._written: dict[str, int] = {}
        self._reached: dict[str, int] = {}
        """The newest frame that each table was ever seen to have."""
        self._n_commits: Counter[str] = Counter()
        self._position = 0
        """The tables have all frames up to this one. Others may be there, too: `_written` knows."""
        self._checkpoint = 0
        self._last_error: str | None = None
        self._one_flush = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lake-writer", daemon=True)

    def start(self) -> None:
        """Begin to move what waits and what comes. Called before the first event is taken."""
        try:
            self._learn_what_is_written()
        except Exception as error:  # noqa: BLE001 the thread asks again, whatever the store raised
            logger.warning("the tables do not answer yet: %s", error)
        self._thread.start()

    def flush(self) -> int:
        """Move everything that is durable now and return the number of rows. May be called from any thread.

        Raises what the stores raise; nothing is lost then, and the next call begins where this one stopped.
        """
        with self._one_flush:
            try:
                n_rows = self._flush()
            except BaseException as error:  # a panic of delta-rs is no Exception
                self._last_error = f"{type(error).__name__}: {error}"
                self._written.clear()  # a commit that seemed to fail may have been made: the tables know
                raise
            self._last_error = None
            return n_rows

    def close(self) -> None:
        """Move what is left and stop; what cannot be moved stays in the spool."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            self.flush()
        except Exception:  # whatever a store raises, the others must still be closed
            logger.exception("the spool keeps what could not be moved to the tables")

    @property
    def lag_frames(self) -> int:
        """About how many frames wait for the tables."""
        return self._spool.last_sequence - self._position if self._spool.pending_bytes else 0

    @property
    def last_error(self) -> str | None:
        """Why the last attempt failed; None when it did not."""
        return self._last_error

    def _run(self) -> None:
        pause = self._flush_seconds
        while not self._stopping.wait(pause):
            try:
                self.flush()
                pause = self._flush_seconds
            except BaseException as error:  # noqa: BLE001 the thread must outlive whatever a store raises, panics too
                pause = min(2 * pause, MAX_PAUSE_SECONDS)
                logger.warning("rows wait in the spool, next attempt in %.0f s: %s", pause, error)

    def _flush(self) -> int:
        try:
            self._checkpoint = self._persist()
        finally:  # the tables do not wait for the online store
            self._learn_what_is_written()
            n_rows = sum(self._commit(frames) for frames in _batches(self._spool.read(self._position)))
        self._release()
        return n_rows

    def _commit(self, frames: Sequence[Frame]) -> int:
        by_table: dict[str, list[Frame]] = defaultdict(list)
        for frame in frames:
            by_table[frame.table].append(frame)
        n_rows = sum(self._append(name, of_table) for name, of_table in by_table.items())
        self._position = frames[-1].sequence
        self._release()
        return n_rows

    def _release(self) -> None:
        self._spool.release(min(self._position, self._checkpoint))

    def _learn_what_is_written(self) -> None:
        if self._written:
            return
        written = {}
        for name, table in self._tables.items():
            written[name] = self._learn(table)
        newest = max(written.values(), default=0)
        if not newest:
            self._warn_of_lost_tables()
        self._spool.skip_to(newest)
        self._written = written

    def _warn_of_lost_tables(self) -> None:
        """The spool forgets only what the tables have: where they have nothing, and it forgot, they are others."""
        oldest = next(iter(self._spool.read(0)), None)
        n_forgotten = (oldest.sequence - 1) if oldest else self._spool.last_sequence
        if n_forgotten:
            logger.warning(
                "the tables are new, and have none of %d frames that this home moved to tables before: if a volume is "
                "not mounted, stop the service, and mount it",
                n_forgotten,
            )

    def _learn(self, table: Table) -> int:
        """Number of the newest frame that the table has. Only a table that was never seen is made.

        One that was there and is not, as when a volume is away for a while, is waited for: rows in a new one would be
        found by nobody once the old one is back.
        """
        name = table.name
        reached = self._reached.get(name)
        if reached is None:
            self._lake.ensure(table)
        number = self._lake.transaction_number(name, self._spool.writer_id) or 0
        if reached is not None and number < reached:
            raise StorageFailed(
                f"table {name} has frames up to {number}, it had them up to {reached}: put the tables back, or restart "
                "the service to go on without the rows that are gone"
            )
        self._reached[name] = number
        return number

    def _append(self, name: str, frames: Sequence[Frame]) -> int:
        if name not in self._tables:
            self._add_table(name)
        new = [frame for frame in frames if frame.sequence > self._written[name]]
        if not new:
            return 0
        rows = arrow_rows(new, self._tables[name].columns)
        self._lake.append(name, rows, Transaction(self._spool.writer_id, new[-1].sequence))
        self._written[name] = self._reached[name] = new[-1].sequence
        self._compact_sometimes(name)
        return int(rows.num_rows)

    def _add_table(self, name: str) -> None:
        table = self._find_table(name)
        if table is None:
            raise Damaged(f"the spool holds rows of {name}, which is none of {', '.join(self._tables)}")
        self._written[name] = self._learn(table)
        self._tables[name] = table

    def _compact_sometimes(self, name: str) -> None:
        self._n_commits[name] += 1
        if self._n_commits[name] % COMMITS_BETWEEN_COMPACTIONS:
            return
        try:
            self._lake.compact(name)
        except Exception as error:  # noqa: BLE001 small files are slower, not wrong
            logger.warning("table %s could not be compacted: %s", name, error)


def arrow_rows(frames: Sequence[Frame], columns: pa.Schema) -> pa.Table:
    """The rows of frames of one table. Raises Damaged when they do not fit the columns."""
    body = b"".join(frame.body for frame in frames)
    readable = pa.schema([pa.field(column.name, _readable(column.type)) for column in columns])
    try:
        rows = pyarrow.json.read_json(
            pa.BufferReader(body),
            read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(body) + 1),
            parse_options=pyarrow.json.ParseOptions(explicit_schema=readable, unexpected_field_behavior="error"),
        )
        return rows if readable == columns else _converted(rows, columns)
    except pa.ArrowInvalid as error:
        raise Damaged(
            f"frames {frames[0].sequence} to {frames[-1].sequence} do not fit {frames[0].table}: {error}"
        ) from error


def _readable(kind: pa.DataType) -> pa.DataType:
    """What Arrow's JSON reader can read for a type: entries for a map, a time for a date."""
    if pa.types.is_map(kind):
        return pa.list_(pa.struct([pa.field("key", kind.key_type, nullable=False), pa.field("value", kind.item_type)]))
    return pa.timestamp("s") if pa.types.is_date32(kind) else kind


def _converted(rows: pa.Table, columns: pa.Schema) -> pa.Table:
    """What was read, in the types of the columns; Arrow casts no lists to maps."""
    arrays = [
        pa.array([_pairs(value) for value in rows[column.name].to_pylist()], column.type)
        if pa.types.is_map(column.type)
        else rows[column.name].cast(column.type)
        for column in columns
    ]
    return pa.table(arrays, schema=columns)


def _pairs(entries: list[dict[str, object]] | None) -> list[tuple[object, object]] | None:
    return None if entries is None else [(entry["key"], entry["value"]) for entry in entries]


def _batches(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    batch: list[Frame] = []
    n_bytes = 0
    for frame in frames:
        batch.append(frame)
        n_bytes += len(frame.body)
        if n_bytes >= COMMIT_BYTES:
            yield batch
            batch, n_bytes = [], 0
    if batch:
        yield batch
