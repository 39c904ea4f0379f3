import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pytest

from quikapp_ml.entities.decisions import ModelRef
from quikapp_ml.errors import StorageFailed, Unavailable
from quikapp_ml.models.base import Model
from quikapp_ml.serving.loading import ModelHost
from quikapp_ml.stores.registry.base import CHALLENGER, CHAMPION, ModelVersion, NewVersion
from quikapp_ml.stores.registry.memory import MemoryRegistry

NAME = "constant"
OTHER = "other"
SOON_SECONDS = 10


class Constant(Model):
    """Answers with the number that it has learnt; below zero it cannot be built again."""

    name = NAME
    inputs: ClassVar[Mapping[str, str]] = {"x": "double"}
    outputs: ClassVar[Mapping[str, str]] = {"y": "double"}

    def __init__(self, value: float) -> None:
        self.value_ = value

    def predict(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        return {"y": [self.value_] * len(columns["x"])}

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        return {"value": np.array([self.value_])}

    def facts(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_parts(cls, arrays: dict[str, np.ndarray[Any, Any]], facts: dict[str, Any]) -> Self:
        if arrays["value"][0] < 0:
            raise KeyError("something that an older class did not save")
        return cls(float(arrays["value"][0]))


class Registry(MemoryRegistry):
    """A memory registry that can be out of order, and counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: Exception | None = None
        self.fetch_broken: Exception | None = None
        self.n_asked = 0
        self.n_fetched = 0

    def by_alias(self, name: str, alias: str) -> ModelVersion | None:
        self.n_asked += 1
        if self.broken is not None:
            raise self.broken
        return super().by_alias(name, alias)

    def fetch(self, name: str, number: int, into: Path) -> Path:
        self.n_fetched += 1
        if self.fetch_broken is not None:
            raise self.fetch_broken
        return super().fetch(name, number, into)


Publish = Callable[..., int]


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def starters(tmp_path: Path) -> dict[str, Path]:
    folder = tmp_path / "starters" / NAME
    Constant(1.0).save(folder)
    (folder / "metadata.json").write_text(json.dumps({"semantic_version": "1.0.0", "alias": CHAMPION}))
    return {NAME: folder}


@pytest.fixture
def publish(registry: Registry, tmp_path: Path) -> Publish:
    def register(value: float, name: str = NAME, alias: str | None = CHAMPION) -> int:
        folder = tmp_path / "published" / str(value)
        Constant(value).save(folder)
        (folder / "card.md").write_text("card")
        version = NewVersion(name, folder, f"{__name__}:Constant", f"{int(abs(value))}.0.0")
        number = registry.register(version).number
        if alias:
            registry.set_alias(name, alias, number)
        return number

    return register


Open = Callable[..., ModelHost]


@pytest.fixture
def open_host(registry: Registry, starters: dict[str, Path], tmp_path: Path) -> Iterator[Open]:
    hosts = []

    def open_now(poll_seconds: float = 3600, names: Sequence[str] = (NAME,)) -> ModelHost:
        host = ModelHost(registry, starters, dict.fromkeys(names, Constant), tmp_path / "cache", poll_seconds)
        hosts.append(host)
        return host

    yield open_now
    for host in hosts:
        host.close()


def value(host: ModelHost, name: str = NAME) -> float:
    model = host.get(name).model
    assert isinstance(model, Constant)
    return model.value_


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it has not happened"
        time.sleep(0.01)


class TestFollowing:
    def test_a_registry_that_hangs_is_noticed_and_one_that_answers_again_too(
        self, starters: dict[str, Path], tmp_path: Path
    ) -> None:
        answered = threading.Event()

        class Hanging(Registry):
            def by_alias(self, name: str, alias: str) -> ModelVersion | None:
                answered.wait(SOON_SECONDS)
                return None

        host = ModelHost(Hanging(), starters, {NAME: Constant}, tmp_path / "cache", 3600, max_asking_seconds=0.2)
        assert host.follows_registry
        host.start()
        wait_until(lambda: not host.follows_registry)
        answered.set()
        wait_until(lambda: host.follows_registry)
        host.close()

    def test_a_registry_that_refuses_is_not_followed(self, registry: Registry, open_host: Open) -> None:
        registry.broken = Unavailable("no answer")
        host = open_host(poll_seconds=0.01)
        host.start()
        wait_until(lambda: not host.follows_registry)
        registry.broken = None
        wait_until(lambda: host.follows_registry)


class TestFirstAnswers:
    def test_the_starter_answers_at_once_even_when_the_registry_hangs(
        self, registry: Registry, open_host: Open
    ) -> None:
        asked, answered = threading.Event(), threading.Event()

        class Hanging(Registry):
            def by_alias(self, name: str, alias: str) -> ModelVersion | None:
                asked.set()
                answered.wait(SOON_SECONDS)
                return None

        host = open_host()
        host._registry = Hanging()
        host.start()
        assert asked.wait(SOON_SECONDS)
        loaded = host.get(NAME)
        assert (loaded.ref, loaded.number, loaded.alias) == (ModelRef(NAME, "1.0.0"), None, CHAMPION)
        assert host.loaded() == [loaded]
        answered.set()

    def test_nothing_loaded_is_unavailable(self, open_host: Open) -> None:
        host = open_host(names=[NAME, OTHER])
        with pytest.raises(Unavailable, match="'constant'"):
            host.get(NAME)
        host.start()
        with pytest.raises(Unavailable, match=r"'other' is loaded; loaded are \['constant'\]"):
            host.get(OTHER)
        assert [loaded.ref.name for loaded in host.loaded()] == [NAME]

    @pytest.mark.parametrize("file", ["arrays.npz", "model.json", "metadata.json"])
    @pytest.mark.parametrize("content", [None, b"", b"[]", b"\x00 damaged"])
    def test_a_damaged_starter_is_counted_and_others_answer(
        self, starters: dict[str, Path], open_host: Open, file: str, content: bytes | None
    ) -> None:
        other = starters[OTHER] = starters[NAME].with_name(OTHER)
        Constant(7.0).save(other)
        (other / "metadata.json").write_text(json.dumps({"semantic_version": "1.0.0", "alias": CHALLENGER}))
        if content is None:
            (starters[NAME] / file).unlink()
        else:
            (starters[NAME] / file).write_bytes(content)
        host = open_host(names=[NAME, OTHER])
        host.start()
        if (file, content) == ("model.json", b"[]"):
            assert value(host) == 1.0  # this model has no facts
        else:
            assert host.failures == 1
            with pytest.raises(Unavailable):
                host.get(NAME)
        assert value(host, OTHER) == 7.0

    def test_a_starter_with_a_number_that_is_not_finite_does_not_answer(
        self, starters: dict[str, Path], open_host: Open
    ) -> None:
        Constant(float("nan")).save(starters[NAME])
        host = open_host()
        host.start()
        assert host.loaded() == []


class TestSwaps:
    def test_the_champion_takes_over_and_its_number_is_known(self, publish: Publish, open_host: Open) -> None:
        host = open_host()
        host.start()
        publish(5.0)
        publish(6.0)
        wait_until(lambda: host.refresh() == 1 or value(host) == 6.0)
        loaded = host.get(NAME)
        assert (value(host), loaded.ref, loaded.number, loaded.alias) == (6.0, ModelRef(NAME, "6.0.0"), 2, CHAMPION)

    def test_a_registered_version_equal_to_the_starter_is_preferred(self, publish: Publish, open_host: Open) -> None:
        number = publish(1.0)
        host = open_host()
        host.start()
        wait_until(lambda: host.get(NAME).number == number)
        assert host.get(NAME).ref == ModelRef(NAME, "1.0.0")

    def test_without_a_champion_the_challenger_answers(self, publish: Publish, open_host: Open) -> None:
        publish(5.0, alias=CHALLENGER)
        host = open_host()
        assert host.refresh() == 1
        assert (value(host), host.get(NAME).alias) == (5.0, CHALLENGER)
        publish(6.0, alias=CHAMPION)
        assert host.refresh() == 1
        assert (value(host), host.get(NAME).alias) == (6.0, CHAMPION)

    def test_a_challenger_that_becomes_champion_is_not_loaded_again(
        self, registry: Registry, publish: Publish, open_host: Open
    ) -> None:
        number = publish(5.0, alias=CHALLENGER)
        host = open_host()
        host.refresh()
        model = host.get(NAME).model
        registry.set_alias(NAME, CHAMPION, number)
        assert host.refresh() == 0
        assert host.get(NAME).alias == CHAMPION
        assert host.get(NAME).model is model
        assert (host.swaps, registry.n_fetched) == (1, 1)

    def test_an_alias_that_moves_back_swaps_back(self, registry: Registry, publish: Publish, open_host: Open) -> None:
        publish(5.0)
        publish(6.0)
        host = open_host()
        host.refresh()
        registry.set_alias(NAME, CHAMPION, 1)
        assert host.refresh() == 1
        assert value(host) == 5.0

    def test_without_any_alias_the_loaded_model_goes_on(
        self, registry: Registry, publish: Publish, open_host: Open
    ) -> None:
        publish(5.0)
        host = open_host()
        host.refresh()
        registry.remove_alias(NAME, CHAMPION)
        assert host.refresh() == 0
        assert value(host) == 5.0

    def test_nothing_moved_costs_one_question_and_no_file(
        self, registry: Registry, publish: Publish, open_host: Open
    ) -> None:
        publish(5.0)
        host = open_host()
        host.refresh()
        asked = registry.n_asked
        assert host.refresh() == 0
        assert (registry.n_asked - asked, registry.n_fetched) == (1, 1)

    def test_the_thread_follows_the_alias(self, publish: Publish, open_host: Open) -> None:
        host = open_host(poll_seconds=0.01)
        host.start()
        for number in (5.0, 6.0, 7.0):
            publish(number)
            wait_until(lambda number=number: value(host) == number)  # type: ignore[misc]
        assert host.swaps == 3

    def test_questions_are_answered_while_models_swap(self, publish: Publish, open_host: Open) -> None:
        host = open_host(poll_seconds=0.001)
        host.start()
        stop = threading.Event()
        failures: list[BaseException] = []
        seen: set[float] = set()

        def ask() -> None:
            try:
                while not stop.is_set():
                    loaded = host.get(NAME)
                    answer = loaded.model.predict({"x": [0.0]})["y"][0]
                    assert loaded.ref.version == f"{int(answer)}.0.0"
                    seen.add(answer)
            except BaseException as error:  # noqa: BLE001 it is raised by the test
                failures.append(error)

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for number in range(2, 12):
            publish(float(number))
            wait_until(lambda number=number: value(host) == number)  # type: ignore[misc]
        wait_until(lambda: 11.0 in seen)
        stop.set()
        for thread in threads:
            thread.join()
        assert not failures


class TestWhatGoesWrong:
    def test_a_version_that_does_not_load_is_counted_once_and_the_old_one_goes_on(
        self, publish: Publish, open_host: Open, caplog: pytest.LogCaptureFixture
    ) -> None:
        publish(5.0)
        host = open_host()
        host.refresh()
        publish(-1.0)
        for _ in range(3):
            assert host.refresh() == 0
        assert (value(host), host.failures, host.swaps) == (5.0, 1, 1)
        assert sum("cannot be loaded" in record.message for record in caplog.records) == 1
        publish(6.0)
        assert host.refresh() == 1
        assert value(host) == 6.0

    @pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0])
    def test_a_damaged_version_leaves_no_files(
        self, publish: Publish, open_host: Open, tmp_path: Path, bad: float
    ) -> None:
        folder = tmp_path / "published" / "2.0"
        Constant(bad).save(folder)
        host = open_host()
        host.start()
        registry = host._registry
        (folder / "card.md").write_text("card")
        number = registry.register(NewVersion(NAME, folder, f"{__name__}:Constant", "2.0.0")).number
        registry.set_alias(NAME, CHAMPION, number)
        wait_until(lambda: host.refresh() == 0 and host.failures == 1)
        assert value(host) == 1.0
        assert not list((tmp_path / "cache").rglob("arrays.npz"))

    def test_an_outage_is_told_once_and_survived(
        self, registry: Registry, publish: Publish, open_host: Open, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        publish(5.0)
        host = open_host(poll_seconds=0.01)
        host.start()
        wait_until(lambda: value(host) == 5.0)
        for broken in (Unavailable("no answer"), RuntimeError("a bug of the registry")):
            caplog.clear()
            registry.broken = broken
            asked = registry.n_asked
            wait_until(lambda asked=asked: registry.n_asked > asked + 5)  # type: ignore[misc]
            assert host.registry_error == str(broken)
            assert value(host) == 5.0
            registry.broken = None
            wait_until(lambda: host.registry_error is None)
            told = [record.message for record in caplog.records if "registry" in record.message]
            assert [("does not answer" in message, "answers again" in message) for message in told] == [
                (True, False),
                (False, True),
            ]
        publish(6.0)
        wait_until(lambda: value(host) == 6.0)

    def test_an_outage_is_raised_to_who_asks_for_a_refresh(self, registry: Registry, open_host: Open) -> None:
        registry.broken = Unavailable("no answer")
        with pytest.raises(Unavailable, match="no answer"):
            open_host().refresh()

    def test_files_that_cannot_be_fetched_are_asked_for_again(
        self, registry: Registry, publish: Publish, open_host: Open, caplog: pytest.LogCaptureFixture
    ) -> None:
        publish(5.0)
        host = open_host()
        registry.fetch_broken = StorageFailed("the disk is full")
        for _ in range(3):
            assert host.refresh() == 0
        assert (registry.n_fetched, host.failures) == (3, 3)
        assert sum("cannot be loaded" in record.message for record in caplog.records) == 1
        registry.fetch_broken = None
        assert host.refresh() == 1
        assert value(host) == 5.0

    def test_one_name_that_fails_does_not_keep_another_from_swapping(self, publish: Publish, open_host: Open) -> None:
        host = open_host(names=[NAME, OTHER])
        publish(-1.0, name=NAME)
        publish(6.0, name=OTHER)
        assert host.refresh() == 1
        assert value(host, OTHER) == 6.0


class TestCache:
    def test_the_next_start_answers_with_the_last_champion_without_the_registry(
        self, registry: Registry, publish: Publish, open_host: Open
    ) -> None:
        publish(5.0)
        first = open_host()
        first.start()
        wait_until(lambda: value(first) == 5.0)
        first.close()
        registry.broken = Unavailable("no answer")
        again = open_host()
        again.start()
        assert again.get(NAME).ref == ModelRef(NAME, "5.0.0")
        assert (again.get(NAME).number, again.get(NAME).alias) == (1, CHAMPION)
        registry.broken = None
        assert again.refresh() == 0
        assert registry.n_fetched == 1

    def test_only_the_current_version_is_kept(self, publish: Publish, open_host: Open, tmp_path: Path) -> None:
        host = open_host()
        for number in (5.0, 6.0, 7.0):
            publish(number)
            host.refresh()
        folders = [path for path in (tmp_path / "cache" / NAME).iterdir() if path.is_dir()]
        assert [path.name.partition("-")[0] for path in folders] == ["3"]

    @pytest.mark.parametrize("file", ["arrays.npz", "current.json"])
    def test_a_damaged_cache_falls_back_to_the_starter_and_is_fetched_anew(
        self, registry: Registry, publish: Publish, open_host: Open, tmp_path: Path, file: str
    ) -> None:
        publish(5.0)
        open_host().refresh()
        (found,) = (tmp_path / "cache").rglob(file)
        found.write_bytes(b"damaged")
        registry.broken = Unavailable("no answer")
        host = open_host()
        host.start()
        assert value(host) == 1.0
        assert host.failures == 1
        registry.broken = None
        assert host.refresh() == 1
        assert value(host) == 5.0

    def test_a_new_registry_that_begins_with_one_again_is_not_taken_for_the_old(
        self, registry: Registry, publish: Publish, open_host: Open
    ) -> None:
        publish(5.0)
        open_host().refresh()
        registry._kept.clear()
        registry._aliases.clear()
        time.sleep(0.002)
        publish(6.0)
        host = open_host()
        assert host.refresh() == 1
        assert value(host) == 6.0

    def test_a_cache_that_cannot_be_written_keeps_no_model_from_answering(
        self, publish: Publish, open_host: Open, tmp_path: Path
    ) -> None:
        host = open_host()
        publish(5.0)
        host.refresh()
        (tmp_path / "cache" / NAME / ".current.json").mkdir()
        publish(6.0)
        assert host.refresh() == 1
        assert value(host) == 6.0


def test_closing_stops_the_thread_and_leaves_the_models(publish: Publish, open_host: Open) -> None:
    host = open_host(poll_seconds=0.01)
    host.start()
    host.close()
    host.close()
    publish(5.0)
    time.sleep(0.05)
    assert value(host) == 1.0
    assert host._thread not in threading.enumerate()  # other tests may have threads of this name
