"""The table `user_embeddings`: a vector for everybody, made by the version of the model that answers.

A table of the feature store with two clocks: `last_updated`, the moment that the vectors are of, and `ingest_time`,
when they were computed. It holds people and public channels alone: private ones show in nobody's vector.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa

from quikapp_ml.entities.events import Event
from quikapp_ml.feature_store.tables import FeatureTable
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.models.embeddings import UserEmbeddings
from quikapp_ml.stores.lake.base import Lake, Transaction
from quikapp_ml.stores.lake.constraints import given
from quikapp_ml.stores.lake.tables import CATALOG, OWNER, TIME
from quikapp_ml.training.adoptions import open_channels

HAPPENED, KNOWN = "last_updated", "ingest_time"

KEEP = timedelta(days=30)
"""How long the vectors of a build can be looked up."""

_DECLARED = FeatureTable(
    name=f"{CATALOG}.features.user_embeddings",
    primary_keys=("user_id", HAPPENED),
    timestamp_keys=(HAPPENED,),
    known_time_key=KNOWN,
    description="Where people stand among each other by the public channels that they use: vectors of length 1, whose "
    "product is how alike two people are. Made by the model user-embeddings each night; a row for each build.",
    columns=pa.schema(
        [("user_id", pa.string()), ("embedding", pa.list_(pa.float64())), (HAPPENED, TIME), (KNOWN, TIME)]
    ),
).declared()

USER_EMBEDDINGS = replace(
    _DECLARED,
    constraints=given(*_DECLARED.key, "embedding"),
    owner=OWNER,
    retention=KEEP,
    retention_column=HAPPENED,
)


def used_now(events: Iterable[Event]) -> dict[str, list[str]]:
    """Person → the public channels that they are in at the end of a log. Bots and those in none are left out."""
    workspace = Workspace()
    for event in events:
        workspace.apply(event)
    open_ids = frozenset(open_channels(workspace))
    used = {
        user_id: sorted(workspace.channels_of(user_id) & open_ids)
        for user_id, person in sorted(workspace.people.items())
        if not person.is_bot
    }
    return {user_id: channel_ids for user_id, channel_ids in used.items() if channel_ids}


def vectors(model: UserEmbeddings, used: Mapping[str, list[str]], as_of: datetime, known_at: datetime) -> pa.Table:
    """Rows of the table. A vector of nothing but 0, of a model that knows no average, says nothing and is no row."""
    embedded = model.embed(list(used.values()))
    rows = [
        {"user_id": user_id, "embedding": vector.tolist(), HAPPENED: as_of, KNOWN: known_at}
        for user_id, vector in zip(used, embedded, strict=True)
        if vector.any()
    ]
    return pa.Table.from_pylist(rows, schema=USER_EMBEDDINGS.columns)


def add_vectors(lake: Lake, rows: pa.Table, once: Transaction) -> int:
    """Add the rows unless the transaction is done, and return the table's version. Old builds go by their retention."""
    lake.ensure(USER_EMBEDDINGS)
    return lake.append(USER_EMBEDDINGS.name, rows, once)
