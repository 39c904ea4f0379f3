"""Taking a person out of all tables, as the law asks for: what they did, what was done to it, what was said of them."""

import re
from collections.abc import Sequence
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.tables import AUDIT, CATALOG, DECISIONS, EVENTS

ERASED = "erased"
"""What stands where the person was named by others."""

_PERSON_COLUMNS = ("user_id", "other_user_id", "target_user_id")
_DECISION_INPUTS = ("request", "request_hash", "features", "candidates", "answer")
_COPIES = re.compile(rf"^{CATALOG}\.quality\.|_payload$")
"""Tables that hold whole rows and requests as text: there a row that names the person goes as a whole."""


class Erasure:
    """One person's erasure from the tables of a lake. Run again, it finds nothing left to do.

    Of decisions the row stays, without its inputs and answer: how many were made is the service's own history. The
    audit trail is left as it is: who changed what must stay known.
    """

    def __init__(self, lake: Lake, user_id: str) -> None:
        self._lake = lake
        self._user_id = user_id
        self._named = re.compile(rf"(?<![\w.-]){re.escape(user_id)}(?![\w-]|\.\w)")

    def run(self) -> dict[str, int]:
        """Rewrite every table that holds the person, and return how many rows of each went or were changed.

        The events come last: what else is to go is known from them, also to a second run after a cut. Older versions
        are vacuumed, for they hold the person, too.
        """
        self._lake.ensure(EVENTS)
        others = [name for name in self._lake.names() if name not in (AUDIT.name, EVENTS.name)]
        messages = self._messages()
        events, n_events = self._cleaned(EVENTS.name, messages)
        changed = {name: self._rewrite(name, *self._cleaned(name, messages)) for name in others}
        if n_events or any(changed.values()):
            for name in others:
                self._lake.vacuum(name, timedelta(0))
        changed[EVENTS.name] = self._rewrite(EVENTS.name, events, n_events)
        self._lake.vacuum(EVENTS.name, timedelta(0))
        return {name: count for name, count in changed.items() if count}

    def _messages(self) -> pa.Array:
        events = self._lake.read(EVENTS.name, columns=["type", "user_id", "channel_id", "message_id"])
        theirs = pc.and_(pc.equal(events["type"], "message"), pc.equal(events["user_id"], self._user_id))
        return _message_keys(events.filter(theirs)).combine_chunks()

    def _rewrite(self, name: str, kept: pa.Table, count: int) -> int:
        if count:
            self._lake.overwrite(name, kept)
        return count

    def _cleaned(self, name: str, messages: pa.Array) -> tuple[pa.Table, int]:
        """The table without the person, and how many rows went or were changed."""
        rows = self._lake.read(name)
        kept = rows if name == DECISIONS.name else rows.filter(pc.invert(self._goes(name, rows, messages)))
        kept, n_blanked = self._without_inputs(kept) if name == DECISIONS.name else (kept, 0)
        kept, n_renamed = self._without_mentions(kept)
        return kept, rows.num_rows - kept.num_rows + n_blanked + n_renamed

    def _goes(self, name: str, rows: pa.Table, messages: pa.Array) -> pa.ChunkedArray:
        """Which rows are the person's, or about a message of theirs."""
        goes = _any(
            rows, [pc.equal(rows[column], self._user_id) for column in _PERSON_COLUMNS if column in rows.schema.names]
        )
        if {"channel_id", "message_id"} <= set(rows.schema.names):
            goes = pc.or_(goes, pc.is_in(_message_keys(rows), messages))
        if _COPIES.search(name):
            goes = _any(rows, [goes, *(self._naming(rows[column]) for column in _texts(rows))])
        return goes

    def _without_inputs(self, rows: pa.Table) -> tuple[pa.Table, int]:
        theirs = pc.fill_null(pc.equal(rows["user_id"], self._user_id), False)
        count = pc.sum(theirs).as_py() or 0
        for column in (*_DECISION_INPUTS, "user_id"):
            instead = pa.scalar(ERASED if column == "user_id" else None, pa.string())
            rows = _replaced(rows, column, pc.if_else(theirs, instead, rows[column]))
        return rows, count

    def _without_mentions(self, rows: pa.Table) -> tuple[pa.Table, int]:
        """Rows of others in which the person is named, in a text or as a value in JSON."""
        touched = _any(rows, [])
        for column in _texts(rows):
            naming = self._naming(rows[column])
            if pc.any(naming).as_py():
                texts = [text and self._named.sub(ERASED, text) for text in rows[column].to_pylist()]
                rows = _replaced(rows, column, pa.chunked_array([pa.array(texts, rows.schema.field(column).type)]))
                touched = pc.or_(touched, naming)
        return rows, pc.sum(touched).as_py() or 0

    def _naming(self, texts: pa.ChunkedArray) -> pa.ChunkedArray:
        """Which texts name the person: first a quick search for the id, then whether it stands alone."""
        likely = pc.fill_null(pc.match_substring(texts, self._user_id), False)
        if not pc.any(likely).as_py():
            return likely
        sure = [
            is_likely and self._named.search(text) is not None
            for is_likely, text in zip(likely.to_pylist(), texts.to_pylist(), strict=True)
        ]
        return pa.chunked_array([pa.array(sure, pa.bool_())])


def _message_keys(rows: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(rows["channel_id"], rows["message_id"], "\t")


def _texts(rows: pa.Table) -> list[str]:
    return [
        field.name for field in rows.schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
    ]


def _any(rows: pa.Table, masks: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    found = pa.chunked_array([pa.array([False] * rows.num_rows, pa.bool_())])
    for mask in masks:
        found = pc.or_(found, pc.fill_null(mask, False))
    return found


def _replaced(rows: pa.Table, column: str, values: pa.ChunkedArray) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index(column), rows.schema.field(column), values)
