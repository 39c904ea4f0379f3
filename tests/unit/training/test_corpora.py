"""Labelled texts from files."""

import gzip
from pathlib import Path

import pytest

from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.training.corpora import Labelled, held_out, read_labelled

ROWS = 'label\ttext\nham\tan "quoted" word\nspam\t"two ""quoted"" words"\n'


def test_plain_and_packed_files_are_read_alike(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(ROWS)
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress(ROWS.encode()))
    expected = [Labelled("ham", 'an "quoted" word'), Labelled("spam", 'two "quoted" words')]
    assert read_labelled(tmp_path / "a.tsv") == read_labelled(tmp_path / "a.tsv.gz") == expected


def test_a_missing_file_or_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"none\.tsv"):
        read_labelled(tmp_path / "none.tsv")
    (tmp_path / "a.tsv").write_text(ROWS)
    with pytest.raises(InvalidInput, match="lacks the column sentiment"):
        read_labelled(tmp_path / "a.tsv", "sentiment")


def test_a_text_is_always_on_the_same_side() -> None:
    rows = [Labelled("ham", f"text {number}") for number in range(1_000)]
    learnt, chosen_on = held_out(rows)
    assert 150 < len(chosen_on) < 250
    assert len(learnt) + len(chosen_on) == 1_000
    again = held_out(rows[::-1])
    assert set(again[1]) == set(chosen_on)
