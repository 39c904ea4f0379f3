"""The Thrift protocol over HTTP: bytes in, bytes out. Imported by the first client: the protocol's classes are many."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from databricks.sql.thrift_api.TCLIService import TCLIService, ttypes
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TException
from thrift.transport.TTransport import TMemoryBuffer

from quikapp_ml.databricks_api.sql.thrift_handler import ThriftHandler, failed
from quikapp_ml.databricks_api.sql.thrift_sessions import Operation, Sessions
from quikapp_ml.errors import FeatureDisabled, InvalidInput, QuikAppMLError
from quikapp_ml.serving.access import Caller
from quikapp_ml.serving.catalog.unity import UnityCatalog
from quikapp_ml.serving.sql.execution import StatementHost

logger = logging.getLogger(__name__)

WORKERS = 32
"""Clients that wait for their statements at a time; others wait to be heard."""


class ThriftDoor:
    """Answers Thrift requests, over the statements of a service."""

    def __init__(self, host: StatementHost, unity: UnityCatalog) -> None:
        self._host = host
        self._unity = unity
        self._sessions = Sessions(self._forget)
        self.pool = ThreadPoolExecutor(WORKERS, "thrift")

    def answer(self, request: bytes, caller: Caller) -> bytes:
        """One call. Raises InvalidInput for what is none."""
        handler = _Telling(ThriftHandler(self._host, self._unity, self._sessions, caller))
        out = TMemoryBuffer()
        try:
            TCLIService.Processor(handler).process(
                TBinaryProtocol(TMemoryBuffer(request), _MOST_STRING, _MOST_ITEMS), TBinaryProtocol(out)
            )
        except (TException, EOFError, ValueError, TypeError, MemoryError) as error:
            raise InvalidInput(f"the body is no call of the Thrift protocol: {type(error).__name__}") from None
        answer: bytes = out.getvalue()
        return answer

    def _forget(self, operation: Operation) -> None:
        if operation.execution is not None:
            self._host.cancel(operation.execution)
            self._host.close_result(operation.execution)


_MOST_STRING = 16 << 20
_MOST_ITEMS = 100_000


class _Telling:
    """Tells errors of ours in the answers, where clients look for them."""

    def __init__(self, handler: ThriftHandler) -> None:
        self._handler = handler

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._handler, name, None)
        response = getattr(ttypes, f"T{name}Resp")

        def told(req: Any) -> Any:
            try:
                if method is None:
                    raise FeatureDisabled(f"{name} is not available here: ask by SQL, such as SHOW and DESCRIBE")
                return method(req)
            except QuikAppMLError as error:
                return failed(response, error)
            except Exception:
                logger.exception("%s failed", name)
                return failed(response, QuikAppMLError("the service failed; its log says how"))

        return told
