from datetime import UTC, datetime

from quikapp_ml.entities.rollouts import RolloutSpec
from quikapp_ml.experiments.rollout_report import report
from quikapp_ml.stores.state.rollouts import RolloutStep

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
SPEC = RolloutSpec.model_validate({"name": "ranks", "subject": "rank", "version": 2, "reason": "<b>Newer</b> people."})
METRICS = {
    "clicks": {"change": -0.1, "low": -0.15, "high": -0.05},
    "few": {"change": 0.1, "low": None},
    "none": {"change": None},
}
STEPS = [
    RolloutStep(NOW, "", "gate", "ann", "Newer people."),
    RolloutStep(NOW, "gate", "shadow", "guard", "by 900 clicks"),
    RolloutStep(NOW, "shadow", "1", "guard", "200 questions compared"),
    RolloutStep(NOW, "1", "rolled_back", "guard", "clicks & more got lower", {"metrics": METRICS}),
]


def test_the_page_says_where_it_ended_and_why() -> None:
    page = report(SPEC, "content-ranker", 1, STEPS, "")
    assert "Version 2 of content-ranker is rolled back" in page
    assert 'class="verdict bad"' in page
    assert "clicks &amp; more got lower" in page
    assert "&lt;b&gt;Newer&lt;/b&gt; people." in page
    assert "clicks -10.0% (-15.0% to -5.0%)" in page
    assert "few +10.0%<" in page
    assert page.count('fill="#2f6f9f"') == 3
    assert "<script" not in page


def test_under_way_it_says_what_it_waits_for() -> None:
    page = report(SPEC, "content-ranker", 1, STEPS[:3], "12 of 50 users have had it")
    assert "Version 2 of content-ranker is given to\u00a01\u00a0%" in page
    assert "12 of 50 users have had it" in page
