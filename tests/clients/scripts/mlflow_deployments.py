"""mlflow.deployments, as its users write it."""

import json
import time
from typing import Any

from mlflow.deployments import get_deploy_client

client = get_deploy_client("databricks")
NAME = "spam-of-ours"


def settled() -> dict[str, Any]:
    for _ in range(200):
        found = client.get_endpoint(NAME)
        if found["state"]["config_update"] != "IN_PROGRESS":
            return dict(found)
        time.sleep(0.05)
    raise TimeoutError(NAME)


entity = {"name": "s", "entity_name": "sentiment-bert", "entity_version": "1", "workload_size": "Small"}
told: dict[str, Any] = {"names": [each["name"] for each in client.list_endpoints()]}
told["created"] = client.create_endpoint(
    config={"name": NAME, "config": {"served_entities": [{**entity, "scale_to_zero_enabled": True}]}}
)
told["settled"] = settled()
told["predicted"] = client.predict(endpoint=NAME, inputs={"dataframe_records": [{"content": "This is great!"}]})
told["tags"] = client.update_endpoint_tags(NAME, {"add_tags": [{"key": "team", "value": "trust"}]})
client.update_endpoint_config(NAME, {"served_entities": [{**entity, "name": "t"}]})
told["updated"] = settled()
told["built_in"] = client.predict(
    endpoint="quikapp-spam", inputs={"dataframe_records": [{"user_id": "u", "content": "Free money, click now!"}]}
)
client.delete_endpoint(NAME)
told["left"] = [each["name"] for each in client.list_endpoints()]
print(json.dumps(told))  # noqa: T201
