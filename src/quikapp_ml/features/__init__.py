"""Feature views, each declared in a file of its own, and the state of the chat that they are counted over."""

from quikapp_ml.features.base import FeatureView
from quikapp_ml.features.channel_activity import CHANNEL_ACTIVITY
from quikapp_ml.features.message_activity import MESSAGE_ACTIVITY
from quikapp_ml.features.user_activity import USER_ACTIVITY
from quikapp_ml.features.user_channel_affinity import USER_CHANNEL_AFFINITY
from quikapp_ml.features.user_reputation import USER_REPUTATION
from quikapp_ml.features.user_user_affinity import USER_USER_AFFINITY

FEATURE_VIEWS: tuple[FeatureView, ...] = (
    USER_ACTIVITY,
    USER_REPUTATION,
    CHANNEL_ACTIVITY,
    USER_CHANNEL_AFFINITY,
    USER_USER_AFFINITY,
    MESSAGE_ACTIVITY,
)
