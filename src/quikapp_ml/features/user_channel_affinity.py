from quikapp_ml.features.aggregates import Count, Decayed, Derived, LastTime
from quikapp_ml.features.base import FeatureView

USER_CHANNEL_AFFINITY = FeatureView(
    name="user_channel_affinity",
    entity_key=("user_id", "channel_id"),
    features={
        "posted_14d": Decayed(("posted",), half_life_days=14),
        "reacted_14d": Decayed(("reacted",), half_life_days=14),
        "read_14d": Decayed(("read",), half_life_days=14),
        "message_count": Count(("posted",)),
        "last_posted_at": LastTime(("posted",)),
        "days_since_posted": Derived("(now - last_posted_at) / 86400"),
    },
    comment="How much a person uses a channel: writes, reacts and reads there.",
)
