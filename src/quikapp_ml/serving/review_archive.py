"""Spam checks of long ago, or of an earlier process, as the review queue has them: from the ledger."""

from quikapp_ml.models.fingerprint import fingerprint, stored
from quikapp_ml.models.reading import reading_tokens
from quikapp_ml.serving.ledger_archive import Recorded
from quikapp_ml.stores.state.moderation import ReviewItem


def item_of_record(row: Recorded) -> ReviewItem | None:
    """The check that was recorded; None for another kind, a dry run, or where what was asked is not kept."""
    kept, request, answer = (row.columns[name] for name in ("candidates", "request", "answer"))
    if row.kind != "spam-check" or row.is_erased or not (kept and request and answer) or request.get("dry_run"):
        return None
    workspace, channel = kept["place"]
    return ReviewItem(
        decision_id=row.decision_id,
        workspace=workspace,
        channel=channel,
        user_id=row.user_id or "",
        content=request["content"],
        action=answer["action"],
        probability=answer["spam_probability"],
        evidence=answer["evidence"],
        policy_version=kept["policy_version"],
        decided_at=row.decided_at,
        campaign_id=kept["campaign_id"],
        fingerprint=stored(fingerprint(reading_tokens(request["content"]))),
        hosts=tuple(kept["hosts"]),
    )
