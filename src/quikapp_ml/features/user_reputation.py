from quikapp_ml.features.aggregates import Count, Rate
from quikapp_ml.features.base import FeatureView

USER_REPUTATION = FeatureView(
    name="user_reputation",
    entity_key=("other_user_id",),
    features={
        "reports": Count(("reported",)),
        "replies_earned": Count(("replied",)),
        "reactions_earned": Count(("reacted",)),
        "mentions_earned": Count(("mentioned",)),
        "report_rate": Rate(("reported",), ("reported", "replied", "reacted"), prior=0.01, strength=20),
    },
    comment="How others answer to a person: reports, replies, reactions and mentions that they got.",
)
