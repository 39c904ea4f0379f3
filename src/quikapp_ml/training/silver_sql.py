# ruff: noqa: S608 every part of these statements is a constant of ours
"""The SQL between bronze and silver, on the common ground of Sail and Apache Spark.

Every SELECT reads the temporary view `events` (bronze).
"""

from quikapp_ml.entities.activities import ActivityKind
from quikapp_ml.features.workspace import MENTION
from quikapp_ml.training.event_sql import attribute, is_set
from quikapp_ml.training.reaction_moods import NEGATIVE, PLAIN, POSITIVE
from quikapp_ml.training.weeks import week_of


def _quoted(text: str) -> str:
    """A SQL string: both engines read backslash escapes in it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_POSTED = f"""
posted AS (
  SELECT event_id, event_time, ingest_time, user_id, channel_id, message_id, content, is_bot,
         CASE WHEN thread_id <> message_id THEN thread_id END AS thread_id
  FROM (
    SELECT event_id, event_time, ingest_time, user_id, channel_id, message_id, thread_id, content,
           {is_set("is_bot")} AS is_bot,
           ROW_NUMBER() OVER (PARTITION BY channel_id, message_id
                              ORDER BY event_time, ingest_time, event_id) AS time_sent
    FROM events WHERE type = 'message'
  ) AS numbered WHERE time_sent = 1
)"""
"""Each message once: sent again under another event id, it is the same message."""

_STANDING = f"""
standing AS (
  SELECT channel_id, message_id, user_id, reaction, put_at FROM (
    SELECT channel_id, message_id, user_id, reaction,
           MAX(CASE WHEN NOT is_removed THEN event_time END) AS put_at,
           MAX(CASE WHEN is_removed THEN event_time END) AS removed_at
    FROM (
      SELECT channel_id, message_id, user_id, event_time,
             {attribute("reaction")} AS reaction, {is_set("removed")} AS is_removed
      FROM events WHERE type = 'reaction'
    ) AS reactions GROUP BY channel_id, message_id, user_id, reaction
  ) AS changes WHERE put_at IS NOT NULL AND (removed_at IS NULL OR put_at > removed_at)
)"""
"""Reactions that were not taken off again."""


def _one_of(names: tuple[str, ...]) -> str:
    return f"({', '.join(_quoted(name) for name in names)})"


_ADORNMENTS = "(^:)|(::skin-tone-[2-6])|(:$)|[\N{VARIATION SELECTOR-16}\U0001f3fb-\U0001f3ff]"
"""What reactions of the same meaning differ by: colons and the colour of the skin."""

_FELT = f"""
felt AS (
  SELECT channel_id, message_id, COUNT(*) AS n, COUNT(emoji) AS n_others, MAX(mood_at) AS mood_at,
         SUM(CASE WHEN emoji IN {_one_of(POSITIVE)} THEN 1 ELSE 0 END) AS n_positive,
         SUM(CASE WHEN emoji IN {_one_of(NEGATIVE)} THEN 1 ELSE 0 END) AS n_negative,
         SUM(CASE WHEN emoji IN {_one_of(PLAIN)} THEN 1 ELSE 0 END) AS n_plain
  FROM (
    SELECT s.channel_id, s.message_id, CASE WHEN s.user_id <> p.user_id THEN s.put_at END AS mood_at,
           CASE WHEN s.user_id <> p.user_id
                THEN REGEXP_REPLACE(s.reaction, {_quoted(_ADORNMENTS)}, '') END AS emoji
    FROM standing AS s JOIN posted AS p ON p.channel_id = s.channel_id AND p.message_id = s.message_id
  ) AS named GROUP BY channel_id, message_id
)"""
"""Reactions to each message, and what those of others say."""

_MOOD = """CASE WHEN a.n_positive > 0 AND a.n_negative > 0 THEN 'mixed'
            WHEN a.n_positive > 0 THEN 'positive' WHEN a.n_negative > 0 THEN 'negative'
            WHEN a.n_plain > 0 AND a.n_plain = a.n_others THEN 'plain' END"""

MESSAGES_SQL = f"""
WITH {_POSTED}, {_STANDING}, {_FELT},
edits AS (
  SELECT channel_id, message_id, event_time, content FROM (
    SELECT channel_id, message_id, event_time, content,
           ROW_NUMBER() OVER (PARTITION BY channel_id, message_id ORDER BY event_time DESC, event_id DESC) AS newest
    FROM events WHERE type = 'edit' AND content IS NOT NULL
  ) AS numbered WHERE newest = 1
),
deletions AS (SELECT DISTINCT channel_id, message_id FROM events WHERE type = 'delete'),
replied AS (
  SELECT channel_id, thread_id AS message_id, COUNT(*) AS n
  FROM posted WHERE thread_id IS NOT NULL GROUP BY channel_id, thread_id
),
reported AS (
  SELECT channel_id, message_id, COUNT(DISTINCT user_id) AS n,
         MIN(CASE WHEN {attribute("reason")} = 'spam' THEN event_time END) AS spam_reported_at
  FROM events WHERE type = 'report' GROUP BY channel_id, message_id
)
SELECT p.message_id, p.channel_id, p.user_id, p.thread_id, p.event_time AS posted_at,
       COALESCE(e.content, p.content) AS content, p.is_bot, d.message_id IS NOT NULL AS is_deleted,
       e.event_time AS edited_at, COALESCE(a.n, 0) AS n_reactions, COALESCE(r.n, 0) AS n_replies,
       COALESCE(c.n, 0) AS n_reports, c.spam_reported_at, {_MOOD} AS mood, a.mood_at,
       {week_of("p.event_time")} AS week
