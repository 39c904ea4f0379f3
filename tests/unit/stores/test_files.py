from pathlib import Path

import pytest

from quikapp_ml.stores.files import write_whole


def test_a_file_is_replaced_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"a longer first content")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_when_it_cannot_be_written_the_old_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"first")
    (tmp_path / "file.new").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(path, b"second")
    assert path.read_bytes() == b"first"
