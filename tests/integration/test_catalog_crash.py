"""`kill -9` in the middle of changes of Unity Catalog, and many changes at a time: each is done, or not begun."""

import random
import subprocess
import sys
import threading
import time
from pathlib import Path

from quikapp_ml.errors import PermissionDenied, QuikAppMLError
from quikapp_ml.serving.access import Caller
from quikapp_ml.serving.catalog.rules import Kind, Privilege, Securable
from quikapp_ml.serving.catalog.tables import NewTable
from quikapp_ml.serving.catalog.unity import UnityCatalog
from support import changing_catalog
from support.changing_catalog import COLUMNS, MAKER, NAMES, ROOT, SCHEMAS, change_one, opened

KILLS = 4


def check(unity: UnityCatalog) -> int:
    """Every table that is told is whole, its maker's, granted in pairs; the others can be made anew."""
    told = [name for schema in SCHEMAS for name in unity.tables.names(unity.access(ROOT), schema)]
    for name in told:
        info = unity.tables.described(name)
        assert info.record.owner == "maker" and list(info.columns) == list(COLUMNS)
        assert (info.comment == "changed") == (info.properties.get("comment") == "changed")
        granted = unity.grants.direct(unity.access(ROOT), Securable(Kind.TABLE, name))
        assert set(granted) in (set(), {"reader", "writer"})
    for name in set(NAMES) - set(told):
        schema, _, short = name.rpartition(".")
        unity.tables.create(unity.access(MAKER), NewTable(schema, short, COLUMNS))
        assert unity.grants.direct(unity.access(ROOT), Securable(Kind.TABLE, name)) == {}
        unity.tables.drop(unity.access(MAKER), name)
    return len(told)


def test_a_killed_process_leaves_every_change_done_or_not_begun(tmp_path: Path) -> None:
    chance, n_told = random.Random(7), 0
    for kill in range(KILLS):
        command = [sys.executable, changing_catalog.__file__, str(tmp_path), str(kill)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None and child.stdout.readline() == "changing\n"
            time.sleep(chance.uniform(0.05, 0.5))
            assert child.poll() is None
            child.kill()
        unity = opened(tmp_path)
        n_told += check(unity)
        unity.securables.state.close()
    assert n_told > 0


def test_many_changes_at_a_time_leave_a_whole_catalog(tmp_path: Path) -> None:
    unity = opened(tmp_path)
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        chance = random.Random(seed)
        try:
            for _ in range(15):
                change_one(unity, chance)
        except QuikAppMLError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    check(unity)
    stranger = unity.access(Caller("stranger", (), is_admin=False))
    for name in NAMES:
        try:
            stranger.check(Privilege.SELECT, Securable(Kind.TABLE, name))
        except PermissionDenied:
            continue
        raise AssertionError(name)
    unity.securables.state.close()
