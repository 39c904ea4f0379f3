"""Checks tables against what is expected of them; imports pandera, so only the job that checks imports this."""

import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc

from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.training.expectations import (
    CLOCKS_DIFFER,
    EXPECTATIONS,
    Expectation,
    InRange,
    NotInFuture,
    NotNull,
    OneOf,
    Outcome,
    RowRule,
    Unique,
)
from quikapp_ml.training.quality_records import (
    FAILED,
    PASSED,
    QUALITY_RESULTS,
    QUARANTINE,
    QUARANTINED,
    TakenOut,
    taken_out_untold,
)

logger = logging.getLogger(__name__)

BATCH_ROWS = 250_000
"""How many rows are in pandas at once."""


@dataclass(frozen=True)
class Finding:
    """What one expectation found in one table."""

    table: str
    version: int
    """The version that training reads: the one checked, or the one without the rows taken out."""
    expectation: Expectation
    n_rows: int
    n_failed: int

    @property
    def status(self) -> str:
        """How it ended: passed, failed, or with rows in quarantine."""
        if not self.n_failed:
            return PASSED
        return FAILED if self.expectation.outcome is Outcome.FAIL else QUARANTINED


def check_tables(
    lake: Lake, now: datetime, expectations: Mapping[str, Sequence[Expectation]] = EXPECTATIONS
) -> list[Finding]:
    """Check every table that has been made, take out what is to be in quarantine, and add the results to their table.

    Cut off at any moment and run again, it ends the same: no row is in quarantine twice, none is lost, and what was
    taken out before the cut is told of.
    """
    findings = [
        finding
        for name, expected in expectations.items()
        if lake.exists(name)
        for finding in _check_table(lake, name, expected, now)
    ]
    _keep(lake, findings, now)
    return findings


def _check_table(lake: Lake, name: str, expected: Sequence[Expectation], now: datetime) -> Iterator[Finding]:
    version = lake.version(name)
    needed = sorted({column for each in expected for column in each.columns})
    rows = lake.read(name, columns=needed, version=version)
    counts = {each: count_broken(rows, each, now) for each in expected}
    aside = [each for each, count in counts.items() if count and each.outcome is Outcome.QUARANTINE]
    if aside:
        logger.warning("%s: rows go to quarantine: %s", name, ", ".join(f"{each} ({counts[each]})" for each in aside))
        version = _take_out(lake, name, version, aside, now)
        rest = lake.read(name, columns=needed, version=version)
        counts |= {each: count_broken(rest, each, now) for each in expected if each.outcome is Outcome.FAIL}
        before = TakenOut(0, {})
    else:
        before = taken_out_untold(lake, name, version)
    for each, count in counts.items():
        n_failed = count + before.by_reason.get(str(each), 0)
        yield Finding(name, version, each, rows.num_rows + before.n_rows, n_failed)


def count_broken(rows: pa.Table, expectation: Expectation, now: datetime) -> int:
    """How many rows break it; of rows with one key, all but one."""
    rule = expectation.rule
    if isinstance(rule, Unique):  # in Arrow: millions of keys would not fit into pandas
        n_keys: int = rows.group_by(list(rule.columns)).aggregate([]).num_rows
        return int(rows.num_rows) - n_keys
    return int(broken_rows(rows, rule, now).sum())


def broken_rows(rows: pa.Table, rule: RowRule, now: datetime) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which rows break a rule."""
    broken = np.zeros(rows.num_rows, dtype=np.bool_)
    schema = _schema(rule, now)
    for start in range(0, rows.num_rows, BATCH_ROWS):
        frame = rows.slice(start, BATCH_ROWS).select([rule.column]).to_pandas()
        try:
            schema.validate(frame, lazy=True)
        except pandera.errors.SchemaErrors as error:
            broken[start + error.failure_cases["index"].to_numpy(dtype=np.int64)] = True
    return broken


def _schema(rule: RowRule, now: datetime) -> pandera.DataFrameSchema:
    match rule:
        case NotNull(column):
            return pandera.DataFrameSchema({column: pandera.Column(nullable=False)})
        case InRange(column, low, high):
            check = pandera.Check.in_range(low, high)
        case OneOf(column, values):
            check = pandera.Check.isin(values)
        case NotInFuture(column):
            check = pandera.Check.le(pd.Timestamp(now + CLOCKS_DIFFER))
    return pandera.DataFrameSchema({column: pandera.Column(checks=check, nullable=True)})


def _take_out(lake: Lake, name: str, version: int, broken: Sequence[Expectation], now: datetime) -> int:
    rows = lake.read(name, version=version)
    out = np.zeros(rows.num_rows, dtype=np.bool_)
    for each in broken:
        if isinstance(each.rule, Unique):
            continue
        mask = broken_rows(rows, each.rule, now)
        _set_aside(lake, name, version, str(each), rows.filter(pa.array(mask)), now)
        out |= mask
    return lake.overwrite(name, rows.filter(pc.invert(pa.array(out))))


def _set_aside(lake: Lake, name: str, version: int, reason: str, rows: pa.Table, now: datetime) -> None:
    """Keep rows with the reason. A merge, so a run after one that was cut off keeps no row twice."""
    texts = dict.fromkeys(
        orjson.dumps(row, default=str, option=orjson.OPT_SORT_KEYS).decode() for row in rows.to_pylist()
    )
    kept = [
        {"table_name": name, "table_version": version, "reason": reason, "row": text, "quarantined_at": now}
        for text in texts
    ]
    lake.ensure(QUARANTINE)
    lake.merge(QUARANTINE.name, pa.Table.from_pylist(kept, schema=QUARANTINE.columns), QUARANTINE.key)


def _keep(lake: Lake, findings: Sequence[Finding], now: datetime) -> None:
    run_id = uuid.uuid4().hex
    rows = [
        {
            "run_id": run_id,
            "table_name": finding.table,
            "table_version": finding.version,
            "expectation": str(finding.expectation),
            "n_rows": finding.n_rows,
            "n_failed": finding.n_failed,
            "status": finding.status,
            "checked_at": now,
        }
        for finding in findings
    ]
    lake.ensure(QUALITY_RESULTS)
    lake.append(QUALITY_RESULTS.name, pa.Table.from_pylist(rows, schema=QUALITY_RESULTS.columns))
