from dataclasses import dataclass

import numpy as np
import orjson
import pytest

from quikapp_ml.api.answers import JsonAnswer


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    parts: tuple[Part, ...]
    score: float


def test_dataclasses_become_objects_in_the_order_of_their_fields_without_what_is_none() -> None:
    answer = JsonAnswer(Whole((Part("a"), Part("b", "seen")), 0.5))
    assert answer.body == b'{"parts":[{"name":"a"},{"name":"b","note":"seen"}],"score":0.5}'
    assert answer.headers["content-type"] == "application/json"


def test_false_zero_and_empty_are_values() -> None:
    assert orjson.loads(JsonAnswer(Whole((Part(""),), 0.0)).body) == {"parts": [{"name": ""}], "score": 0.0}


def test_numbers_of_numpy_are_numbers() -> None:
    assert orjson.loads(JsonAnswer({"score": np.float64(0.25), "n": np.int64(3)}).body) == {"score": 0.25, "n": 3}


def test_a_value_without_a_form_in_json_is_a_bug() -> None:
    with pytest.raises(TypeError):
        JsonAnswer({"x": object()})
