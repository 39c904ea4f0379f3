from quikapp_ml.features.aggregates import Count, Decayed, Derived, Distinct, Mean
from quikapp_ml.features.base import FeatureView

USER_ACTIVITY = FeatureView(
    name="user_activity",
    entity_key=("user_id",),
    features={
        "message_count": Count(("posted",)),
        "message_rate_7d": Decayed(("posted",), half_life_days=7),
        "message_rate_1h": Decayed(("posted",), half_life_days=1 / 24),
        "avg_response_time": Mean(("replied",), at_most=86_400),
        "answer_count": Count(("replied",), towards_others=True),
        "message_count_30d": Count(("posted",), days=30),
        "active_channels_30d": Distinct(("posted",), of="channel_id", days=30),
        "messages_per_channel_30d": Derived("message_count_30d / active_channels_30d"),
    },
    comment="How much a person writes, where, and how soon they answer.",
)
