"""Task `table_upkeep` of the nightly pipeline: few files, no rows past their retention, no versions without a use."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from quikapp_ml.bootstrap import open_model_registry
from quikapp_ml.errors import JobFailed, QuikAppMLError
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.tables import DECISIONS
from quikapp_ml.stores.registry.base import ModelRegistry
from quikapp_ml.training.declared_tables import migrate

logger = logging.getLogger(__name__)

MANY_SMALL_FILES = 16
"""From so many on they are made into large ones; fewer are read as fast."""


@dataclass(frozen=True)
class Retention:
    """How long rows are kept, by the time in the column."""

    column: str
    time: timedelta


@dataclass(frozen=True)
class TableUpkeep:
    """What was done to a table, or would be."""

    name: str
    files_compacted: int
    """Small files that became large ones."""
    rows_deleted: int
    """Rows older than the table's retention."""
    files_deleted: int
    """Files of versions that were replaced too long ago."""
    versions_spared: int
    """Versions that model versions learnt from."""

    @property
    def is_idle(self) -> bool:
        """Whether there was nothing to do."""
        return not (self.files_compacted or self.rows_deleted or self.files_deleted)


def run(settings: Settings, *, dry_run: bool = False) -> list[TableUpkeep]:
    """Look after all tables; cut off at any moment, it goes on when it is run again.

    A `dry_run` changes nothing, and tells what would be done. Without the registry's answer nothing is deleted. Raises
    JobFailed at the end when some tables could not be looked after.
    """
    return keep_up(
        open_lake(settings.lake_path),
        pinned_versions(open_model_registry(settings)),
        timedelta(days=settings.table_history_days),
        retentions=retentions(settings),
        dry_run=dry_run,
    )


def retentions(settings: Settings) -> Mapping[str, Retention]:
    """What the settings say of how long rows of a table are kept, instead of what is declared of it."""
    if not settings.decision_days:
        return {}
    return {DECISIONS.name: Retention("decided_at", timedelta(days=settings.decision_days))}


def pinned_versions(registry: ModelRegistry) -> Mapping[str, set[int]]:
    """Table → the versions of it that registered model versions learnt from."""
    pinned: dict[str, set[int]] = {}
    for model in registry.names():
        for version in registry.versions(model):
            for table, number in version.table_versions.items():
                pinned.setdefault(table, set()).add(number)
    return pinned


def keep_up(
    lake: Lake,
    pinned: Mapping[str, Collection[int]],
    history: timedelta,
    *,
    retentions: Mapping[str, Retention] = MappingProxyType({}),
    dry_run: bool = False,
) -> list[TableUpkeep]:
    """Look after all tables of a lake; one that cannot be does not keep the others from it.

    `retentions` has tables whose rows are kept for another time than is declared of them.
    """
    done, failed = [], []
    for name in lake.names():
        try:
            spare, kept = pinned.get(name, ()), retentions.get(name)
            done.append(_keep_up_table(lake, name, kept, spare, history, dry_run=dry_run))
        except QuikAppMLError as error:
            logger.exception("table %s could not be looked after", name)
            failed.append(f"{name}: {error}")
    if failed:
        raise JobFailed(
            f"{len(failed)} of {len(done) + len(failed)} tables could not be looked after: {'; '.join(failed)}"
        )
    return done


def _keep_up_table(
    lake: Lake, name: str, retention: Retention | None, spare: Collection[int], history: timedelta, *, dry_run: bool
) -> TableUpkeep:
    """Old rows first, then small files: what both replace is kept for the time of the history."""
    if not dry_run and migrate(lake, name):
        logger.info("table %s was brought up to what is declared of it", name)
    rows_deleted = _delete_old_rows(lake, name, retention or _declared(lake, name), dry_run=dry_run)
    small = lake.size(name).small_files
    compacted = small if small >= MANY_SMALL_FILES else 0
    if compacted and not dry_run:
        lake.compact(name)
    files_deleted = lake.vacuum(name, history, spare, dry_run=dry_run)
    if not dry_run:
        lake.trim_log(name, history, spare)
    done = TableUpkeep(name, compacted, rows_deleted, files_deleted, len(spare))
    if not done.is_idle:
        logger.info("%s%s", "would be done: " if dry_run else "", done)
    return done


def _declared(lake: Lake, name: str) -> Retention | None:
    table = lake.declaration(name)
    return None if table.retention is None else Retention(table.retention_column, table.retention)


def _delete_old_rows(lake: Lake, name: str, retention: Retention | None, *, dry_run: bool) -> int:
    if retention is None:
        return 0
    last = datetime.now(UTC) - retention.time
    if not dry_run:
        return lake.delete_older(name, retention.column, last)
    times = lake.read(name, [retention.column])[retention.column]
    return int(pc.sum(pc.less(times, pa.scalar(last, times.type))).as_py() or 0)
