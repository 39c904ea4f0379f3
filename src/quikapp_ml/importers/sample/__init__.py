"""A believable team chat, made from a seed: what demo, tests and load runs use when nothing is imported."""

from quikapp_ml.importers.sample.config import SampleConfig
from quikapp_ml.importers.sample.texts import labelled_texts, spam_texts
from quikapp_ml.importers.sample.workspace import generate

__all__ = ["SampleConfig", "generate", "labelled_texts", "spam_texts"]
