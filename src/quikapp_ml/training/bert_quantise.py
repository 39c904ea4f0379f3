"""An ONNX model in bytes whose answers do not depend on what else is in the batch. Needs the extra `train`.

ONNX Runtime's own dynamic quantisation scales all texts of a batch together, so that a text's scores move with its
company. Here every token has a scale of its own: sums of integers are exact, everything else is done row by row.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

ZERO = 128
"""What stands for 0 in a token's unsigned bytes."""
TOP = 127
WEIGHT_TOP = 63
"""Weights use 7 bits: processors without VNNI add pairs of products in 16 bits, which 8 would overflow."""
_TABLE = "embeddings.word_embeddings.weight"


def quantised(model: Any) -> Any:
    """The same model with the products by fixed matrices, and the word embeddings, in bytes."""
    graph = model.graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    _Bytes(graph, tensors).rewrite()
    kept = {name for node in graph.node for name in node.input}
    unused = [name for name in tensors if name not in kept]
    for name in unused:
        graph.initializer.remove(tensors[name])
    del graph.value_info[:]
    onnx.checker.check_model(model)
    return model


def in_bytes(weights: NDArray[np.float32], axis: int, top: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Integers within ±`top`, and what to multiply them by: one number for each place along the other axis."""
    scale = np.maximum(np.abs(weights).max(axis=axis, keepdims=True), 1e-12).astype(np.float32) / top
    return np.rint(weights / scale).astype(np.int8), scale.astype(np.float32)


class _Bytes:
    def __init__(self, graph: Any, tensors: dict[str, Any]) -> None:
        self._graph = graph
        self._tensors = tensors
        self._scaled: set[str] = set()

    def rewrite(self) -> None:
        self._add("bytes.one", np.array(1e-12, dtype=np.float32))
        self._add("bytes.top", np.array(TOP, dtype=np.float32))
        self._add("bytes.zero", np.array(ZERO, dtype=np.uint8))
        self._add("bytes.shift", np.array(ZERO, dtype=np.float32))
        nodes: list[Any] = []
        for node in self._graph.node:
            nodes += self._of(node)
        del self._graph.node[:]
        self._graph.node.extend(nodes)

    def _of(self, node: Any) -> Iterable[Any]:
        if node.op_type == "MatMul" and node.input[1] in self._tensors:
            return self._product(node)
        if node.op_type == "Gather" and node.input[0] == _TABLE:
            return self._row(node)
        return (node,)

    def _product(self, node: Any) -> Iterator[Any]:
        given, name = node.input[0], node.input[1]
        whole, scale = in_bytes(numpy_helper.to_array(self._tensors[name]), 0, WEIGHT_TOP)
        self._add(f"{name}.bytes", whole)
        self._add(f"{name}.scale", scale[0])
        if given not in self._scaled:
            self._scaled.add(given)
            yield from self._tokens(given)
        out = node.output[0]
        yield _node("MatMulInteger", [f"{given}.bytes", f"{name}.bytes", "bytes.zero"], f"{out}.sum")
        yield _node("Cast", [f"{out}.sum"], f"{out}.float", to=onnx.TensorProto.FLOAT)
        yield _node("Mul", [f"{out}.float", f"{given}.scale"], f"{out}.rows")
        yield _node("Mul", [f"{out}.rows", f"{name}.scale"], out)

    def _tokens(self, given: str) -> Iterator[Any]:
        """The bytes of each token and their scale: its largest number is 127."""
        yield _node("Abs", [given], f"{given}.abs")
        yield _node("ReduceMax", [f"{given}.abs"], f"{given}.most", axes=[-1], keepdims=1)
        yield _node("Add", [f"{given}.most", "bytes.one"], f"{given}.some")
        yield _node("Div", [f"{given}.some", "bytes.top"], f"{given}.scale")
        yield _node("Div", [given, f"{given}.scale"], f"{given}.steps")
        yield _node("Round", [f"{given}.steps"], f"{given}.whole")
        yield _node("Add", [f"{given}.whole", "bytes.shift"], f"{given}.shifted")
        yield _node("Cast", [f"{given}.shifted"], f"{given}.bytes", to=onnx.TensorProto.UINT8)

    def _row(self, node: Any) -> Iterator[Any]:
        """A word's embedding from its bytes."""
        whole, scale = in_bytes(numpy_helper.to_array(self._tensors[_TABLE]), 1, TOP)
        self._add(f"{_TABLE}.bytes", whole)
        self._add(f"{_TABLE}.scale", scale)
        out = node.output[0]
        yield _node("Gather", [f"{_TABLE}.bytes", node.input[1]], f"{out}.bytes")
        yield _node("Gather", [f"{_TABLE}.scale", node.input[1]], f"{out}.scale")
        yield _node("Cast", [f"{out}.bytes"], f"{out}.float", to=onnx.TensorProto.FLOAT)
        yield _node("Mul", [f"{out}.float", f"{out}.scale"], out)

    def _add(self, name: str, array: NDArray[Any]) -> None:
        self._graph.initializer.append(numpy_helper.from_array(array, name))


def _node(kind: str, inputs: list[str], output: str, **attributes: Any) -> Any:
    return onnx.helper.make_node(kind, inputs, [output], name=f"{output}:{kind}", **attributes)
