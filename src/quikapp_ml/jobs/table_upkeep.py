"""Task `table_upkeep` of the nightly pipeline: few files, no rows past their retention, no versions without a use."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from quikapp_ml.bootstrap import open_model_registry
from quikapp_ml.errors import JobFailed, QuikAppMLError
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake, Table
from quikapp_ml.stores.registry.base import ModelRegistry
from quikapp_ml.training.declared_tables import migrate

logger = logging.getLogger(__name__)

MANY_SMALL_FILES = 16
"""From so many on they are made into large ones; fewer are read as fast."""


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
        dry_run=dry_run,
    )


def pinned_versions(registry: ModelRegistry) -> Mapping[str, set[int]]:
    """Table → the versions of it that registered model versions learnt from."""
    pinned: dict[str, set[int]] = {}
    for model in registry.names():
        for version in registry.versions(model):
            for table, number in version.table_versions.items():
                pinned.setdefault(table, set()).add(number)
    return pinned


def keep_up(
    lake: Lake, pinned: Mapping[str, Collection[int]], history: timedelta, *, dry_run: bool = False
) -> list[TableUpkeep]:
    """Look after all tables of a lake; one that cannot be does not keep the others from it."""
    done, failed = [], []
    for name in lake.names():
        try:
            done.append(_keep_up_table(lake, name, pinned.get(name, ()), history, dry_run=dry_run))
        except QuikAppMLError as error:
            logger.exception("table %s could not be looked after", name)
            failed.append(f"{name}: {error}")
    if failed:
        raise JobFailed(
            f"{len(failed)} of {len(done) + len(failed)} tables could not be looked after: {'; '.join(failed)}"
        )
    return done


def _keep_up_table(lake: Lake, name: str, spare: Collection[int], history: timedelta, *, dry_run: bool) -> TableUpkeep:
    """Old rows first, then small files: what both replace is kept for the time of the history."""
    if not dry_run and migrate(lake, name):
        logger.info("table %s was brought up to what is declared of it", name)
    rows_deleted = _delete_old_rows(lake, lake.declaration(name), dry_run=dry_run)
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


def _delete_old_rows(lake: Lake, table: Table, *, dry_run: bool) -> int:
    if table.retention is None:
        return 0
    last = datetime.now(UTC) - table.retention
    if not dry_run:
        return lake.delete_older(table.name, table.retention_column, last)
    times = lake.read(table.name, [table.retention_column])[table.retention_column]
    return int(pc.sum(pc.less(times, pa.scalar(last, times.type))).as_py() or 0)
