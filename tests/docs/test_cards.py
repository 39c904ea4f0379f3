from pathlib import Path

import pytest

from quikapp_ml.bootstrap import starter_folders

CARDS = Path(__file__).parents[2] / "docs" / "models"


@pytest.mark.parametrize("name", sorted(starter_folders()))
def test_a_starter_carries_the_card_of_the_page_and_names_its_limits(name: str) -> None:
    card = (starter_folders()[name] / "card.md").read_text()

    assert card == (CARDS / f"{name}.md").read_text(), f"copy docs/models/{name}.md to the starter's card.md"
    assert "\n## Limits\n" in card
