"""One session of the engine a statement: it knows the tables that the statement was allowed, and no others."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.pandas.types import to_arrow_schema

from quikapp_ml.errors import JobFailed
from quikapp_ml.stores.lake.secrecy import cause, without_keys
from quikapp_ml.stores.lake.spark import SparkCompute, end_session

MOST_BYTES = 1 << 30
"""More than this of an answer is not held in memory."""


class SqlSessions:
    """Opens sessions of the engine behind a Spark Connect URL; of Sail in this process when it is empty."""

    def __init__(self, remote: str = "", most_bytes: int = MOST_BYTES) -> None:
        self._compute = SparkCompute(remote)
        self._most_bytes = most_bytes

    def open(self) -> "SqlEngineSession":
        """A session for one statement. Raises Unavailable when the engine does not answer."""
        return SqlEngineSession(self._compute, self._most_bytes)

    def close(self) -> None:
        """Give the engine back."""
        self._compute.close()


class SqlEngineSession:
    """Runs one statement; `stop` may be called from another thread, and ends it."""

    def __init__(self, compute: SparkCompute, most_bytes: int) -> None:
        self._compute = compute
        self._most_bytes = most_bytes
        self._session: Any = compute.new_session()

    def query(self, sql: str, tables: Mapping[str, str], versions: Mapping[str, int], limit: int | None) -> pa.Table:
        """Rows of a statement that reads: at most as many as the limit. Raises JobFailed with the engine's words."""
        try:
            for name, uri in tables.items():
                self._register(name, self._compute.readable(uri), versions.get(name))
            frame = self._session.sql(sql)
            return self._fetched(frame if limit is None else frame.limit(limit))
        except PySparkException as error:
            raise _failed(error) from cause(error)

    def change(self, sql: str, tables: Mapping[str, str], versions: Mapping[str, int], target: str) -> None:
        """A statement that changes the table of the name `target`. Raises JobFailed with the engine's words."""
        try:
            for name, uri in tables.items():
                place = self._compute.readable(uri)
                if name == target:
                    self._session.sql(f"CREATE TABLE {name} USING delta LOCATION '{place}'")
                else:
                    self._register(name, place, versions.get(name))
            self._session.sql(sql).toArrow()
        except PySparkException as error:
            raise _failed(error) from cause(error)
        finally:
            self._forget(target)

    def stop(self) -> None:
        """End what runs, and the session."""
        try:
            self._session.interruptAll()
            end_session(self._session)
        except PySparkException:
            return

    def _fetched(self, frame: DataFrame) -> pa.Table:
        """As `toArrow`, which would take whatever comes; the client's own way to fetch part by part gives rows only."""
        schema = to_arrow_schema(frame.schema, error_on_duplicated_field_names_in_struct=True)
        plan = frame._plan.to_proto(self._session.client)
        parts: list[pa.Table] = []
        n_bytes = 0
        for part in self._session.client.to_table_as_iterator(plan, {}):
            if isinstance(part, pa.Table):
                parts.append(part)
                n_bytes += part.nbytes
            if n_bytes > self._most_bytes:
                most = f"{self._most_bytes >> 20} MiB"
                raise JobFailed(f"the rows are larger than {most}; ask for fewer, or write them by INSERT INTO a table")
        return pa.concat_tables(parts).cast(schema) if parts else schema.empty_table()

    def _register(self, name: str, place: str, version: int | None) -> None:
        reader = self._session.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        reader.load(place).createOrReplaceTempView(name)

    def _forget(self, target: str) -> None:
        """An engine with one catalog for all sessions would keep the name; the files stay."""
        try:
            self._session.sql(f"DROP TABLE IF EXISTS {target}")
        except PySparkException:
            return


def _failed(error: PySparkException) -> JobFailed:
    return JobFailed(without_keys(str(error))[:2000])
