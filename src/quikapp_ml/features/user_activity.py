from quikapp_ml.features.base import Count, Decayed, FeatureView

USER_ACTIVITY = FeatureView(
    name="user_activity",
    entity_key=("user_id",),
    features={
        "message_count": Count(("posted",)),
        "message_rate_7d": Decayed(("posted",), half_life_days=7),
        "message_rate_1h": Decayed(("posted",), half_life_days=1 / 24),
    },
    comment="How much a person writes: ever, these days, and in the last hour.",
)
