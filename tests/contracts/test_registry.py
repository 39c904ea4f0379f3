"""The promises of `ModelRegistry`, held against every implementation."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pytest

from quikapp_ml.errors import Conflict, InvalidInput, NotFound
from quikapp_ml.models.base import Model
from quikapp_ml.stores.registry import open_registry
from quikapp_ml.stores.registry.base import CHALLENGER, CHAMPION, ModelRegistry, NewVersion


class Longer(Model):
    """Says whether a text is longer than it has learnt."""

    name = "longer"
    inputs: ClassVar[Mapping[str, str]] = {"content": "string"}
    outputs: ClassVar[Mapping[str, str]] = {"is_longer": "boolean"}

    def __init__(self, limit: int) -> None:
        self.limit_ = limit

    def predict(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        return {"is_longer": [len(text) > self.limit_ for text in columns["content"]]}

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        return {"limit": np.array([self.limit_])}

    def facts(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_parts(cls, arrays: dict[str, np.ndarray[Any, Any]], facts: dict[str, Any]) -> Self:
        return cls(int(arrays["limit"][0]))


MODEL_CLASS = f"{Longer.__module__}:Longer"
Make = Callable[..., NewVersion]


@pytest.fixture(scope="module", params=["memory", "mlflow"])
def registry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelRegistry:
    home = tmp_path_factory.mktemp("a höme of mine")
    uri = "memory://" if request.param == "memory" else f"sqlite:///{home / 'mlflow.db'}"
    return open_registry(uri, "quikapp-ml", home / "mlartifacts")


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name that no other test uses: all share one registry, for a new one takes a second."""
    return "m-" + "".join(letter if letter.isalnum() else "-" for letter in request.node.name)[:90]


@pytest.fixture
def make(tmp_path: Path, name: str) -> Make:
    def make_version(limit: int = 3, **changes: Any) -> NewVersion:
        folder = tmp_path / f"saved {limit}"
        Longer(limit).save(folder)
        (folder / "card.md").write_text(f"# Longer\n\nLimit {limit}. Zażółć 🙂\n", encoding="utf-8")
        given = {"name": name, "folder": folder, "model_class": MODEL_CLASS, "semantic_version": f"1.0.{limit}"}
        return NewVersion(**{**given, **changes})

    return make_version


def test_a_version_comes_back_as_it_was_registered(registry: ModelRegistry, name: str, make: Make) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    version = registry.register(
        make(
            parameters={"limit": "3"},
            metrics={"auc": 0.9375, "auc_low": -1e-12},
            table_versions={"quikapp_ml.bronze.events": 17},
            tags={"starter": "true", "note": "für alle"},
        )
    )
    assert (version.name, version.number, version.semantic_version) == (name, 1, "1.0.3")
    assert version.aliases == ()
    assert version.metrics == {"auc": 0.9375, "auc_low": -1e-12}
    assert version.tags == {"starter": "true", "note": "für alle"}
    assert version.table_versions == {"quikapp_ml.bronze.events": 17}
    assert before <= version.created_at <= datetime.now(UTC) + timedelta(seconds=1)
    assert registry.versions(name) == [version]


def test_numbers_grow_and_the_newest_comes_first(registry: ModelRegistry, name: str, make: Make) -> None:
    for limit in range(3):
        registry.register(make(limit))
    versions = registry.versions(name)
    assert [version.number for version in versions] == [3, 2, 1]
    assert [version.semantic_version for version in versions] == ["1.0.2", "1.0.1", "1.0.0"]


def test_names_are_sorted(registry: ModelRegistry, name: str, make: Make) -> None:
    for ending in ("-b", "-a"):
        registry.register(make(name=name + ending))
    assert [each for each in registry.names() if each.startswith(name)] == [f"{name}-a", f"{name}-b"]
    assert registry.names() == sorted(registry.names())


