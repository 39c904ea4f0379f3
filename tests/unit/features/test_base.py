from datetime import UTC, datetime, timedelta

import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.features.aggregates import Count, Derived, Distinct, LastTime
from quikapp_ml.features.base import FeatureView

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


def test_sql_of_windows_begins_at_the_start_of_a_day() -> None:
    view = FeatureView("view", ("user_id",), {"n": Distinct(("posted",), of="channel_id", days=2)}, "")
    first = NEW_YEAR_MICROS - 86_400_000_000
    expected = (
        f"COUNT(DISTINCT CASE WHEN kind IN ('posted') AND unix_micros(event_time) >= {first} THEN channel_id END)"
    )
    assert expected in view.sql("activities", NEW_YEAR)
    assert expected in view.sql("activities", NEW_YEAR + timedelta(hours=23))


def test_sql_of_derived_features_keeps_the_order_of_the_view() -> None:
    view = FeatureView("view", ("user_id",), {"half": Derived("n / 2"), "n": Count(("posted",))}, "")
    assert view.sql("activities", NEW_YEAR).startswith(
        "SELECT user_id, (n / NULLIF(CAST(2 AS DOUBLE), CAST(0 AS DOUBLE))) AS half, n, as_of FROM (SELECT user_id, "
    )


def test_features_are_derived_from_counted_ones_of_the_view() -> None:
    with pytest.raises(InvalidInput, match="feature view view: double is derived from m; it may use n, now"):
        FeatureView("view", ("user_id",), {"n": Count(("posted",)), "double": Derived("m * n")}, "")
    with pytest.raises(InvalidInput, match="feature view view: now is the moment of the question"):
        FeatureView("view", ("user_id",), {"now": Count(("posted",))}, "")


def test_sql_leaves_out_what_was_not_known_yet() -> None:
    sql = VIEW.sql("activities", NEW_YEAR, known_by=NEW_YEAR)
    assert f"unix_micros(ingest_time) <= {NEW_YEAR_MICROS}" in sql
    assert f"CASE WHEN unix_micros(other_ingest_time) <= {NEW_YEAR_MICROS} THEN other_user_id END" in sql


def test_views_are_named_once_and_say_what_they_are() -> None:
    names = [view.name for view in FEATURE_VIEWS]
    assert len(set(names)) == len(names)
    for view in FEATURE_VIEWS:
        assert view.comment and view.features
        assert not set(view.features) & set(view.entity_key)
