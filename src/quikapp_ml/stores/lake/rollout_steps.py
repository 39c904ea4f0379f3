"""The table of the steps of rollouts."""

import pyarrow as pa

from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.constraints import given
from quikapp_ml.stores.lake.tables import CATALOG, OWNER, TIME

ROLLOUT_STEPS = Table(
    name=f"{CATALOG}.models.rollout_steps",
    columns=pa.schema(
        [
            ("rollout", pa.string()),
            ("step", pa.int64()),
            ("at", TIME),
            ("model", pa.string()),
            ("champion", pa.int64()),
            ("challenger", pa.int64()),
            ("from_stage", pa.string()),
            ("to_stage", pa.string()),
            ("who", pa.string()),
            ("why", pa.string()),
            ("evidence", pa.string()),
        ]
    ),
    key=("rollout", "step"),
    comment="Every step of every rollout: when, by whom, from which stage to which, why, and what was known then.",
    constraints=given("rollout", "step", "at", "model", "to_stage", "why"),
    owner=OWNER,
)
