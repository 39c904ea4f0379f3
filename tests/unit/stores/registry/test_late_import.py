import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from quikapp_ml.stores.registry.late_import import import_late

ALONE = """
import time
from half_there import here
here.append(__name__)
time.sleep(0.05)
assert here == [__name__], f"{here} are imported at once"
here.clear()
"""


def test_modules_are_imported_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "half_there"
    package.mkdir()
    (package / "__init__.py").write_text("here = []")
    names = [f"half_there.module_{number}" for number in range(4)]
    for name in names:
        (package / f"{name.partition('.')[2]}.py").write_text(ALONE)
    monkeypatch.syspath_prepend(tmp_path)
    with ThreadPoolExecutor(len(names)) as pool:
        found = list(pool.map(import_late, names))
    assert [module.__name__ for module in found] == names
    for name in ("half_there", *names):
        monkeypatch.delitem(sys.modules, name)
