from datetime import UTC, datetime, timedelta

import pytest

from quikapp_ml.errors import NotFound
from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.stores.lake.tables import EVENTS
from quikapp_ml.training import replay
from quikapp_ml.training.replay import in_order, ordered_events
from support.logs import LOG_END, late, random_log, table_of


def test_events_come_back_as_they_were_in_the_order_of_their_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "BATCH_ROWS", 7)
    events = random_log(seed=1, n_events=100)
    lake = MemoryLake()
    lake.ensure(EVENTS)
    lake.append(EVENTS.name, table_of(late(events, seed=2)))
    assert list(ordered_events(lake)) == events


def test_without_texts_everything_else_is_as_it_was() -> None:
    events = random_log(seed=1, n_events=300)
    lake = MemoryLake()
    lake.ensure(EVENTS)
    lake.append(EVENTS.name, table_of(events))
    bare = [event.model_copy(update={"content": None}) if event.type == "message" else event for event in events]
    assert list(ordered_events(lake, texts=False)) == [event for event in bare if event.type != "edit"]


def test_an_older_version_can_be_read() -> None:
    first, second = random_log(seed=1, n_events=2)
    lake = MemoryLake()
    lake.ensure(EVENTS)
    version = lake.append(EVENTS.name, table_of([first]))
    lake.append(EVENTS.name, table_of([second]))
    assert list(ordered_events(lake, version)) == [first]
    with pytest.raises(NotFound):
        list(ordered_events(lake, 99))


def test_of_one_time_the_first_known_then_the_smaller_id_comes_first() -> None:
    events = [
        event.model_copy(update={"event_time": datetime(2026, 2, 1, tzinfo=UTC), "event_id": event_id})
        for event, event_id in zip(random_log(seed=1, n_events=3), ("c", "b", "a"), strict=True)
    ]
    known_first = table_of(events[:1], LOG_END - timedelta(days=1))
    known_later = table_of(events[1:], LOG_END)
    import_order = [event.event_id for event in in_order(known_later)]
    assert import_order == ["a", "b"]
    lake = MemoryLake()
    lake.ensure(EVENTS)
    lake.append(EVENTS.name, known_later)
    lake.append(EVENTS.name, known_first)
    assert [event.event_id for event in ordered_events(lake)] == ["c", "a", "b"]


def test_without_a_table_there_are_no_events() -> None:
    assert list(ordered_events(MemoryLake())) == []
