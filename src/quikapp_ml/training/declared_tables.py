"""All tables that are declared, wherever they are declared, and the migration of those that there are."""

from quikapp_ml.stores.lake.base import Lake, Table
from quikapp_ml.stores.lake.rollout_steps import ROLLOUT_STEPS
from quikapp_ml.stores.lake.tables import TABLES, inference_table
from quikapp_ml.training.alias_moves import ALIAS_MOVES
from quikapp_ml.training.build_log import BUILDS
from quikapp_ml.training.feature_history import FEATURE_TABLES
from quikapp_ml.training.quality_records import QUALITY_RESULTS, QUARANTINE
from quikapp_ml.training.user_vectors import USER_EMBEDDINGS

DECLARED_TABLES = (
    *TABLES, *FEATURE_TABLES.values(), USER_EMBEDDINGS, QUALITY_RESULTS, QUARANTINE, ALIAS_MOVES, ROLLOUT_STEPS, BUILDS,
)  # fmt: skip
"""In the order of `docs/tables.md`."""

_BY_NAME = {table.name: table for table in DECLARED_TABLES}


def migrate(lake: Lake, name: str) -> bool:
    """Bring a table up to what is declared of it; say whether that changed it. One that is not declared stays.

    Run twice, it changes nothing the second time. Raises as `Lake.ensure`.
    """
    declared: Table | None = _BY_NAME.get(name) or inference_table(name)
    if declared is None:
        return False
    before = lake.version(name)
    lake.ensure(declared)
    return lake.version(name) > before
