"""Fine-tuning of a BERT encoder on a CPU: resumable, seeded, with a log. Needs the extra `train`.

The weights that compute are bfloat16, which processors with AMX multiply many times faster; those that learn are
float32. Word embeddings stay as they were, so that words which no tweet holds keep their meaning.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from quikapp_ml.training.bert_batches import Padded, batches_of, padded

logger = logging.getLogger(__name__)

CHECKPOINT_FILE = "checkpoint.pt"


@dataclass(frozen=True)
class Plan:
    """How to fine-tune; two runs of one plan differ by nothing but rounding on other processors."""

    epochs: float = 0.6
    tokens_a_batch: int = 2048
    learning_rate: float = 6e-5
    weight_decay: float = 0.01
    warm_up_steps: int = 60
    cool_down: float = 0.4
    """Share of the steps, at the end, in which the rate falls to nothing; it is constant before."""
    frozen_layers: int = 3
    """The lowest layers, which know of words rather than of moods, stay as they were."""
    seed: int = 5
    checkpoint_every: int = 100
    threads: int = 2


@dataclass(frozen=True)
class Texts:
    """Token numbers of each text and the position of its label."""

    rows: Sequence[Sequence[int]]
    targets: NDArray[np.int64]


class FineTuning:
    """An encoder with a softmax head over its first token, and its optimiser; `fit` goes on where it stopped."""

    def __init__(self, encoder: Any, n_labels: int, plan: Plan, folder: Path) -> None:
        torch.manual_seed(plan.seed)
        torch.set_num_threads(plan.threads)
        self.plan = plan
        self.head = torch.nn.Linear(encoder.config.hidden_size, n_labels)
        self.encoder = encoder.train()
        for part in (encoder.embeddings, *encoder.encoder.layer[: plan.frozen_layers]):
            part.requires_grad_(requires_grad=False)
        learning = [p for p in encoder.parameters() if p.requires_grad]
        self._masters = [p.detach().clone().float().requires_grad_() for p in learning]
        encoder.to(torch.bfloat16)
        self._copies = [p for p in encoder.parameters() if p.requires_grad]
        self._optimiser = torch.optim.AdamW(
            [*self._masters, *self.head.parameters()], lr=plan.learning_rate, weight_decay=plan.weight_decay
        )
        self._folder = folder
        self._step = 0

    def fit(self, texts: Texts, watch: Callable[["FineTuning", int], None]) -> None:
        """Learn all epochs; `watch` is called three times on the way."""
        weights = torch.tensor(_balanced(texts.targets), dtype=torch.float32)
        batches = _batches([len(row) for row in texts.rows], self.plan)
        schedule = _schedule(len(batches), self.plan)
        self._resume()
        started, losses = time.monotonic(), []
        for step in range(self._step, len(batches)):
            losses.append(self._learn(texts, batches[step], weights, schedule(step)))
            self._step = step + 1
            if self._step % self.plan.checkpoint_every == 0 or self._step == len(batches):
                self._save()
                mean, seconds = np.mean(losses), time.monotonic() - started
                logger.info("step %d of %d: loss %.4f, %.0f s", self._step, len(batches), mean, seconds)
                losses = []
            if self._step % max(1, len(batches) // 3) == 0:
                watch(self, self._step)

    def _learn(self, texts: Texts, batch: Sequence[int], weights: Any, rate: float) -> float:
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        logits = self.head(self._pooled(padded([texts.rows[row] for row in batch])))
        loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(texts.targets[list(batch)]), weight=weights)
        loss.backward()
        for copy, master in zip(self._copies, self._masters, strict=True):
            master.grad = copy.grad.float()
            copy.grad = None
        torch.nn.utils.clip_grad_norm_([*self._masters, *self.head.parameters()], 1.0)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self._copy()
        return float(loss.detach())

    def _pooled(self, batch: Padded) -> Any:
        given = {"input_ids": torch.from_numpy(batch.ids), "attention_mask": torch.from_numpy(batch.mask)}
        return self.encoder(**given).last_hidden_state[:, 0].float()

    def _copy(self) -> None:
        with torch.no_grad():
            for copy, master in zip(self._copies, self._masters, strict=True):
                copy.copy_(master)

    def scores(self, rows: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """Probabilities (n_texts, n_labels)."""
        self.encoder.eval()
        order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
        found = np.zeros((len(rows), self.head.out_features))
        with torch.no_grad():
            for start in range(0, len(rows), 64):
                part = order[start : start + 64]
                logits = self.head(self._pooled(padded([rows[row] for row in part])))
                found[part] = torch.softmax(logits, dim=1).numpy()
        self.encoder.train()
        return found

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """What was learnt of the encoder, by the names of its parameters."""
        names = [name for name, p in self.encoder.named_parameters() if p.requires_grad]
        return {name: m.detach().numpy() for name, m in zip(names, self._masters, strict=True)}

    def head_weights(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weights (n_labels, n_dimensions) and biases of the head."""
        return self.head.weight.detach().double().numpy(), self.head.bias.detach().double().numpy()

    def _save(self) -> None:
        state = {
            "step": self._step,
            "masters": self._masters,
            "head": self.head.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._folder / f"{CHECKPOINT_FILE}.new"
        torch.save(state, unfinished)
        unfinished.replace(self._folder / CHECKPOINT_FILE)

    def _resume(self) -> None:
        path = self._folder / CHECKPOINT_FILE
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        self._step = state["step"]
        with torch.no_grad():
            for master, saved in zip(self._masters, state["masters"], strict=True):
                master.copy_(saved)
        self.head.load_state_dict(state["head"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._copy()
        logger.info("goes on after step %d", self._step)


def _balanced(targets: NDArray[np.int64]) -> NDArray[np.float64]:
    counts = np.bincount(targets)
    return len(targets) / (len(counts) * counts)


def _batches(lengths: Sequence[int], plan: Plan) -> list[list[int]]:
    """Those of all epochs; of the last one a part, where `epochs` is no whole number."""
    n_epochs = math.ceil(plan.epochs)
    each = [batches_of(lengths, plan.tokens_a_batch, plan.seed + epoch) for epoch in range(n_epochs)]
    return [batch for epoch in each for batch in epoch][: round(plan.epochs * len(each[0]))]


def _schedule(n_steps: int, plan: Plan) -> Callable[[int], float]:
    """Up in a straight line, then constant, then down to nothing."""
    cooling = max(1.0, plan.cool_down * n_steps)
    return lambda step: plan.learning_rate * min(1.0, (step + 1) / plan.warm_up_steps, (n_steps - step) / cooling)
