"""The audit trail: every change is noted beside what was changed, and moved to the audit table exactly once."""

import logging
import threading
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from quikapp_ml.errors import QuikAppMLError
from quikapp_ml.serving.privacy import hash_ip, without_addresses
from quikapp_ml.stores.lake.base import Lake, Transaction
from quikapp_ml.stores.lake.tables import AUDIT
from quikapp_ml.stores.state.audit import AuditEntry, AuditLog

logger = logging.getLogger(__name__)

POLL_SECONDS = 5.0
"""Commands of other processes note their changes, too."""

_LEVEL = "WORKSPACE_LEVEL"
_VERSION = "2.0"
_WORKSPACE_ID = 1


def new_entry(service: str, action: str, user: str, parameters: Mapping[str, str], **more: Any) -> AuditEntry:
    """An entry of now; `more` are further fields of AuditEntry."""
    given: dict[str, Any] = {"status": 200, **more}
    return AuditEntry(str(uuid.uuid4()), datetime.now(UTC), service, action, user, parameters=dict(parameters), **given)


class AuditTrail:
    """Notes changes and brings them to the table, in a thread of its own."""

    def __init__(self, log: AuditLog, lake: Lake, ip_key: bytes) -> None:
        self._log = log
        self._lake = lake
        self._ip_key = ip_key
        self._noted = threading.Event()
        self._closing = threading.Event()
        self._is_failing = False
        self._thread = threading.Thread(target=self._run, name="audit-trail", daemon=True)

    def start(self) -> None:
        """Begin to bring entries to the table."""
        self._thread.start()

    def note(self, entry: AuditEntry, address: str) -> None:
        """Keep an entry with the hash of the address it came from. Raises StorageFailed."""
        hashed = hash_ip(address, self._ip_key) if address else ""
        parameters = without_addresses(entry.parameters, self._ip_key)
        self._log.append(AuditEntry(**{**vars(entry), "source_ip": hashed, "parameters": parameters}))
        self._noted.set()

    def drain(self) -> int:
        """Move what waits to the table and return the number of entries moved. Raises what the stores raise."""
        moved = 0
        writer = f"audit-{self._log.store_id}"
        while waiting := self._log.waiting():
            self._lake.ensure(AUDIT)
            last = waiting[-1][0]
            # A crash between the commit and the forgetting leaves entries that are in the table.
            written = self._lake.transaction_number(AUDIT.name, writer) or 0
            rows = [_row(entry) for number, entry in waiting if number > written]
            if rows:
                self._lake.append(
                    AUDIT.name, pa.Table.from_pylist(rows, schema=AUDIT.columns), Transaction(writer, last)
                )
            self._log.forget(last)
            moved += len(rows)
        return moved

    def close(self) -> None:
        """Move what is left and stop; what cannot be moved waits for the next start."""
        self._closing.set()
        self._noted.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._noted.wait(POLL_SECONDS)
            self._noted.clear()
            self._drain_or_tell()

    def _drain_or_tell(self) -> None:
        try:
            self.drain()
            self._is_failing = False
        except QuikAppMLError as error:
            if not self._is_failing:
                logger.warning("audit entries wait in the control state: %s", error)
            self._is_failing = True
        except Exception:  # the thread must outlive whatever a store raises
            logger.exception("audit entries wait in the control state")


def _row(entry: AuditEntry) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "event_time": entry.at,
        "event_date": entry.at.date(),
        "workspace_id": _WORKSPACE_ID,
        "source_ip_address": entry.source_ip or None,
        "user_agent": entry.user_agent or None,
        "user_identity": {"email": entry.user, "subject_name": None},
        "service_name": entry.service,
        "action_name": entry.action,
        "request_id": entry.request_id or None,
        "request_params": sorted(entry.parameters.items()),
        "response": {"status_code": entry.status, "error_message": entry.error or None, "result": None},
        "audit_level": _LEVEL,
        "event_id": entry.event_id,
    }