FROM posted AS p
LEFT JOIN edits AS e ON e.channel_id = p.channel_id AND e.message_id = p.message_id AND e.event_time >= p.event_time
LEFT JOIN deletions AS d ON d.channel_id = p.channel_id AND d.message_id = p.message_id
LEFT JOIN felt AS a ON a.channel_id = p.channel_id AND a.message_id = p.message_id
LEFT JOIN replied AS r ON r.channel_id = p.channel_id AND r.message_id = p.message_id
LEFT JOIN reported AS c ON c.channel_id = p.channel_id AND c.message_id = p.message_id
"""


def _plain(kind: ActivityKind, event_type: str, message_id: str) -> str:
    return f"""
SELECT event_id, event_time, ingest_time, '{kind}' AS kind, user_id, channel_id, {message_id} AS message_id,
       CAST(NULL AS STRING) AS other_user_id, CAST(NULL AS DOUBLE) AS value, ingest_time AS other_ingest_time
FROM events WHERE type = '{event_type}'"""


def _towards_author(kind: ActivityKind, source: str, message_id: str) -> str:
    is_towards = "t.user_id <> s.user_id"
    waited = "unix_micros(s.event_time) - unix_micros(t.event_time)"
    value = f"CASE WHEN {is_towards} AND {waited} > 0 THEN CAST({waited} AS DOUBLE) / 1000000 END"
    return f"""
SELECT s.event_id, s.event_time, s.ingest_time, '{kind}' AS kind, s.user_id, s.channel_id,
       s.{message_id} AS message_id, CASE WHEN {is_towards} THEN t.user_id END AS other_user_id,
       {value if kind == "replied" else "CAST(NULL AS DOUBLE)"} AS value,
       CASE WHEN t.ingest_time > s.ingest_time THEN t.ingest_time ELSE s.ingest_time END AS other_ingest_time
FROM {source} AS s LEFT JOIN posted AS t ON t.channel_id = s.channel_id AND t.message_id = s.{message_id}"""


ACTIVITIES_SQL = f"""
WITH {_POSTED},
replies AS (
  SELECT event_id, event_time, ingest_time, user_id, channel_id, thread_id FROM posted WHERE thread_id IS NOT NULL
),
put AS (
  SELECT event_id, event_time, ingest_time, user_id, channel_id, message_id
  FROM events WHERE type = 'reaction' AND NOT {is_set("removed")}
),
reports AS (
  SELECT event_id, event_time, ingest_time, user_id, channel_id, message_id FROM events WHERE type = 'report'
),
named AS (
  SELECT event_id, event_time, ingest_time, user_id, channel_id, message_id,
         EXPLODE(ARRAY_DISTINCT(REGEXP_EXTRACT_ALL(content, {_quoted(MENTION)}, 1))) AS other_user_id
  FROM posted WHERE content LIKE '%<@%'
)
SELECT event_id, event_time, ingest_time, kind, user_id, channel_id, message_id, other_user_id, value,
       other_ingest_time, {week_of("event_time")} AS week
FROM (
SELECT event_id, event_time, ingest_time, 'posted' AS kind, user_id, channel_id, message_id,
       CAST(NULL AS STRING) AS other_user_id, CAST(NULL AS DOUBLE) AS value, ingest_time AS other_ingest_time
FROM posted
UNION ALL {_towards_author("replied", "replies", "thread_id")}
UNION ALL {_towards_author("reacted", "put", "message_id")}
UNION ALL {_towards_author("reported", "reports", "message_id")}
UNION ALL
SELECT event_id, event_time, ingest_time, 'mentioned' AS kind, user_id, channel_id, message_id, other_user_id,
       CAST(NULL AS DOUBLE) AS value, ingest_time AS other_ingest_time
FROM named WHERE other_user_id <> user_id
UNION ALL {_plain("read", "read", "message_id")}
UNION ALL {_plain("joined", "join", "CAST(NULL AS STRING)")}
UNION ALL {_plain("left", "leave", "CAST(NULL AS STRING)")}
) AS done
"""
