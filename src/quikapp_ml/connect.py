"""One way to everything that the settings name, for scripts, notebooks and consoles.

The same script runs on a laptop and on Databricks: only environment variables differ (docs/settings.md).
"""

from functools import cache
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config

from quikapp_ml.bootstrap import open_model_registry
from quikapp_ml.errors import InvalidInput, NotFound, Unavailable
from quikapp_ml.feature_store import FeatureStoreClient, open_feature_store
from quikapp_ml.serving.local_token import read_local_token
from quikapp_ml.settings import Settings
from quikapp_ml.stores.home import Home
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.spark import SparkCompute
from quikapp_ml.stores.online import open_online_store

ANSWER_SECONDS = 10
RETRY_SECONDS = 30
SQL_SECONDS = 600
"""How long an answer of a warehouse is waited for: it may have to start."""


def feature_store(settings: Settings | None = None) -> Any:
    """The feature store of FEATURE_STORE_URI: ours over the tables, engine, registry and online store of the settings.

    Raises InvalidInput when the URI names Databricks' own and this is no Databricks cluster.
    """
    chosen = settings or Settings.from_environment()
    return open_feature_store(chosen.feature_store_uri, lambda: _ours(chosen))


def spark(settings: Settings | None = None) -> Any:
    """A session of the engine of SPARK_REMOTE; Sail in this process when it is empty."""
    return _engine((settings or Settings.from_environment()).spark_remote).session()


def workspace_client(settings: Settings | None = None) -> WorkspaceClient:
    """The official client of DATABRICKS_HOST; of the service that runs in this home when the host is empty.

    Raises Unavailable when no service runs, NotFound when it has made no token yet.
    """
    chosen = settings or Settings.from_environment()
    host, token = chosen.databricks_host, chosen.databricks_token.get_secret_value()
    if not host:
        running = Home(chosen.home).running()
        if running is None or not running.url:
            raise Unavailable(
                f"no service runs in {chosen.home}; start it (quikapp-ml serve), or set DATABRICKS_HOST and "
                "DATABRICKS_TOKEN to a workspace"
            )
        host, token = running.url, read_local_token(chosen.home)
    return WorkspaceClient(
        config=Config(
            host=host,
            token=token,
            auth_type="pat",
            http_timeout_seconds=ANSWER_SECONDS,
            retry_timeout_seconds=RETRY_SECONDS,
        )
    )


def sql_connection(settings: Settings | None = None, http_path: str = "") -> Any:
    """A DB-API connection of `databricks-sql-connector` to a warehouse of DATABRICKS_HOST, or of the service here.

    Without `http_path` (`/sql/1.0/warehouses/…`) the workspace's first warehouse is asked for. Raises Unavailable and
    NotFound as `workspace_client` does, NotFound without a warehouse, InvalidInput without the connector.
    """
    try:
        connector = import_module("databricks.sql")
    except ModuleNotFoundError:
        raise InvalidInput("SQL by Thrift needs the official connector: pip install 'quikapp-ml[sql]'") from None
    client = workspace_client(settings)
    path = http_path or _first_warehouse(client)
    return connector.connect(access_token=client.config.token, **sql_address(str(client.config.host), path))


def sql_address(host: str, http_path: str) -> dict[str, Any]:
    """What the connector needs to be told of a warehouse: it takes every host for one that speaks TLS."""
    url = urlsplit(host if "://" in host else f"https://{host}")
    path = f"/{http_path.strip('/')}"
    address = {"server_hostname": url.hostname or "", "http_path": path, "_socket_timeout": SQL_SECONDS}
    if url.scheme == "http":
        address["_connection_uri"] = f"http://{url.netloc}{path}"
    elif url.port:
        address["_port"] = url.port
    return {**address, "enable_telemetry": False}


def _first_warehouse(client: WorkspaceClient) -> str:
    for warehouse in client.warehouses.list():
        if warehouse.odbc_params and warehouse.odbc_params.path:
            return warehouse.odbc_params.path
    raise NotFound(f"{client.config.host} has no SQL warehouse that this token may see; name one by http_path")


@cache
def _engine(remote: str) -> SparkCompute:
    """One engine a process: it lives as long as the sessions that were given away."""
    return SparkCompute(remote)


def _ours(settings: Settings) -> FeatureStoreClient:
    return FeatureStoreClient(
        open_lake(settings.lake_path),
        SparkCompute(settings.spark_remote),
        registry=open_model_registry(settings),
        online=open_online_store(settings.online_url),
    )
