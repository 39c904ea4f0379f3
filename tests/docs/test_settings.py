from pathlib import Path

from quikapp_ml.settings import manual

ROOT = Path(__file__).parents[2]


def test_the_page_of_settings_is_what_the_code_says() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == manual(), (
        "docs/settings.md is old; run: python -m quikapp_ml.settings > docs/settings.md"
    )
