"""The line of the product's documentation, as it stands there."""

import json
import os

import requests

DATABRICKS_HOST, DATABRICKS_TOKEN = os.environ["DATABRICKS_HOST"], os.environ["DATABRICKS_TOKEN"]

predictions = requests.post(
    f"{DATABRICKS_HOST}/serving-endpoints/quikapp-recommendations/invocations",
    headers={"Authorization": f"Bearer {DATABRICKS_TOKEN}"},
    json={"dataframe_records": [{"user_id": "user-123", "context_features": [0.1, 0.2]}]},
).json()["predictions"]

print(json.dumps({"predictions": predictions}))  # noqa: T201
