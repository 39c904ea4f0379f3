# ruff: noqa: S608 every part of these statements is a constant of ours, or a number
"""The SQL of labels, on the common ground of Sail and Apache Spark: what a filter of words may learn from `messages`.

Of each label there are as many as are wanted, drawn by a checksum of the messages' ids: the same in every build. First
the rows are counted; then only as many are told as the count says are needed, of which `labels` takes the lowest draws.
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


def wanted_of(counts: Counts) -> Counts:
    """How many labels of each kind there are to be."""
    n_spam, n_heard = (min(counts[kind], MAX_OF_A_KIND) for kind in ("spam", "heard"))
    return {
        "spam": n_spam,
        "ham": min(max(MIN_HAM, HAM_PER_SPAM * n_spam), MAX_OF_A_KIND),
        "heard": n_heard,
        "calm": max(MIN_NEUTRAL, n_heard),
    }


def candidates_sql(until_micros: int, counts: Counts) -> str:
    """The messages that labels can be drawn from, with their draws, and of which kinds each is: `is_spam` and so on.

    One reading of `messages` for all kinds, for most of its cost is that of the texts. Of a kind that has more than are
    wanted, only those with a low draw are told.
    """
    wanted = wanted_of(counts)
    near = {kind: f" AND draw <= {_reach(n, counts[kind])}" if counts[kind] > n else "" for kind, n in wanted.items()}
    kinds = {f"is_{kind}": f"{condition}{near[kind]}" for kind, condition in _KINDS.items()}
    return f"""
SELECT message_id, channel_id, content, mood, mood_at, spam_reported_at, settled_at, draw, {", ".join(kinds)} FROM (
  SELECT *, {", ".join(f"{condition} AS {name}" for name, condition in kinds.items())} FROM (
    SELECT *, {_SETTLED_AT} AS settled_at, crc32(CONCAT(channel_id, ' ', message_id)) AS draw
    FROM {_told(until_micros)}
  ) AS drawn
) AS judged WHERE {" OR ".join(kinds)}"""


def _reach(wanted: int, n_all: int) -> int:
    """The draw up to which as many are to be expected as are wanted, and ten standard deviations more."""
    return ceil(min(1.0, (wanted + 10 * sqrt(wanted)) / n_all) * DRAWS)
