"""Fine-tuning as a job. What it trains is tried where the extra `train` is installed: see docs/models."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from quikapp_ml.errors import FeatureDisabled, NotFound
from quikapp_ml.jobs.bert_training import bert_starter, fine_tune
from quikapp_ml.settings import Settings


def test_only_one_model_has_base_weights(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="'spam-classifier' is not made from base weights; sentiment-bert is"):
        fine_tune(Settings(home=tmp_path), "spam-classifier", tmp_path, tmp_path)


@pytest.mark.skipif(find_spec("torch") is not None, reason="the extra is installed")
def test_without_its_extra_it_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(FeatureDisabled, match=r"pip install 'quikapp-ml\[train\]'"):
        bert_starter(tmp_path, tmp_path, tmp_path)
