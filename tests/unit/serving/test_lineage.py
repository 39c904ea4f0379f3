from pathlib import Path

import pytest

from quikapp_ml.features.services import FeatureService
from quikapp_ml.serving.lineage import Source, sources_of_models, uses_of_sources
from quikapp_ml.stores.registry.base import NewVersion
from quikapp_ml.stores.registry.memory import MemoryRegistry

PEOPLE, EVENTS = "quikapp_ml.features.people", "quikapp_ml.bronze.events"


@pytest.fixture
def registry(tmp_path: Path) -> MemoryRegistry:
    (tmp_path / "card.md").write_text("A model.")
    registry = MemoryRegistry()
    tags = FeatureService("mine", {PEOPLE: ("n",), "user_activity": ("message_count",)}).tags()
    for patch in range(4):
        versions = {PEOPLE: patch, EVENTS: 9}
        registry.register(NewVersion("m", tmp_path, "a.b:C", f"1.0.{patch}", table_versions=versions, tags=tags))
    registry.register(NewVersion("spam-classifier", tmp_path, "a.b:C", "2.0.0"))
    registry.set_alias("m", "champion", 1)
    return registry


def test_a_version_is_made_of_what_it_reads_and_what_it_learnt_from(registry: MemoryRegistry) -> None:
    newest = sources_of_models(registry)[0]
    assert (newest.model, newest.version, newest.semantic_version, newest.feature_service) == ("m", 4, "1.0.3", "mine")
    assert newest.sources == (
        Source(EVENTS, (), 9),
        Source(PEOPLE, ("n",), 3),
        Source("user_activity", ("message_count",), None),
    )


def test_of_many_versions_the_newest_are_listed_and_those_with_an_alias(registry: MemoryRegistry) -> None:
    found = sources_of_models(registry, newest=2)
    assert [(one.model, one.version) for one in found] == [("m", 4), ("m", 3), ("m", 1), ("spam-classifier", 1)]
    assert len(sources_of_models(registry)) == 5


def test_the_other_direction(registry: MemoryRegistry) -> None:
    uses = uses_of_sources(sources_of_models(registry))
    assert [(use.version, use.table_version, use.features) for use in uses[PEOPLE]] == [
        (4, 3, ("n",)), (3, 2, ("n",)), (2, 1, ("n",)), (1, 0, ("n",)),
    ]  # fmt: skip
    assert uses[PEOPLE][-1].aliases == ("champion",)
    assert [(use.model, use.feature_service) for use in uses["user_reputation"]] == [("spam-classifier", "spam_check")]
    assert {use.feature_service for use in uses[EVENTS]} == {"mine"}
