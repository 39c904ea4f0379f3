"""The order in which a BERT learns."""

from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.training.bert_batches import batches_of, padded


@given(st.lists(st.integers(1, 96), min_size=1, max_size=200), st.integers(0, 9))
def test_every_text_is_learnt_once_within_the_budget(lengths: list[int], seed: int) -> None:
    batches = batches_of(lengths, 256, seed)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(len(batch) * max(lengths[row] for row in batch) <= 256 for batch in batches)
    assert batches == batches_of(lengths, 256, seed)


def test_texts_of_like_length_share_a_batch() -> None:
    lengths = [5, 50] * 100
    batches = batches_of(lengths, 500, 0)
    padding = sum(len(batch) * max(lengths[row] for row in batch) for batch in batches) - sum(lengths)
    assert padding < 0.1 * sum(lengths)
    assert batches != batches_of(lengths, 500, 1)


def test_padding_is_marked() -> None:
    batch = padded([[5, 6, 7], [8]])
    assert batch.ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert batch.mask.tolist() == [[1, 1, 1], [1, 0, 0]]
