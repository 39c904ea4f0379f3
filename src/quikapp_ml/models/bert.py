"""A BERT that turns a text into a vector, by ONNX Runtime on the processor.

A text's vector depends on nothing but the text: every window is padded to a length of its own, windows of one length
share a batch, and the shipped graph scales each token by itself. So an answer is the same alone and in any company.
"""

import math
import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from quikapp_ml.errors import Damaged
from quikapp_ml.models.bert_text import bert_text

WINDOW = 128
"""Tokens of one window, its two marks among them; longer texts are read in several."""
OVERLAP = 16
PADDED_TO = 8
"""Windows are padded to a multiple of this."""

Window = tuple[int, ...]
Vectors = NDArray[np.float32]


class BertEncoder:
    """`encoder` is an ONNX graph from input_ids, attention_mask and token_type_ids to `pooled` (n_texts, width);
    `tokenizer` is a tokenizer's JSON. Both are bytes, as a model keeps them among its arrays."""

    parts: ClassVar[tuple[str, ...]] = ("encoder", "tokenizer")

    def __init__(self, encoder: NDArray[np.uint8], tokenizer: NDArray[np.uint8]) -> None:
        self._arrays = {"encoder": encoder, "tokenizer": tokenizer}
        try:
            self._session = _session(encoder.tobytes())
            self._tokenizer = Tokenizer.from_buffer(tokenizer.tobytes())
            self.width = int(self._session.get_outputs()[0].shape[1])
        except Exception as error:  # both libraries raise types of their own for what they cannot read
            raise Damaged(f"the encoder cannot be read: {error}") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._first, self._last = self._mark("[CLS]"), self._mark("[SEP]")

    def _mark(self, mark: str) -> int:
        number: int | None = self._tokenizer.token_to_id(mark)
        if number is None:
            raise Damaged(f"the tokenizer has no {mark}")
        return number

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """From a model's arrays. Raises KeyError and Damaged."""
        return cls(*(arrays[name] for name in cls.parts))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The bytes of both parts."""
        return dict(self._arrays)

    def windows(self, content: str) -> list[Window]:
        """The token numbers of a text, in as many windows as it takes; at least one."""
        ids = self._tokenizer.encode(bert_text(content), add_special_tokens=False).ids
        room = WINDOW - 2
        n_windows = 1 + max(0, math.ceil((len(ids) - room) / (room - OVERLAP)))
        starts = (number * (room - OVERLAP) for number in range(n_windows))
        return [(self._first, *ids[start : start + room], self._last) for start in starts]

    def vectors(self, windows: Sequence[Window]) -> Vectors:
        """A vector for each of the windows, all of one padded length; shape (n_windows, width)."""
        length = padded_length(windows[0])
        ids = np.zeros((len(windows), length), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = window
            mask[row, : len(window)] = 1
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        found: Vectors = self._session.run(None, given)[0]
        return found

    def vectors_of_any(self, windows: Sequence[Window]) -> Vectors:
        """A vector for each window; those of one padded length are computed together."""
        found = np.zeros((len(windows), self.width), dtype=np.float32)
        for rows in by_length(windows):
            found[rows] = self.vectors([windows[row] for row in rows])
        return found


def padded_length(window: Window) -> int:
    """Tokens that a window is computed as."""
    return -(-len(window) // PADDED_TO) * PADDED_TO


def by_length(windows: Sequence[Window], most_tokens: int = 2048) -> list[list[int]]:
    """Positions of windows, those of one padded length together, the short ones first, within a budget of tokens."""
    groups: dict[int, list[int]] = {}
    for row, window in enumerate(windows):
        groups.setdefault(padded_length(window), []).append(row)
    return [
        rows[start : start + max(1, most_tokens // length)]
        for length, rows in sorted(groups.items())
        for start in range(0, len(rows), max(1, most_tokens // length))
    ]


def combined(vectors: Vectors, windows: Sequence[Window]) -> Vectors:
    """One vector for a text: the mean of its windows', each by its tokens."""
    shares = np.array([len(window) for window in windows], dtype=np.float32)
    mean: Vectors = (vectors * (shares / shares.sum())[:, None]).sum(axis=0)
    return mean


def _session(graph: bytes) -> Any:
    """ONNX Runtime is imported by the first BERT, and tells its makers nothing of this machine."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    onnxruntime = import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others need the processor meanwhile
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
