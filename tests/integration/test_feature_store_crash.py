"""Writers of features that are killed at any moment leave whole merges, and of two at once both land."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from quikapp_ml.stores.lake import open_lake

NAME = "quikapp_ml.features.people"
N_PEOPLE = 200
WRITER = textwrap.dedent("""
    import sys
    from quikapp_ml.feature_store import FeatureStoreClient
    from quikapp_ml.stores.lake import open_lake

    fs, name, n_people = FeatureStoreClient(open_lake(sys.argv[1])), sys.argv[2], int(sys.argv[3])

    def people(turn):
        return fs.spark.range(n_people).selectExpr("concat('U', id) AS user_id", f"CAST({turn} AS BIGINT) AS turn")

    if not open_lake(sys.argv[1]).exists(name):
        fs.create_table(name, "user_id", people(0))
    print("ready", flush=True)
    for turn in range(1, int(sys.argv[4])):
        fs.write_table(name, people(turn))
""")


def start(folder: Path, turns: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", WRITER, str(folder), NAME, str(N_PEOPLE), str(turns)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_a_killed_writer_leaves_whole_merges_and_the_next_goes_on(tmp_path: Path) -> None:
    for seconds in (0.03, 0.11):
        with start(tmp_path, 10_000) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
            time.sleep(seconds)
            writer.kill()
        lake = open_lake(str(tmp_path))
        for version in range(1, lake.version(NAME) + 1):
            rows = lake.read(NAME, version=version)
            assert rows.num_rows == N_PEOPLE
            assert len(set(rows.column("turn").to_pylist())) == 1
    with start(tmp_path, 2) as writer:
        assert writer.wait(60) == 0
    rows = open_lake(str(tmp_path)).read(NAME)
    assert sorted(rows.column("user_id").to_pylist()) == sorted(f"U{n}" for n in range(N_PEOPLE))
    assert set(rows.column("turn").to_pylist()) == {1}


def test_of_two_writers_at_once_both_land(tmp_path: Path) -> None:
    with start(tmp_path, 1) as first:
        assert first.wait(60) == 0
    made = open_lake(str(tmp_path)).version(NAME)
    with start(tmp_path, 6) as one, start(tmp_path, 6) as other:
        assert [one.wait(120), other.wait(120)] == [0, 0]
    lake = open_lake(str(tmp_path))
    assert lake.version(NAME) == made + 2 * 5
    for version in range(made, lake.version(NAME) + 1):
        turns = lake.read(NAME, version=version).column("turn").to_pylist()
        assert (len(turns), len(set(turns))) == (N_PEOPLE, 1)
