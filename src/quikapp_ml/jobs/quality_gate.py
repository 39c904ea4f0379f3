"""Task `quality_gate` of the nightly pipeline: what models are to learn from is as expected, or training waits."""

import logging
from datetime import UTC, datetime

from quikapp_ml.errors import JobFailed
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.training.quality import Finding, check_tables
from quikapp_ml.training.quality_records import FAILED, QUALITY_RESULTS

logger = logging.getLogger(__name__)


def run(settings: Settings) -> list[Finding]:
    """Check all tables. Raises JobFailed at the end when one of them may not be learnt from."""
    findings = check_tables(open_lake(settings.lake_path), datetime.now(UTC))
    failed = [finding for finding in findings if finding.status == FAILED]
    if failed:
        told = "; ".join(
            f"{each.table} version {each.version}: {each.expectation}, but for {each.n_failed} of {each.n_rows} rows"
            for each in failed
        )
        raise JobFailed(f"{len(failed)} expectations are not met ({QUALITY_RESULTS.name} has all results): {told}")
    logger.info("%d expectations were checked, none failed", len(findings))
    return findings
