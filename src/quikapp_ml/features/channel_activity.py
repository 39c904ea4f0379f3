from quikapp_ml.features.aggregates import Count, Decayed, Derived, Distinct
from quikapp_ml.features.base import FeatureView

CHANNEL_ACTIVITY = FeatureView(
    name="channel_activity",
    entity_key=("channel_id",),
    features={
        "messages_7d": Decayed(("posted",), half_life_days=7),
        "messages_1d": Decayed(("posted",), half_life_days=1),
        "joins_30d": Decayed(("joined",), half_life_days=30),
        "message_count": Count(("posted",)),
        "message_count_7d": Count(("posted",), days=7),
        "authors_7d": Distinct(("posted",), of="user_id", days=7),
        "messages_per_author_7d": Derived("message_count_7d / authors_7d"),
    },
    comment="How lively a channel is, how many write there, and how many join it.",
)
