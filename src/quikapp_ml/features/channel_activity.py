from quikapp_ml.features.base import Count, Decayed, FeatureView

CHANNEL_ACTIVITY = FeatureView(
    name="channel_activity",
    entity_key=("channel_id",),
    features={
        "messages_7d": Decayed(("posted",), half_life_days=7),
        "messages_1d": Decayed(("posted",), half_life_days=1),
        "joins_30d": Decayed(("joined",), half_life_days=30),
        "message_count": Count(("posted",)),
    },
    comment="How lively a channel is, and how many join it.",
)
