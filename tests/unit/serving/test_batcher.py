"""Work of concurrent requests, computed together."""

import sys
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from threading import Event
from threading import enumerate as enumerate_threads

import numpy as np
import pytest

from quikapp_ml.errors import Overloaded
from quikapp_ml.models.bert import Vectors, Window, padded_length
from quikapp_ml.serving.batcher import Batcher, Caller


class Reader:
    """Its vector of a window is the window's first token; it waits where it is told to, and keeps what it was given."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.lengths: list[set[int]] = []
        self.started, self.goes_on = Event(), Event()
        self.goes_on.set()

    def vectors(self, windows: Sequence[Window]) -> Vectors:
        self.started.set()
        assert self.goes_on.wait(10)
        self.batches.append([window[0] for window in windows])
        self.lengths.append({padded_length(window) for window in windows})
        return np.array([[window[0]] for window in windows], dtype=np.float32)


def window(number: int, length: int = 4) -> Window:
    return (number, *[1] * (length - 1))


def test_a_request_gets_its_vectors_in_its_own_order() -> None:
    batcher, reader = Batcher(), Reader()
    windows = [window(number, 3 + 7 * number % 50) for number in range(40)]
    assert batcher.vectors(reader, windows)[:, 0].tolist() == list(range(40))
    assert all(len(lengths) == 1 for lengths in reader.lengths)
    assert batcher.waiting_tokens == 0
    batcher.close()


def test_what_arrives_while_it_computes_is_computed_together() -> None:
    batcher, reader = Batcher(budget_tokens=800), Reader()
    reader.goes_on.clear()
    with ThreadPoolExecutor(12) as pool:
        first = pool.submit(batcher.vectors, reader, [window(0)])
        assert reader.started.wait(5)
        others = [pool.submit(batcher.vectors, reader, [window(number)]) for number in range(1, 11)]
        while batcher.waiting_tokens < 10 * 8:
            pass
        reader.goes_on.set()
        assert [one.result(5)[0, 0] for one in (first, *others)] == list(range(11))
    assert reader.batches[0] == [0]
    assert sorted(reader.batches[1]) == list(range(1, 11))
    assert batcher.released == {"full": 0, "waited": 1, "kept_waiting": 1, "closing": 0}
    batcher.close()


def test_a_long_list_gives_way_to_a_short_question() -> None:
    batcher, reader = Batcher(budget_tokens=64), Reader()
    reader.goes_on.clear()
    with ThreadPoolExecutor(2) as pool:
        long = pool.submit(batcher.vectors, reader, [window(number) for number in range(100)])
        assert reader.started.wait(5)
        short = pool.submit(batcher.vectors, reader, [window(1000)])
        while batcher.waiting_tokens <= 92 * 8:
            pass
        reader.goes_on.set()
        assert short.result(5)[0, 0] == 1000
        assert len(long.result(5)) == 100
    assert [1000 in batch for batch in reader.batches].index(True) == 1
    assert max(map(len, reader.batches)) == 8
    batcher.close()


def test_a_full_release_does_not_wait() -> None:
    batcher, reader = Batcher(budget_tokens=16, max_wait_seconds=60), Reader()
    assert len(batcher.vectors(reader, [window(1), window(2)])) == 2
    assert batcher.released["full"] == 1
    batcher.close()


def test_any_number_may_leave_in_a_row() -> None:
    others = enumerate_threads()
    batcher, reader = Batcher(max_wait_seconds=0.005), Reader()
    with ThreadPoolExecutor(1) as pool:
        for _ in range(30):
            caller = Caller()
            asked = pool.submit(batcher.vectors, reader, [window(1)], caller)
            while caller.ticket is None:
                pass
            batcher.leave(caller)
            asked.exception(5)
            time.sleep(0.01)  # until the thread has seen that nobody is there any more
    (worker,) = (one for one in enumerate_threads() if one.name == "batcher" and one not in others)
    assert len(traceback.extract_stack(sys._current_frames()[worker.ident or 0])) < 20
    assert batcher.vectors(reader, [window(7)])[0, 0] == 7
    batcher.close()


def test_who_leaves_leaves_the_queue() -> None:
    batcher, reader, caller = Batcher(), Reader(), Caller()
    reader.goes_on.clear()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(batcher.vectors, reader, [window(0)])
        assert reader.started.wait(5)
        gone = pool.submit(batcher.vectors, reader, [window(1)], caller)
        while not batcher.waiting_tokens:
            pass
        batcher.leave(caller)
        assert batcher.waiting_tokens == 0
        with pytest.raises(CancelledError):
            gone.result(5)
        reader.goes_on.set()
        assert first.result(5)[0, 0] == 0
    assert reader.batches == [[0]]
    with pytest.raises(CancelledError):
        batcher.vectors(reader, [window(2)], caller)
    batcher.leave(Caller())
    batcher.close()


def test_a_failure_is_told_to_those_it_hit_and_the_next_are_answered() -> None:
    class Failing(Reader):
        def vectors(self, windows: Sequence[Window]) -> Vectors:
            raise RuntimeError("no memory")

    batcher = Batcher()
    with pytest.raises(RuntimeError, match="no memory"):
        batcher.vectors(Failing(), [window(1)])
    assert batcher.vectors(Reader(), [window(2)])[0, 0] == 2
    batcher.close()


def test_what_finds_no_room_is_refused_before_anything_is_done() -> None:
    batcher = Batcher(max_waiting_tokens=100)
    others = (batcher.admitted(60), batcher.admitted(50))
    refusal = pytest.raises(Overloaded, match=r"100 tokens .* brings 1;")
    with others[0], others[1], refusal as refused, batcher.admitted(1):
        pass
    assert refused.value.retry_after_seconds > 0
    assert batcher.refused == 1


def test_one_request_never_takes_all_the_room() -> None:
    batcher = Batcher(max_waiting_tokens=100)
    with batcher.admitted(1_000_000), batcher.admitted(40):
        pass
    with batcher.admitted(100), batcher.admitted(100):
        pass
    assert batcher.refused == 0


def test_after_the_end_nothing_is_taken() -> None:
    batcher = Batcher()
    batcher.close()
    with pytest.raises(Overloaded, match="closing"):
        batcher.vectors(Reader(), [window(1)])
