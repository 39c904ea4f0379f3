"""Base weights of a BERT from an ONNX file, and fine-tuned ones put back into it. Needs the extra `train`.

Working on the same graph from beginning to end needs no export: what runs is what the base model's makers published.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from transformers import BertConfig, BertModel

from quikapp_ml.errors import InvalidInput
from quikapp_ml.models.bert import WINDOW

POOLED = "pooled"
_HIDDEN = "last_hidden_state"


def load_base(path: Path, heads: int = 12) -> Any:
    """A `BertModel` with the weights of an ONNX file whose output is `last_hidden_state`."""
    graph = onnx.load(path).graph
    arrays = {name: torch.from_numpy(value.copy()) for name, value in _parameters(graph)}
    words, width = arrays["embeddings.word_embeddings.weight"].shape
    layers = sum(name.endswith("intermediate.dense.bias") for name in arrays)
    config = BertConfig(
        vocab_size=words,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=len(arrays["encoder.layer.0.intermediate.dense.bias"]),
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation="eager",  # the fused one's way back takes three times as long on a CPU
    )
    model = BertModel(config, add_pooling_layer=False)
    missing, unknown = model.load_state_dict(arrays, strict=False)
    if missing or unknown:
        raise InvalidInput(f"{path} is no BERT as expected: missing {missing}, unknown {unknown}")
    return model


def with_weights(path: Path, weights: Mapping[str, NDArray[np.float32]]) -> Any:
    """The ONNX model of the file with other weights; it answers the first token's vector alone, as `pooled`."""
    model = onnx.load(path)
    places = {name: (tensor, turned) for name, tensor, turned in _places(model.graph)}
    for name, value in weights.items():
        tensor, turned = places[name]
        array = np.ascontiguousarray(value.T if turned else value, dtype=np.float32)
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    _cut_positions(model.graph)
    _pool(model.graph)
    return model


def _parameters(graph: Any) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for name, tensor, turned in _places(graph):
        value = numpy_helper.to_array(tensor)
        yield name, value.T if turned else value


def _places(graph: Any) -> Iterator[tuple[str, Any, bool]]:
    """Name of each parameter, its tensor, and whether that is turned: what is multiplied lost its name on export."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for name, tensor in tensors.items():
        if name.startswith(("embeddings.", "encoder.")) and not name.endswith("position_ids"):
            yield name, tensor, False
    for node in graph.node:
        weight = node.input[1] if node.op_type == "MatMul" else ""
        if weight.startswith("onnx::MatMul"):
            yield node.name.strip("/").rsplit("/", 1)[0].replace("/", ".") + ".weight", tensors[weight], True


def _cut_positions(graph: Any) -> None:
    """Positions beyond a window are never asked for."""
    table = next(tensor for tensor in graph.initializer if tensor.name == "embeddings.position_embeddings.weight")
    table.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(table)[:WINDOW], table.name))


def _pool(graph: Any) -> None:
    """Answer only the first token of each text."""
    first = onnx.numpy_helper.from_array(np.array(0, dtype=np.int64), "first_token")
    graph.initializer.append(first)
    graph.node.append(onnx.helper.make_node("Gather", [_HIDDEN, "first_token"], [POOLED], name="pool", axis=1))
    width = graph.output[0].type.tensor_type.shape.dim[-1].dim_value
    del graph.output[:]
    graph.output.append(onnx.helper.make_tensor_value_info(POOLED, onnx.TensorProto.FLOAT, ["batch", width or None]))
