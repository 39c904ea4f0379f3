"""The code of the page runs as it stands there, in one go."""

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "feature-store.md"


def test_the_code_of_the_page_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, Any] = {}
    for block in blocks:
        client = names.get("fs")
        exec(compile(block.replace("/tmp/", f"{tmp_path}/"), str(PAGE), "exec"), names)
        if client is not None and client is not names["fs"]:
            client.close()
    assert names["training_set"].spec.label == ("label",)
    assert names["fs"].get_table("quikapp_ml.features.user_activity").primary_keys == ("user_id",)
    names["fs"].close()
