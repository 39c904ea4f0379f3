# ruff: noqa: S608 every part of these statements is a constant of ours, or a number
"""The SQL of labels, on the common ground of Sail and Apache Spark: what a filter of words may learn from `messages`.

Of each label there are as many as are wanted, drawn by a checksum of the messages' ids: the same in every build. First
the rows are counted; then only as many are sorted as the count says are needed.
"""

from collections.abc import Mapping
from math import ceil, sqrt

DAY_MICROS = 86_400_000_000
MIN_HAM = 200
HAM_PER_SPAM = 20
MIN_NEUTRAL = 100
MAX_OF_A_KIND = 200_000
"""More rows of a kind teach a filter of words nothing, and would be written anew each night."""

DRAWS = 2**32
"""How many different draws there are."""

Counts = Mapping[str, int]
"""Kind of label → how many messages could have it."""

_HAS_WORDS = "LENGTH(TRIM(content)) > 0"
_STANDS = f"{_HAS_WORDS} AND n_reports = 0 AND NOT is_deleted"
_SETTLED_AT = f"timestamp_micros(unix_micros(posted_at) + {DAY_MICROS})"
_KINDS = {
    "spam": f"{_HAS_WORDS} AND spam_reported_at IS NOT NULL",
    "ham": f"{_STANDS} AND is_settled",
    "heard": f"{_STANDS} AND NOT is_bot AND mood IN ('positive', 'negative')",
    "calm": f"{_STANDS} AND is_settled AND NOT is_bot AND mood = 'plain'",
}
"""Kind of label → which messages could have it: `heard` are those whose reactions are of one mood, `calm` those where
they are plain business."""


def _told(until_micros: int) -> str:
    """Messages, and whether people have had a day to answer to each."""
    return f"""(
  SELECT *, unix_micros(posted_at) + {DAY_MICROS} <= {until_micros} AS is_settled FROM messages
) AS told"""


def counts_sql(until_micros: int) -> str:
    """One row: how many messages there are of each kind, of a log that reaches until then."""
    counts = [f"COUNT(CASE WHEN {condition} THEN 1 END) AS {kind}" for kind, condition in _KINDS.items()]
    return f"SELECT {', '.join(counts)} FROM {_told(until_micros)}"


def spam_labels_sql(until_micros: int, counts: Counts) -> str:
    """The rows of `spam_labels`: what was reported as spam, and ordinary messages that nobody reported."""
    n_spam = min(counts["spam"], MAX_OF_A_KIND)
    n_ham = min(max(MIN_HAM, HAM_PER_SPAM * n_spam), MAX_OF_A_KIND)
    spam = _labelled("spam", "'spam'", "report", "spam_reported_at", until_micros, (n_spam, counts["spam"]))
    ham = _labelled("ham", "'ham'", "not_reported", _SETTLED_AT, until_micros, (n_ham, counts["ham"]))
    return f"{spam} UNION ALL {ham}"


def sentiment_labels_sql(until_micros: int, counts: Counts) -> str:
    """The rows of `sentiment_labels`: negative, neutral or positive, read off the reactions of others."""
    n_heard = min(counts["heard"], MAX_OF_A_KIND)
    n_calm = max(MIN_NEUTRAL, n_heard)
    heard = _labelled("heard", "mood", "reactions", "mood_at", until_micros, (n_heard, counts["heard"]))
    calm = _labelled("calm", "'neutral'", "reactions", _SETTLED_AT, until_micros, (n_calm, counts["calm"]))
    return f"{heard} UNION ALL {calm}"


def _labelled(kind: str, label: str, source: str, at: str, until_micros: int, wanted_of: tuple[int, int]) -> str:
    wanted, n_all = wanted_of
    columns = f"message_id, channel_id, content, {label} AS label, '{source}' AS source, {at} AS labelled_at"
    chosen = f"SELECT {columns} FROM {_told(until_micros)} WHERE {_KINDS[kind]}"
    if n_all <= wanted:
        return chosen
    draw = "crc32(CONCAT(channel_id, ' ', message_id))"
    return f"""
SELECT message_id, channel_id, content, label, source, labelled_at FROM (
  SELECT *, ROW_NUMBER() OVER (ORDER BY draw, channel_id, message_id) AS place FROM (
    SELECT {columns}, {draw} AS draw FROM {_told(until_micros)}
    WHERE {_KINDS[kind]} AND {draw} <= {_reach(wanted, n_all)}
  ) AS near
) AS placed WHERE place <= {wanted}"""


def _reach(wanted: int, n_all: int) -> int:
    """The draw up to which as many are to be expected as are wanted, and ten standard deviations more."""
    return ceil(min(1.0, (wanted + 10 * sqrt(wanted)) / n_all) * DRAWS)
