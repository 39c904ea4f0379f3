from pathlib import Path

import pytest

from quikapp_ml.errors import Damaged
from quikapp_ml.training.starters import read_metadata, register_starters
from support.toy_model import Threshold, WatchedRegistry

CLASSES = {"threshold": Threshold}


def test_a_starter_is_registered_under_its_alias_with_what_is_known(registry: WatchedRegistry, starter: Path) -> None:
    assert register_starters(registry, {"threshold": starter}, CLASSES) == ["threshold"]
    version = registry.by_alias("threshold", "champion")
    assert version is not None
    assert (version.number, version.semantic_version) == (1, "2.4.0")
    assert version.tags["starter"] == "true"
    assert version.metrics == {"accuracy": 0.9}
    module, _, name = registry.new_versions[0].model_class.partition(":")
    assert (module, name) == (Threshold.__module__, "Threshold")


def test_registering_twice_changes_nothing(registry: WatchedRegistry, starter: Path) -> None:
    register_starters(registry, {"threshold": starter}, CLASSES)
    before = registry.versions("threshold")
    assert register_starters(registry, {"threshold": starter}, CLASSES) == []
    assert registry.versions("threshold") == before


def test_an_alias_that_has_moved_on_stays(registry: WatchedRegistry, starter: Path) -> None:
    register_starters(registry, {"threshold": starter}, CLASSES)
    registry.register(registry.new_versions[0])
    registry.set_alias("threshold", "champion", 2)
    register_starters(registry, {"threshold": starter}, CLASSES)
    champion = registry.by_alias("threshold", "champion")
    assert champion is not None
    assert champion.number == 2


def test_what_an_interruption_left_undone_is_done(registry: WatchedRegistry, starter: Path) -> None:
    register_starters(registry, {"threshold": starter}, CLASSES)
    registry.remove_alias("threshold", "champion")
    assert register_starters(registry, {"threshold": starter}, CLASSES) == ["threshold"]
    assert [version.aliases for version in registry.versions("threshold")] == [("champion",)]


@pytest.mark.parametrize(
    "content",
    [
        None, "", "[]", "{}", '{"semantic_version": "1.0.0"}', '{"semantic_version": "1.0.0", "alias": "live"}',
        '{"semantic_version": "1.0.0", "alias": "champion", "metrics": {"auc": "high"}}',
    ],
)  # fmt: skip
def test_metadata_that_cannot_be_used_is_damaged(starter: Path, content: str | None) -> None:
    file = starter / "metadata.json"
    file.unlink()
    if content is not None:
        file.write_text(content)
    with pytest.raises(Damaged, match=r"metadata\.json"):
        read_metadata(starter)
