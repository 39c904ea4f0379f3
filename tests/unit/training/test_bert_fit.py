"""Fine-tuning a tiny BERT, and putting a graph into bytes; where the extra `train` is installed."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
onnx = pytest.importorskip("onnx", reason="the extra `train` is not installed")

N_TEXTS = 60


def encoder() -> Any:
    transformers = import_module("transformers")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation="eager",
    )  # fmt: skip
    return transformers.BertModel(config, add_pooling_layer=False)


def texts() -> Any:
    """The label of a text is the word that it holds."""
    rng = np.random.default_rng(1)
    targets = np.arange(N_TEXTS) % 3
    rows = [[1, *rng.integers(10, 39, 4).tolist(), 3 + target, 2] for target in targets.tolist()]
    return import_module("quikapp_ml.training.bert_fit").Texts(rows, targets)


def tuned(folder: Path, stop_at: int | None = None) -> Any:
    module = import_module("quikapp_ml.training.bert_fit")
    plan = module.Plan(
        epochs=12.0, tokens_a_batch=64, learning_rate=2e-2, warm_up_steps=3, frozen_layers=0, checkpoint_every=5
    )

    def watch(_: Any, step: int) -> None:
        if stop_at is not None and step >= stop_at:
            raise InterruptedError

    made = module.FineTuning(encoder(), 3, plan, folder)
    made.fit(texts(), watch)
    return made


def test_it_learns(tmp_path: Path) -> None:
    made = tuned(tmp_path)
    assert (made.scores(texts().rows).argmax(axis=1) == texts().targets).mean() > 0.9
    assert not any(name.startswith("embeddings") for name in made.weights())


def test_a_training_that_was_cut_off_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = tuned(tmp_path / "whole")
    with pytest.raises(InterruptedError):
        tuned(tmp_path / "cut", stop_at=1)
    again = tuned(tmp_path / "cut")
    for name, weights in whole.weights().items():
        assert np.array_equal(weights, again.weights()[name]), name


def test_bytes_answer_like_floats_and_alone_as_in_a_batch() -> None:
    rng = np.random.default_rng(2)
    weights = rng.normal(size=(24, 8)).astype(np.float32)
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="m")], "g",
        [helper.make_tensor_value_info("x", floats, ["n", "t", 24])],
        [helper.make_tensor_value_info("y", floats, ["n", "t", 8])],
        [onnx.numpy_helper.from_array(weights, "w")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    in_bytes = import_module("quikapp_ml.training.bert_quantise").quantised(model).SerializeToString()
    session = onnxruntime.InferenceSession(in_bytes, providers=["CPUExecutionProvider"])
    given = rng.normal(size=(5, 3, 24)).astype(np.float32)
    given[0] *= 100
    found = session.run(None, {"x": given})[0]
    wanted = given @ weights
    errors, sizes = np.abs(found - wanted).max(axis=(1, 2)), np.abs(wanted).max(axis=(1, 2))
    assert (errors < 0.03 * sizes).all(), "a large text does not take the others' precision"
    for row in range(5):
        assert np.array_equal(session.run(None, {"x": given[row : row + 1]})[0][0], found[row])
