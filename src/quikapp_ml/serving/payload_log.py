"""Inference tables: requests and answers of endpoints that ask for it, through the spool to a Delta table each."""

import logging
import time
from dataclasses import dataclass

import orjson

from quikapp_ml.errors import Unavailable
from quikapp_ml.serving.invocations import Invocation, Scored
from quikapp_ml.serving.privacy import without_addresses
from quikapp_ml.stores.spool.base import Spool

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answered:
    """What is known of one answer besides the answer itself."""

    endpoint: str
    entity: str
    model: str
    version: str
    request_id: str
    latency_ms: float


class PayloadLog:
    """Writes rows without waiting for the disk; an answer never fails because of it. IP addresses are hashed."""

    def __init__(self, spool: Spool, ip_key: bytes) -> None:
        self._spool = spool
        self._ip_key = ip_key

    def record(self, table: str, invocation: Invocation, scored: Scored, answered: Answered) -> None:
        """Write one row down; when that fails it is logged."""
        now = time.time()
        row = {
            "databricks_request_id": answered.request_id,
            "client_request_id": invocation.client_request_id or None,
            "date": time.strftime("%Y-%m-%d", time.gmtime(now)),
            "timestamp_ms": int(now * 1000),
            "status_code": scored.status,
            "execution_time_ms": round(answered.latency_ms),
            "request": self._request(invocation),
            "response": scored.body.decode("utf-8", "replace"),
            "sampling_fraction": 1.0,
            "request_metadata": [
                {"key": "endpoint_name", "value": answered.endpoint},
                {"key": "served_entity_name", "value": answered.entity},
                {"key": "model_name", "value": answered.model},
                {"key": "model_version", "value": answered.version},
            ],
        }
        try:
            self._spool.append(table, [orjson.dumps({name: value for name, value in row.items() if value is not None})])
        except (Unavailable, TypeError, ValueError, RecursionError):
            logger.exception("request %s is missing from %s", answered.request_id, table)

    def _request(self, invocation: Invocation) -> str:
        if invocation.parsed is not None:
            return orjson.dumps(without_addresses(invocation.parsed, self._ip_key)).decode()
        text = invocation.body.decode("utf-8", "replace")
        if not invocation.is_csv:
            return text
        lines = (",".join(without_addresses(line.split(","), self._ip_key)) for line in text.split("\n"))
        return "\n".join(lines)
