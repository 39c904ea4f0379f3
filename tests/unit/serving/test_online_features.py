from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from quikapp_ml.entities.activities import Activity
from quikapp_ml.errors import InvalidInput, NotFound, Unavailable
from quikapp_ml.feature_store.publishing import publish
from quikapp_ml.feature_store.tables import FeatureTable
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.serving.online_features import OnlineFeatureService
from quikapp_ml.stores.online.memory import MemoryOnlineStore
from quikapp_ml.stores.registry.base import NewVersion
from quikapp_ml.stores.registry.memory import MemoryRegistry

NOW = datetime(2026, 11, 20, tzinfo=UTC)
TIME = pa.timestamp("us", tz="UTC")
TABLE = FeatureTable(
    "quikapp_ml.features.rates", ("user_id", "at"), ("at",), ttl=timedelta(hours=1), version=3, description="Rates.",
    columns=pa.schema([("user_id", pa.string()), ("at", TIME), ("rate", pa.float64())]),
)  # fmt: skip


class AwayRegistry(MemoryRegistry):
    """Does not answer."""

    def names(self) -> list[str]:
        raise Unavailable("away")


@pytest.fixture
def make() -> Callable[[MemoryRegistry], OnlineFeatureService]:
    def service(registry: MemoryRegistry) -> OnlineFeatureService:
        features, online = OnlineFeatures(), MemoryOnlineStore()
        for seconds in (60, 30):
            features.apply(Activity("posted", NOW.timestamp() - seconds, "U1", "C1", f"m{seconds}"))
        rows = [
            {"user_id": "U1", "at": NOW - timedelta(minutes=5), "rate": 0.5},
            {"user_id": "U2", "at": NOW - timedelta(hours=2), "rate": 0.5},
        ]
        publish(TABLE, pa.Table.from_pylist(rows, schema=TABLE.columns), online, NOW, overwrite=False)
        return OnlineFeatureService(features, online, registry, NOW.timestamp)

    return service


@pytest.fixture
def service(make: Callable[[MemoryRegistry], OnlineFeatureService]) -> OnlineFeatureService:
    return make(MemoryRegistry())


def test_a_view_is_current_at_once(service: OnlineFeatureService) -> None:
    found = service.of_view("user_activity", [{"user_id": "U1"}, {"user_id": "U9"}], ["message_count", "answer_count"])
    one, none = found.entities
    assert (one.status, dict(one.values)) == ("present", {"message_count": 2.0, "answer_count": 0.0})
    assert one.event_time == NOW - timedelta(seconds=30)
    assert (none.status, dict(none.values), none.event_time) == ("not_found", {}, None)
    (pair,) = service.of_view("user_channel_affinity", [{"channel_id": "C1", "user_id": "U1"}], None).entities
    assert pair.values["message_count"] == 2.0
    assert len(pair.values) == 6


def test_a_published_table_has_its_ttl(service: OnlineFeatureService) -> None:
    found = service.of_table(TABLE.name, [{"user_id": f"U{n}"} for n in (1, 2, 3)], ["rate"])
    assert [(one.status, dict(one.values)) for one in found.entities] == [
        ("present", {"rate": 0.5}), ("expired", {}), ("not_found", {}),
    ]  # fmt: skip
    assert found.entities[0].event_time == NOW - timedelta(minutes=5)


@pytest.mark.parametrize(("view", "key", "names", "error", "message"), [
    ("views", {"user_id": "U1"}, None, NotFound, "no feature view 'views'; there are user_activity"),
    ("user_activity", {"user_id": "U1"}, ["rate"], InvalidInput, "has no feature rate; it has message_count"),
    ("user_activity", {"channel_id": "U1"}, None, InvalidInput, "keys.0: a key of user_activity has user_id"),
    ("user_activity", {"user_id": 1}, None, InvalidInput, "keys.0"),
    ("user_activity", {"user_id": "U1", "more": "U2"}, None, InvalidInput, "keys.0"),
])  # fmt: skip
def test_what_is_unknown_is_named(
    service: OnlineFeatureService, view: str, key: Any, names: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        service.of_view(view, [key], names)


def test_the_catalogue_knows_who_learnt_from_what(
    make: Callable[[MemoryRegistry], OnlineFeatureService], tmp_path: Path
) -> None:
    (tmp_path / "card.md").write_text("A model.")
    registry = MemoryRegistry()
    versions = {"quikapp_ml.features.user_activity": 7, TABLE.name: 3}
    registry.register(NewVersion("m", tmp_path, "a.b:C", "1.0.0", table_versions=versions))
    catalogue = make(registry).catalogue()
    sources = {source.name: source for source in catalogue.sources}
    (use,) = sources["user_activity"].used_by
    assert (use.model, use.version, use.table_version) == ("m", 1, 7)
    assert sources["user_activity"].as_of == (NOW - timedelta(seconds=30)).isoformat()
    table = sources[TABLE.name]
    assert (table.kept, table.comment, table.entity_key, table.table_version) == (
        "published",
        "Rates.",
        ("user_id",),
        3,
    )
    assert [use.table_version for use in table.used_by] == [3]
    (model,) = catalogue.models
    assert [(one.source, one.table_version) for one in model.sources] == sorted(versions.items())
    away = make(AwayRegistry()).catalogue()
    assert (away.uses_known, away.models) == (False, ())
    assert len(away.sources) == len(catalogue.sources)


def test_ages(service: OnlineFeatureService) -> None:
    assert service.ages() == {"live": 30.0, TABLE.name: 0.0}
