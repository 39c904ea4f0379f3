"""The recipes of the registered models. Imported by training alone: serving must not load what only fitting needs."""

from typing import Any

from quikapp_ml.training.embeddings import EmbeddingsRecipe
from quikapp_ml.training.ranking import RankingRecipe
from quikapp_ml.training.recipe import Recipe
from quikapp_ml.training.recommendation import RecommendationRecipe
from quikapp_ml.training.sentiment import SentimentRecipe
from quikapp_ml.training.spam import SpamRecipe

RECIPES: dict[str, Recipe[Any, Any]] = {
    recipe.model_class.name: recipe
    for recipe in (RecommendationRecipe(), SpamRecipe(), SentimentRecipe(), RankingRecipe(), EmbeddingsRecipe())
}