def test_the_files_come_back_and_the_model_loads(
    registry: ModelRegistry, name: str, make: Make, tmp_path: Path
) -> None:
    given = make(5)
    number = registry.register(given).number
    registry.register(make(6))
    into = tmp_path / "cache" / name / str(number)
    assert registry.fetch(name, number, into) == into
    assert {path.name: path.read_bytes() for path in into.iterdir()} == {
        path.name: path.read_bytes() for path in given.folder.iterdir()
    }
    assert Longer.load(into).limit_ == 5
    assert [path.name for path in into.parent.iterdir()] == [str(number)]


def test_a_version_does_not_change_with_its_folder(
    registry: ModelRegistry, name: str, make: Make, tmp_path: Path
) -> None:
    given = make(5)
    registry.register(given)
    (given.folder / "model.json").write_text("spoilt")
    assert Longer.load(registry.fetch(name, 1, tmp_path / "fetched")).limit_ == 5


def test_fetching_over_something_is_refused(registry: ModelRegistry, name: str, make: Make, tmp_path: Path) -> None:
    registry.register(make())
    with pytest.raises(Conflict, match="exists already"):
        registry.fetch(name, 1, tmp_path)


def test_aliases_move(registry: ModelRegistry, name: str, make: Make) -> None:
    first, second = registry.register(make(1)), registry.register(make(2))
    assert registry.by_alias(name, CHAMPION) is None
    registry.set_alias(name, CHAMPION, first.number)
    registry.set_alias(name, CHALLENGER, second.number)
    champion = registry.by_alias(name, CHAMPION)
    assert champion is not None
    assert (champion.number, champion.aliases, champion.semantic_version) == (1, (CHAMPION,), "1.0.1")
    registry.set_alias(name, CHAMPION, second.number)
    assert [(each.number, each.aliases) for each in registry.versions(name)] == [(2, (CHALLENGER, CHAMPION)), (1, ())]
    registry.remove_alias(name, CHALLENGER)
    registry.remove_alias(name, CHALLENGER)
    assert registry.by_alias(name, CHALLENGER) is None
    champion = registry.by_alias(name, CHAMPION)
    assert champion is not None
    assert champion.number == 2


def test_what_does_not_exist(registry: ModelRegistry, name: str, make: Make, tmp_path: Path) -> None:
    assert registry.versions("nobody") == []
    assert registry.by_alias("nobody", CHAMPION) is None
    registry.remove_alias("nobody", CHAMPION)
    registry.register(make())
    assert registry.by_alias(name, CHAMPION) is None
    for unknown, number in (("nobody", 1), (name, 2), (name, 0)):
        with pytest.raises(NotFound):
            registry.set_alias(unknown, CHAMPION, number)
        with pytest.raises(NotFound):
            registry.fetch(unknown, number, tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "../up"}, "name '../up'"),
        ({"name": ""}, "name ''"),
        ({"semantic_version": "1.0"}, "semantic_version '1.0'"),
        ({"model_class": "not a path"}, "model_class 'not a path'"),
        ({"metrics": {"auc": float("nan")}}, "metric auc .* is nan"),
        ({"tags": {"metrics": "x"}}, "tags .'metrics'. "),
    ],
)
def test_what_cannot_be_registered(
    registry: ModelRegistry, name: str, make: Make, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidInput, match=says):
        registry.register(make(**changes))
    assert registry.versions(name) == []


def test_a_folder_without_a_card_or_that_is_not_there(registry: ModelRegistry, name: str, make: Make) -> None:
    version = make()
    (version.folder / "card.md").unlink()
    with pytest.raises(InvalidInput, match=r"has no card\.md"):
        registry.register(version)
    with pytest.raises(NotFound, match="does not exist"):
        registry.register(make(folder=version.folder / "deeper"))
    assert registry.versions(name) == []


def test_threads_get_numbers_of_their_own(registry: ModelRegistry, name: str, make: Make) -> None:
    versions = [make(limit) for limit in range(4)]
    with ThreadPoolExecutor(4) as pool:
        numbers = sorted(version.number for version in pool.map(registry.register, versions))
    assert numbers == [1, 2, 3, 4]
