"""The BERT that ships: windows, and answers that do not depend on their company."""

import os
import random
import subprocess
import sys
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quikapp_ml.errors import Damaged
from quikapp_ml.models.bert import WINDOW, BertEncoder, by_length, combined, padded_length
from quikapp_ml.models.sentiment import SentimentClassifier

with as_file(files("quikapp_ml.starter_models") / SentimentClassifier.name) as folder:
    MODEL = SentimentClassifier.load(folder)
assert isinstance(MODEL.reads, BertEncoder)
ENCODER = MODEL.reads
TEXTS = (
    "This is great!",
    "I am not happy with the release",
    "kill the process",
    "",
    "🎉",
    "Ünï ‏ 👍🏽 :tada:",
    "a rather long message about nothing in particular " * 6,
)


def test_a_text_is_read_whole_in_windows_that_overlap() -> None:
    words = [f"word{number}" for number in range(400)]
    windows = ENCODER.windows(" ".join(words))
    assert len(windows) > 3
    assert all(len(window) <= WINDOW and window[0] == windows[0][0] for window in windows)
    again = list(windows[0][1:-1])
    for window in windows[1:]:
        inner = list(window[1:-1])
        overlap = next(n for n in range(len(inner), -1, -1) if again[len(again) - n :] == inner[:n])
        again += inner[overlap:]
    assert len(again) >= 2 * len(words)  # each is cut into "word" and its number at least


@pytest.mark.parametrize("n_words", [1, 125, 126, 127, 250])
def test_a_window_is_never_empty_of_what_is_new(n_words: int) -> None:
    windows = ENCODER.windows(" ".join(["good"] * n_words))
    assert sum(len(window) - 2 for window in windows) >= n_words
    assert len(windows) == 1 or len(windows[-1]) > 2


def test_the_end_of_a_long_message_counts() -> None:
    long = "The meeting is on Tuesday in the usual room. " * 25
    bad = MODEL.scores(long + "I hate this terrible, awful mess. " * 12)
    assert bad[0] > MODEL.scores(long)[0]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=6), st.text(max_size=60))
def test_an_answer_is_the_same_alone_and_in_any_company(company: list[str], text: str) -> None:
    assert MODEL.scores_of([*company, text])[-1] == MODEL.scores(text)


def test_the_order_of_a_batch_does_not_matter() -> None:
    texts = list(TEXTS) * 3
    random.Random(1).shuffle(texts)
    alone = {text: MODEL.scores(text) for text in TEXTS}
    assert MODEL.scores_of(texts) == [alone[text] for text in texts]


def test_scores_have_six_digits() -> None:
    for scores in MODEL.scores_of(TEXTS):
        assert scores == [round(score, 6) for score in scores]
        assert sum(scores) == pytest.approx(1.0, abs=1e-12)


def test_windows_of_one_padded_length_share_a_batch_within_the_budget() -> None:
    windows = [(1,) * length for length in (3, 9, 8, 20, 5, 16)]
    assert by_length(windows, 16) == [[0, 2], [4], [1], [5], [3]]
    assert [padded_length(window) for window in windows] == [8, 16, 8, 24, 8, 16]


def test_long_windows_count_for_more() -> None:
    vectors = np.array([[0.0], [1.0]], dtype=np.float32)
    assert combined(vectors, [(1,) * 10, (1,) * 30])[0] == pytest.approx(0.75)
    assert combined(vectors[1:], [(1,) * 30])[0] == 1.0


@pytest.mark.parametrize("part", ["encoder", "tokenizer"])
def test_bytes_that_are_no_model_are_damaged(part: str) -> None:
    parts = {**ENCODER.arrays(), part: np.frombuffer(b"{}", dtype=np.uint8)}
    with pytest.raises(Damaged, match="cannot be read"):
        BertEncoder.from_arrays(parts)


def test_a_model_without_its_encoder_is_damaged() -> None:
    arrays = {name: array for name, array in MODEL.arrays().items() if name != "encoder"}
    with pytest.raises(Damaged, match="lacks or spoils"):
        SentimentClassifier.from_parts(arrays, MODEL.facts())


def test_it_fits_in_35_megabytes() -> None:
    assert sum(array.nbytes for array in MODEL.arrays().values()) < 35_000_000


def test_a_bert_leaves_nothing_in_the_home_of_who_runs_it(tmp_path: Path) -> None:
    program = (
        "from importlib.resources import as_file, files; from quikapp_ml.models.sentiment import SentimentClassifier\n"
        "with as_file(files('quikapp_ml.starter_models') / SentimentClassifier.name) as folder:\n"
        "    SentimentClassifier.load(folder)\n"
    )
    subprocess.run([sys.executable, "-c", program], env={**os.environ, "HOME": str(tmp_path)}, check=True)
    assert list(tmp_path.iterdir()) == []
