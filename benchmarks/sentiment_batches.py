"""Sentiment in batches of 64 through HTTP against the bare ONNX session on the same texts and threads.

    python benchmarks/sentiment_batches.py FILE.tsv [--clients 2] [--rounds 3]

The session gets windows that are tokenised beforehand, sorted by length in batches of 64; the service gets raw texts.
Rounds alternate, so that both see the same noise. On a busy machine the ratio of processor time tells more than that of
the clock, which favours whoever has more threads. The last line is JSON.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import httpx
import numpy as np

from quikapp_ml.models.bert import BertEncoder, Window
from quikapp_ml.models.sentiment import SentimentClassifier
from quikapp_ml.training.corpora import read_labelled
from shared.service import serving

BATCH = 64


def bare_seconds(encoder: BertEncoder, windows: Sequence[Window]) -> float:
    """All windows by the session alone."""
    ordered = sorted(windows, key=len)
    started = time.perf_counter()
    for start in range(0, len(ordered), BATCH):
        encoder.vectors_of_any(ordered[start : start + BATCH])
    return time.perf_counter() - started


def service_seconds(url: str, texts: Sequence[str], n_clients: int) -> float:
    """All texts through HTTP, by so many clients at once."""
    bodies = [
        {"messages": [{"id": str(n), "content": text} for n, text in enumerate(texts[start : start + BATCH])]}
        for start in range(0, len(texts), BATCH)
    ]
    with httpx.Client(base_url=url, timeout=120) as client, ThreadPoolExecutor(n_clients) as pool:
        started = time.perf_counter()
        for answer in pool.map(lambda body: client.post("/api/ml/sentiment", json=body), bodies):
            answer.raise_for_status()
        return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--texts", type=int, default=640)
    given = parser.parse_args()
    model = SentimentClassifier.load(Path(str(files("quikapp_ml.starter_models"))) / SentimentClassifier.name)
    if not isinstance(model.reads, BertEncoder):
        raise SystemExit("the starter is no BERT")
    encoder = model.reads
    texts = [row.text for row in read_labelled(given.file)][: given.texts]
    windows = [window for text in texts for window in encoder.windows(text)]
    ratios = []
    with tempfile.TemporaryDirectory() as home, serving(Path(home)) as running:
        service_seconds(running.url, texts[:BATCH], 1)
        bare_seconds(encoder, windows[:BATCH])
        processor = []
        for number in range(given.rounds):
            own, theirs = time.process_time(), running.cpu_seconds()
            bare = bare_seconds(encoder, windows)
            own = time.process_time() - own
            served = service_seconds(running.url, texts, given.clients)
            ratios.append(bare / served)
            processor.append(own / (running.cpu_seconds() - theirs))
            per_second = len(texts) / np.array([bare, served])
            print(
                f"round {number + 1}: bare {per_second[0]:.0f}/s, service {per_second[1]:.0f}/s, {ratios[-1]:.3f}, "
                f"of processor time {processor[-1]:.3f}"
            )
        memory = running.memory_mb()
    found = {
        "ratio": float(np.median(ratios)), "low": min(ratios), "high": max(ratios),
        "processor_ratio": float(np.median(processor)), "memory_mb": memory,
    }  # fmt: skip
    print(json.dumps({"n_texts": len(texts), "clients": given.clients, **{k: round(v, 3) for k, v in found.items()}}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
