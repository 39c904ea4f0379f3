from datetime import UTC, datetime

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.stores.lake.tables import SENTIMENT_LABELS, SPAM_LABELS
from quikapp_ml.training.labels import drawn, labels_of

ROWS = st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abc"), st.integers(0, 40)), unique_by=lambda row: row[1:])
HEARD, SETTLED, REPORTED = (datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3))


@given(rows=ROWS, wanted=st.integers(1, 20))
def test_those_with_the_lowest_draws_are_taken(rows: list[tuple[int, str, int]], wanted: int) -> None:
    given_rows = [(draw, channel, f"m{number:02}") for draw, channel, number in rows]
    names = ["draw", "channel_id", "message_id"]
    types = pa.schema([("draw", pa.int64()), ("channel_id", pa.string()), ("message_id", pa.string())])
    table = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in given_rows], schema=types)

    taken = [tuple(row.values()) for row in drawn(table, wanted).to_pylist()]

    assert sorted(taken) == sorted(given_rows)[:wanted]


def _candidate(message_id: str, mood: str | None, **kinds: bool | None) -> dict[str, object]:
    known = {"channel_id": "C1", "content": f"text of {message_id}", "draw": 1, "mood": mood, "mood_at": HEARD}
    flags = {f"is_{kind}": kinds.get(kind, False) for kind in ("spam", "ham", "heard", "calm")}
    return {"message_id": message_id, **known, "settled_at": SETTLED, "spam_reported_at": REPORTED, **flags}


def test_each_kind_has_its_label_its_source_and_its_time() -> None:
    candidates = pa.Table.from_pylist(
        [
            _candidate("m1", None, spam=True, heard=None),
            _candidate("m2", "plain", ham=True, calm=True),
            _candidate("m3", "negative", heard=True, ham=True),
        ]
    )
    wanted = dict.fromkeys(("spam", "ham", "heard", "calm"), 10)

    told = {
        table: [
            tuple(row.values())[:1] + tuple(row.values())[3:]
            for row in labels_of(table, candidates, wanted).to_pylist()
        ]
        for table in (SPAM_LABELS, SENTIMENT_LABELS)
    }

    assert told[SPAM_LABELS] == [
        ("m1", "spam", "report", REPORTED),
        ("m2", "ham", "not_reported", SETTLED),
        ("m3", "ham", "not_reported", SETTLED),
    ]
    assert told[SENTIMENT_LABELS] == [("m3", "negative", "reactions", HEARD), ("m2", "neutral", "reactions", SETTLED)]
