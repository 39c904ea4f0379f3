"""Tables of labels, drawn from the messages that could have one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from quikapp_ml.stores.lake.base import Table
from quikapp_ml.stores.lake.tables import SENTIMENT_LABELS, SPAM_LABELS
from quikapp_ml.training.labels_sql import Counts


@dataclass(frozen=True)
class Kind:
    """Messages of a kind, and what their rows say; the label of a message that was `heard` is its mood."""

    name: str
    label: str
    source: str
    labelled_at: str
    """The column of the candidates that says since when the label is known."""


MOOD = "mood"

LABELS: Mapping[Table, Sequence[Kind]] = {
    SPAM_LABELS: (
        Kind("spam", "spam", "report", "spam_reported_at"),
        Kind("ham", "ham", "not_reported", "settled_at"),
    ),
    SENTIMENT_LABELS: (
        Kind("heard", MOOD, "reactions", "mood_at"),
        Kind("calm", "neutral", "reactions", "settled_at"),
    ),
}
"""Table → the kinds of messages that it has labels of."""


def labels_of(table: Table, candidates: pa.Table, wanted: Counts) -> pa.Table:
    """The rows of a table of labels: of each kind as many as are wanted, those with the lowest draws."""
    rows = [
        _labelled(kind, drawn(candidates.filter(candidates[f"is_{kind.name}"]), wanted[kind.name]))
        for kind in LABELS[table]
    ]
    return pa.concat_tables(each.select(table.columns.names).cast(table.columns) for each in rows)


def drawn(rows: pa.Table, wanted: int) -> pa.Table:
    """As many rows, of the lowest draws; of equal ones, the first by the ids of channel and message."""
    if rows.num_rows <= wanted:
        return rows
    last = pc.sort_indices(rows["draw"])[wanted - 1].as_py()
    highest = rows["draw"][last]
    below = rows.filter(pc.less(rows["draw"], highest))
    ties = rows.filter(pc.equal(rows["draw"], highest)).sort_by(
        [("channel_id", "ascending"), ("message_id", "ascending")]
    )
    return pa.concat_tables([below, ties.slice(0, wanted - below.num_rows)])


def _labelled(kind: Kind, rows: pa.Table) -> pa.Table:
    label = rows["mood"] if kind.label == MOOD else pa.repeat(kind.label, rows.num_rows)
    told = {"label": label, "source": pa.repeat(kind.source, rows.num_rows), "labelled_at": rows[kind.labelled_at]}
    return pa.table({name: rows[name] for name in ("message_id", "channel_id", "content")} | told)
