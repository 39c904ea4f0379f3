from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from quikapp_ml.errors import Damaged
from quikapp_ml.feature_store.lookups import FeatureFunction, FeatureLookup
from quikapp_ml.feature_store.spec import FeatureSpec, spec_from_yaml
from quikapp_ml.features.services import FeatureService

SPEC = FeatureSpec(
    features=(
        FeatureLookup(
            "quikapp_ml.features.a", ["user_id", "channel_id"], ["n", "words"], "at", timedelta(hours=36),
            {"зн": ["x"], "n": datetime(2026, 1, 1, tzinfo=UTC)}, {"words": "зн"},
        ),
        FeatureFunction("abs", {"x": "n"}, "distance"),
        FeatureLookup("quikapp_ml.features.b", "user_id", "m"),
    ),
    label=("conversion",),
    exclude_columns=("user_id",),
    table_versions={"quikapp_ml.features.a": 3, "quikapp_ml.features.b": 1},
)  # fmt: skip


def test_a_specification_comes_back_as_it_was() -> None:
    assert spec_from_yaml(SPEC.to_yaml("package.module:Class")) == (SPEC, "package.module:Class")


def test_the_features_that_are_looked_up_are_its_service_by_table() -> None:
    again = replace(SPEC, features=(*SPEC.features, FeatureLookup("quikapp_ml.features.b", "channel_id", ["k", "m"])))
    assert again.service("mine") == FeatureService(
        "mine", {"quikapp_ml.features.a": ("n", "words"), "quikapp_ml.features.b": ("m", "k")}
    )


@pytest.mark.parametrize("text", ["", "[1", "features: []", "features: [1]\nlabel: []", "!!python/object:x {}"])
def test_other_texts_are_damaged(text: str) -> None:
    with pytest.raises(Damaged, match="feature_spec.yaml"):  # noqa: RUF043 a dot is a dot
        spec_from_yaml(text)
