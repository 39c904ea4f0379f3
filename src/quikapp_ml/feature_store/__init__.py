"""The feature store: tables of features by key and time, looked up as they were known. See docs/feature-store.md."""

from quikapp_ml.feature_store.client import FeatureStoreClient
from quikapp_ml.feature_store.databricks import open_feature_store
from quikapp_ml.feature_store.lookups import FeatureFunction, FeatureLookup
from quikapp_ml.feature_store.publishing import OnlineFeatureValues
from quikapp_ml.feature_store.tables import FeatureTable
from quikapp_ml.feature_store.training_sets import TrainingSet

__all__ = [
    "FeatureFunction",
    "FeatureLookup",
    "FeatureStoreClient",
    "FeatureTable",
    "OnlineFeatureValues",
    "TrainingSet",
    "open_feature_store",
]
