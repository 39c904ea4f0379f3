"""The decision ledger: every answer, as it was given and from what, on its way to the table `decisions`."""

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Any

import orjson

from quikapp_ml.entities.decisions import Decision
from quikapp_ml.errors import Unavailable
from quikapp_ml.experiments.assignment import position
from quikapp_ml.serving.access import LOCAL
from quikapp_ml.serving.ledger_packing import Pools
from quikapp_ml.serving.privacy import json_without_addresses
from quikapp_ml.stores.lake.tables import DECISIONS, EVENTS
from quikapp_ml.stores.spool.base import Spool

logger = logging.getLogger(__name__)

REMEMBERED = 50_000
_endpoint: ContextVar[str | None] = ContextVar("endpoint", default=None)
_asker: ContextVar[str] = ContextVar("asker", default=LOCAL)


class Inputs(StrEnum):
    """What the ledger has of the inputs of a decision."""

    KEPT = "kept"
    HASHED = "addresses_hashed"
    """IP addresses in them are hashes, so an answer that hung on one cannot be had again."""
    SAMPLED_OUT = "sampled_out"
    """The row is there, its inputs are not: the setting of the sampling says so."""


class DecisionLedger:
    """Writes decisions to the spool without waiting for the disk. An answer never fails because of it.

    IP addresses are hashed with `ip_key` before anything is written. `clock` gives seconds since 1970. `sampling` has
    the share of decisions of a kind that keep their inputs; all do where it says nothing. Any thread may record.
    """

    def __init__(
        self,
        spool: Spool,
        ip_key: bytes,
        clock: Callable[[], float] = time.time,
        sampling: Mapping[str, float] | None = None,
    ) -> None:
        self._spool = spool
        self._ip_key = ip_key
        self._clock = clock
        self._sampling = sampling or {}
        self._lock = threading.Lock()
        self._remembered: dict[str, None] = {}
        self._last_ms = self._forgotten_ms = int(clock() * 1000)
        self._n_recorded = 0
        self._n_lost = 0

    def new_decision_id(self) -> str:
        """A UUID of version 7: ids sort by the time at which they were made."""
        with self._lock:
            self._last_ms = max(self._last_ms, int(self._clock() * 1000))
            return time_ordered_id(self._last_ms)

    def record(self, decision: Decision) -> None:
        """Write the decision down. When that fails it is logged and counted in `lost`."""
        try:
            self._spool.append(DECISIONS.name, [self._row(decision)])
            is_lost = False
        except (Unavailable, TypeError, ValueError, RecursionError):
            logger.exception("decision %s could not be written down", decision.decision_id)
            is_lost = True
        with self._lock:
            self._n_lost += is_lost
            self._n_recorded += not is_lost
            self._remember(decision.decision_id)

    def was_made(self, decision_id: str) -> bool | None:
        """Whether an answer with this id was given; None when it would be too long ago to be remembered.

        The newest 50,000 decisions since the start of this process are remembered. Older ones are in the lake only.
        """
        made_ms = made_at_ms(decision_id)
        with self._lock:
            if decision_id in self._remembered:
                return True
            if made_ms is None or made_ms > self._forgotten_ms:
                return False
            return None

    @property
    def recorded(self) -> int:
        """Decisions written down since the start."""
        return self._n_recorded

    @property
    def lost(self) -> int:
        """Decisions that could not be written down since the start."""
        return self._n_lost

    def _remember(self, decision_id: str) -> None:
        self._remembered[decision_id] = None
        if len(self._remembered) > REMEMBERED:
            oldest = next(iter(self._remembered))
            del self._remembered[oldest]
            self._forgotten_ms = max(self._forgotten_ms, made_at_ms(oldest) or 0)

    def _row(self, decision: Decision) -> bytes:
        columns = {
            "decision_id": decision.decision_id,
            "kind": decision.kind,
            "decided_at": datetime.fromtimestamp(self._clock(), UTC),
            "user_id": decision.user_id,
            "asked_by": _asker.get(),
            "model_name": decision.model.name,
            "model_version": decision.model.version,
            "model_number": decision.model_number,
            "model_alias": decision.model_alias,
            "policy_version": decision.policy_version,
            "endpoint": decision.endpoint or _endpoint.get(),
            "degraded": decision.degraded,
            "experiment": decision.experiment,
            "unit": decision.unit,
            "variant": decision.variant,
            "propensity": decision.propensity,
            "assignment": decision.assignment,
            "answer": json_text(decision.answer),
            "latency_ms": decision.latency_ms,
            **self._inputs(decision),
        }
        return orjson.dumps({k: v for k, v in columns.items() if v is not None}, option=orjson.OPT_UTC_Z)

    def _inputs(self, decision: Decision) -> dict[str, Any]:
        given = json_text(decision.request)
        text = json_without_addresses(given, self._ip_key)
        columns = {
            "inputs": Inputs.KEPT if text == given else Inputs.HASHED,
            "request_hash": blake2b(text.encode(), key=self._ip_key[:64], digest_size=16).hexdigest(),
            "features_from": self._features_from() if decision.features else None,
        }
        if not self._is_sampled(decision):
            return {**columns, "inputs": Inputs.SAMPLED_OUT}
        return {
            **columns,
            "request": text,
            "features": self._features(decision),
            "candidates": json_text(decision.candidates) if decision.candidates else None,
        }

    def _features(self, decision: Decision) -> str:
        if not decision.features:
            return "{}"
        return json_without_addresses(json_text(decision.features), self._ip_key)

    def _is_sampled(self, decision: Decision) -> bool:
        share = self._sampling.get(decision.kind, 1.0)
        return share >= 1.0 or position("ledger", decision.decision_id) < share

    def _features_from(self) -> str:
        """The events that the features knew of: what this spool had written into their table up to a frame."""
        return f"{EVENTS.name}@{self._spool.writer_id}:{self._spool.last_sequence}"


@contextmanager
def asked_through(endpoint: str) -> Iterator[None]:
    """Let the decisions that are made inside name the serving endpoint through which the services are asked."""
    asked = _endpoint.set(endpoint)
    try:
        yield
    finally:
        _endpoint.reset(asked)


@contextmanager
def asked_by(holder: str) -> Iterator[None]:
    """Let the decisions that are made inside name whose token asked; outside, it is this machine itself."""
    asked = _asker.set(holder)
    try:
        yield
    finally:
        _asker.reset(asked)


def json_text(given: Any) -> str:
    """A value as the ledger writes it."""
    return orjson.dumps(given, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def _plain(given: Any) -> Any:
    return given.packed() if isinstance(given, Pools) else dict(given)


def time_ordered_id(unix_ms: int) -> str:
    """A UUID of version 7 (RFC 9562): 48 bits of time, then random ones."""
    bits = int.from_bytes(os.urandom(10)) & ((1 << 76) - 1)
    random_a, random_b = bits >> 64, bits & ((1 << 62) - 1)
    return str(uuid.UUID(int=unix_ms << 80 | 0x7 << 76 | random_a << 64 | 0b10 << 62 | random_b))


def made_at_ms(decision_id: str) -> int | None:
    """When the id was made, in ms since 1970; None when it is none of ours."""
    try:
        parsed = uuid.UUID(decision_id)
    except ValueError:
        return None
    return parsed.int >> 80 if parsed.version == 7 and str(parsed) == decision_id else None
