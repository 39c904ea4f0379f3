"""Registered models by name. A new model is its file, its test, its page, and one line here."""

from quikapp_ml.models.base import Model
from quikapp_ml.models.ranking import ContentRanker
from quikapp_ml.models.recommendation import RecommendationModel
from quikapp_ml.models.sentiment import SentimentClassifier
from quikapp_ml.models.spam import SpamClassifier

MODEL_CLASSES: dict[str, type[Model]] = {
    model.name: model for model in (RecommendationModel, SpamClassifier, SentimentClassifier, ContentRanker)
}
