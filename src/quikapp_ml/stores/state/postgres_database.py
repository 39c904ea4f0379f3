"""The control state's database in a schema of a PostgreSQL server."""

import sqlalchemy as sa

from quikapp_ml.stores.postgres import connect as connect_to_server
from quikapp_ml.stores.postgres import read_url
from quikapp_ml.stores.remote import address
from quikapp_ml.stores.state.database import READS_ONLY

_STATEMENT_SECONDS = 3
_POOL_SECONDS = 5


def connect(url: str) -> sa.Engine:
    """What connects to the server when it is used; tables live in the schema that the URL names."""
    given, schema = read_url(url)
    engine = sa.create_engine(
        address(url).replace("postgresql:", "postgresql+psycopg:", 1),  # only shown; connections are made by `creator`
        creator=lambda: connect_to_server(given, _STATEMENT_SECONDS),
        execution_options={"schema_translate_map": {None: schema}},
        pool_pre_ping=True,  # a restart of the server has ended the connections of the pool
        pool_timeout=_POOL_SECONDS,
        hide_parameters=True,
    )
    sa.event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: sa.Connection) -> None:
    """One writer at a time, as in SQLite: what is read first still holds when it is written. Readers see one moment."""
    if connection.get_execution_options().get(READS_ONLY):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return
    schema = connection.get_execution_options()["schema_translate_map"][None]
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext(:schema))"), {"schema": schema})
