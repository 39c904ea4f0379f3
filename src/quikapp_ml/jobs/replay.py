"""Decisions of a home run again: by the model that made them, by another, or from the features of now."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from quikapp_ml.bootstrap import open_model_registry, starter_folders
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.models import MODEL_CLASSES
from quikapp_ml.serving.ledger_archive import DecisionArchive
from quikapp_ml.serving.replay import Replay, Replayer
from quikapp_ml.serving.replay_models import PinnedModels
from quikapp_ml.serving.replay_now import PresentFeatures
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.training.replay import ordered_events

__all__ = ["Replay", "opened"]


@contextmanager
def opened(settings: Settings, *, features_now: bool = False) -> Iterator[tuple[DecisionArchive, Replayer]]:
    """The decisions of the home's tables and what runs them again. A service may run on the home meanwhile."""
    lake = open_lake(settings.lake_path)
    with PinnedModels(open_model_registry(settings), starter_folders(), MODEL_CLASSES) as models:
        yield DecisionArchive(lake), Replayer(models, _present(lake) if features_now else None)


def _present(lake: Lake) -> PresentFeatures:
    """What is known now: folded from all events of the tables."""
    workspace, features = Workspace(), OnlineFeatures()
    for event in ordered_events(lake):
        for activity in workspace.apply(event):
            features.apply(activity)
    return PresentFeatures(workspace, features, time.time)
