"""SQL by `quikapp_ml.connect.sql_connection()`, which is the official `databricks-sql-connector`. Prints JSON."""

import json
from typing import Any

from databricks.sql.exc import ServerOperationError

from quikapp_ml.connect import sql_connection

FEATURES = "quikapp_ml.ml_features.tour_vectors"


def main() -> None:
    with sql_connection() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {FEATURES} (user_id STRING, embedding ARRAY<DOUBLE>) USING DELTA")
        cursor.execute(f"INSERT INTO {FEATURES} VALUES ('user-1', array(0.5D, 1.0D)), ('user-2', NULL)")
        cursor.execute(f"SELECT * FROM {FEATURES} WHERE user_id = :who", {"who": "user-1"})
        row = cursor.fetchone()
        found: dict[str, Any] = {"row": [row.user_id, list(row.embedding)], "described": cursor.description[1][:2]}
        cursor.execute("USE SCHEMA ml_features")
        cursor.execute("SELECT count(*) AS n FROM tour_vectors WHERE user_id <> ?", ["user-1"])
        found["placed"] = cursor.fetchall()[0].n
        cursor.execute("SELECT id FROM range(200000)")
        found["many"] = [len(cursor.fetchmany(1000)), cursor.fetchall_arrow().num_rows]
        cursor.tables(catalog_name="quikapp_ml", schema_name="ml_features")
        found["tables"] = [each.TABLE_NAME for each in cursor.fetchall()]
        try:
            cursor.execute("SELECT * FROM quikapp_ml.bronze.nothing")
        except ServerOperationError as error:
            found["refused"] = str(error)
        cursor.execute(f"DROP TABLE {FEATURES}")
    print(json.dumps(found))  # noqa: T201


main()
