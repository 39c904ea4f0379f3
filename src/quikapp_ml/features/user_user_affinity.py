from quikapp_ml.features.aggregates import Count, Decayed
from quikapp_ml.features.base import FeatureView

USER_USER_AFFINITY = FeatureView(
    name="user_user_affinity",
    entity_key=("user_id", "other_user_id"),
    features={
        "replied_30d": Decayed(("replied",), half_life_days=30),
        "reacted_30d": Decayed(("reacted",), half_life_days=30),
        "mentioned_30d": Decayed(("mentioned",), half_life_days=30),
        "contact_count": Count(("replied", "reacted", "mentioned")),
    },
    comment="How much a person turns to another: replies, reacts to their messages, names them.",
)
