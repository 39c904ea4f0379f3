"""How the author of a text has behaved so far: what a spam check knows besides the words."""

from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.user_activity import USER_ACTIVITY
from quikapp_ml.features.user_reputation import USER_REPUTATION
from quikapp_ml.features.workspace import Workspace

SECONDS_A_DAY = 86_400.0
_ACTIVITY = ("message_rate_1h",)
_REPUTATION = ("reports", "replies_earned", "reactions_earned", "mentions_earned")


def author_behaviour(workspace: Workspace, features: OnlineFeatures, user_id: str, now: float) -> dict[str, float]:
    """Values by name at the moment `now` (unix seconds); nothing at all (empty) about somebody never seen.

    A bot's messages come as fast as its events do, so their rate says nothing and is 0. An author counts as one who
    writes a first message until somebody answers: else a first short one would buy the trust for the second.
    """
    person = workspace.people.get(user_id)
    if person is None:
        return {}
    activity = dict(zip(_ACTIVITY, features.values(USER_ACTIVITY.name, (user_id,), now, _ACTIVITY), strict=True))
    reputation = dict(
        zip(_REPUTATION, features.values(USER_REPUTATION.name, (user_id,), now, _REPUTATION), strict=True)
    )
    earned = reputation["replies_earned"] + reputation["reactions_earned"] + reputation["mentions_earned"]
    return {
        "message_rate_1h": 0.0 if person.is_bot else activity["message_rate_1h"],
        "account_age_days": max(0.0, (now - min(person.first_seen_at, now)) / SECONDS_A_DAY),
        "is_first_message": float(earned == 0 and not person.is_bot),
        "reports_received": reputation["reports"],
        "replies_and_reactions_earned": earned,
        "is_bot": float(person.is_bot),
    }
