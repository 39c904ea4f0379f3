"""What is declared of the models' inputs is what is read for them: no feature more, none less."""

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from quikapp_ml.entities.questions import RankItem
from quikapp_ml.errors import Damaged
from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.features.author_behaviour import author_behaviour
from quikapp_ml.features.conversations import conversations
from quikapp_ml.features.item_features import channel_features, conversation_features, person_features
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.ranked_items import item_features
from quikapp_ml.features.records import Reading
from quikapp_ml.features.services import FEATURE_SERVICES, INPUTS_TAG, FeatureService, service_of, tags_of
from quikapp_ml.features.viewpoint import Viewpoint
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.models import MODEL_CLASSES
from support.chats import office

VIEWS = {view.name: view for view in FEATURE_VIEWS}


class Recording(OnlineFeatures):
    """Notes which features are read, in whatever way."""

    def __init__(self) -> None:
        super().__init__()
        self.read_of: dict[str, set[str]] = defaultdict(set)
        for name, values in self._views.items():
            values._reading = partial(self._note, name, values._reading)  # type: ignore[assignment]

    def _note(self, view: str, reading: Callable[[Any], Reading], names: tuple[str, ...] | None) -> Reading:
        self.read_of[view].update(names or VIEWS[view].features)
        return reading(names)


def recommend(workspace: Workspace, features: OnlineFeatures, now: float) -> None:
    view = Viewpoint(workspace, features, "ann", now)
    channel_features(view, ["craft"], np.zeros(1), "home")
    person_features(view, ["bob", "dan"], "home")
    conversation_features(view, conversations(view, ["home"], 5), "home")


def rank(workspace: Workspace, features: OnlineFeatures, now: float) -> None:
    view = Viewpoint(workspace, features, "ann", now)
    item_features(view, [RankItem(item_id="m1", content="a text", channel_id="home", author_id="bob")], "text")


def check_spam(workspace: Workspace, features: OnlineFeatures, now: float) -> None:
    author_behaviour(workspace, features, "ann", now)


@pytest.mark.parametrize(("model", "ask"), [
    ("recommendation-v2", recommend),
    ("content-ranker", rank),
    ("spam-classifier", check_spam),
    ("sentiment-bert", lambda *_: None),
])  # fmt: skip
def test_the_declared_inputs_are_those_that_are_read(
    model: str, ask: Callable[[Workspace, OnlineFeatures, float], None]
) -> None:
    chat, features = office(), Recording()
    for namespace, documents in chat.features.changes().items():
        features.load(namespace, [(key, document) for key, document in documents.items() if document])
    ask(chat.workspace, features, chat.time.timestamp())
    assert {name: set(read) for name, read in FEATURE_SERVICES[model].inputs.items()} == dict(features.read_of)


def test_every_model_has_one_and_it_names_what_there_is() -> None:
    assert set(FEATURE_SERVICES) == set(MODEL_CLASSES)
    for service in FEATURE_SERVICES.values():
        for view, names in service.inputs.items():
            assert set(names) <= set(VIEWS[view].features)


def test_a_version_keeps_its_service_and_one_without_has_that_of_its_name() -> None:
    mine = FeatureService("mine", {"quikapp_ml.features.people": ("n", "ä")})
    assert service_of("spam-classifier", mine.tags()) == mine
    assert service_of("spam-classifier", {}) == FEATURE_SERVICES["spam-classifier"]
    assert service_of("spam-classifier", tags_of("spam-classifier")) == FEATURE_SERVICES["spam-classifier"]
    assert (service_of("another", {}), tags_of("another")) == (None, {})


@pytest.mark.parametrize("damaged", ["{", "[1]", '{"view": 1}'])
def test_a_damaged_tag_is_told(damaged: str) -> None:
    with pytest.raises(Damaged, match="feature_inputs of a version of mine"):
        service_of("mine", {**FeatureService("mine", {}).tags(), INPUTS_TAG: damaged})
