from datetime import UTC, datetime

import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.features.base import Count, Decayed, FeatureView, LastTime

VIEW = FeatureView(
    "view", ("user_id", "channel_id"), {"n": Count(("posted", "read")), "last": LastTime(("posted",))}, "A comment."
)
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
NEW_YEAR_MICROS = 1_767_225_600_000_000


def test_a_key_has_one_or_two_parts() -> None:
    with pytest.raises(InvalidInput, match=r"feature view wide: entity_key .* must name one or two fields"):
        FeatureView("wide", ("user_id", "channel_id", "message_id"), {}, "")


def test_kinds_are_those_of_all_features() -> None:
    assert VIEW.kinds == ("posted", "read")


def test_sql_reads_the_named_view_up_to_the_moment() -> None:
    sql = VIEW.sql("activities", NEW_YEAR)
    assert sql.startswith("SELECT user_id, channel_id, ")
    assert (
        "FROM activities WHERE user_id IS NOT NULL AND channel_id IS NOT NULL AND kind IN ('posted', 'read') "
        f"AND unix_micros(event_time) <= {NEW_YEAR_MICROS} GROUP BY user_id, channel_id"
    ) in sql
    assert f"timestamp_micros({NEW_YEAR_MICROS}) AS as_of" in sql
    assert "ingest_time" not in sql


def test_sql_leaves_out_what_was_not_known_yet() -> None:
    sql = VIEW.sql("activities", NEW_YEAR, known_by=NEW_YEAR)
    assert f"unix_micros(ingest_time) <= {NEW_YEAR_MICROS}" in sql


def test_a_half_life_is_given_in_days() -> None:
    assert Decayed(("posted",), half_life_days=0.5).half_life_seconds == 43_200


def test_views_are_named_once_and_say_what_they_are() -> None:
    names = [view.name for view in FEATURE_VIEWS]
    assert len(set(names)) == len(names)
    for view in FEATURE_VIEWS:
        assert view.comment and view.features
        assert not set(view.features) & set(view.entity_key)
