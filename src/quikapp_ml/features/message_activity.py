from quikapp_ml.features.aggregates import Count, Decayed, Rate
from quikapp_ml.features.base import FeatureView

MESSAGE_ACTIVITY = FeatureView(
    name="message_activity",
    entity_key=("channel_id", "message_id"),
    features={
        "replies_1d": Decayed(("replied",), half_life_days=1),
        "reactions_1d": Decayed(("reacted",), half_life_days=1),
        "reaction_count": Count(("reacted",)),
        "reply_count": Count(("replied",)),
        "report_rate": Rate(("reported",), ("reported", "replied", "reacted"), prior=0.01, strength=20),
    },
    comment="How people answer to a message: for a thread, its first message.",
    keep_newest=500,
)
