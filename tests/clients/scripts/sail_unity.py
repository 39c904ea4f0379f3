"""What Sail does over Unity Catalog by the client that is built into it. Prints JSON."""

import json
import os
import sys

# Sail would take both for its own settings, of which the host has the whole path
host, token = os.environ.pop("DATABRICKS_HOST"), os.environ.pop("DATABRICKS_TOKEN")
CATALOG = 'type="unity",name="quikapp_ml",default_catalog="quikapp_ml"'
os.environ["SAIL_CATALOG__LIST"] = f'[{{{CATALOG},token="{token}",uri="{host}/api/2.1/unity-catalog"}}]'

from pysail.spark import SparkConnectServer  # noqa: E402  it reads the environment when it is imported
from pyspark.sql.connect.session import SparkSession  # noqa: E402


def main() -> None:
    """Called with the URL of a folder outside the home: a managed and an external table, written and read."""
    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    session = SparkSession.builder.remote("sc://{}:{}".format(*server.listening_address)).create()
    session.sql("CREATE SCHEMA IF NOT EXISTS sailed")
    session.sql("CREATE TABLE sailed.numbers (n BIGINT, word STRING) USING delta")
    session.sql("INSERT INTO sailed.numbers VALUES (1, 'one'), (2, 'two')")
    session.sql(f"CREATE TABLE sailed.outside (n BIGINT) USING delta LOCATION '{sys.argv[1]}'")
    session.sql("INSERT INTO quikapp_ml.sailed.outside SELECT n * 10 FROM sailed.numbers")
    found = {
        "managed": session.sql("SELECT * FROM quikapp_ml.sailed.numbers ORDER BY n").toArrow().to_pylist(),
        "external": session.sql("SELECT sum(n) AS s FROM sailed.outside").toArrow().to_pylist(),
        "events": session.sql("SELECT count(*) > 0 AS some FROM bronze.events").toArrow().to_pylist(),
        "tables": sorted(each["tableName"] for each in session.sql("SHOW TABLES IN sailed").toArrow().to_pylist()),
    }
    session.stop()
    server.stop()
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main()
