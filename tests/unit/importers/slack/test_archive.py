import os
import zipfile
from pathlib import Path

import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.importers.slack import archive as archives
from quikapp_ml.importers.slack.archive import BrokenPart, find_members, open_archive, read_entries


def _zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def _names(path: Path) -> list[str]:
    with open_archive(path) as archive:
        return [member.path for member in find_members(archive, path)]


def test_lists_come_first_then_days_by_date(tmp_path: Path) -> None:
    path = _zip(tmp_path / "e.zip", {
        "b/2020-01-02.json": b"[]", "a/2020-01-03.json": b"[]", "a/2020-01-02.json": b"[]", "channels.json": b"[]",
        "users.json": b"[]", "integration_logs.json": b"[]", "a/canvas_in_the_conversation.json": b"[]",
    })  # fmt: skip

    days = ["a/2020-01-02.json", "b/2020-01-02.json", "a/2020-01-03.json"]
    assert _names(path) == ["channels.json", "users.json", *days]


def test_an_export_packed_again_inside_a_folder_is_found(tmp_path: Path) -> None:
    path = _zip(tmp_path / "e.zip", {
        "My Export/users.json": b"[]", "My Export/general/2020-01-02.json": b"[]",
        "__MACOSX/My Export/._users.json": b"\0", "other/deep/2020-01-02.json": b"[]",
    })  # fmt: skip

    assert _names(path) == ["My Export/users.json", "My Export/general/2020-01-02.json"]


def test_an_unpacked_export_reads_the_same(tmp_path: Path) -> None:
    (tmp_path / "general").mkdir()
    (tmp_path / "users.json").write_bytes(b"[]")
    (tmp_path / "general" / "2020-01-02.json").write_bytes(b'[{"ts": "1"}]')

    assert _names(tmp_path) == ["users.json", "general/2020-01-02.json"]
    with open_archive(tmp_path) as archive:
        assert read_entries(archive, find_members(archive, tmp_path)[1]) == [{"ts": "1"}]


def test_names_that_are_utf8_without_saying_so_are_read(tmp_path: Path) -> None:
    path = _zip(tmp_path / "e.zip", {"users.json": b"[]", "cafe/2020-01-02.json": b"[]"})
    path.write_bytes(path.read_bytes().replace(b"cafe/", "caé/".encode()))

    assert "caé/2020-01-02.json" in _names(path)


@pytest.mark.parametrize(
    ("content", "said"), [(b"PK\x03\x04 cut off", "is not a zip archive"), (b"", "is not a zip archive")]
)
def test_what_is_no_zip_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "export.zip"
    path.write_bytes(content)

    with pytest.raises(InvalidInput, match=said):
        open_archive(path)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="does not exist"):
        open_archive(tmp_path / "export.zip")


def test_another_zip_is_refused(tmp_path: Path) -> None:
    path = _zip(tmp_path / "photos.zip", {"cat.jpg": b"x"})

    with pytest.raises(InvalidInput, match=r"photos\.zip is not a Slack export: it holds neither users\.json nor"):
        _names(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'[{"ts": "1"}, {"ts"', "it is not JSON: .* line 1 column"),
        (b'{"ts": "1"}', "it holds a JSON dict where a list belongs"),
        (b"[" * 5_000 + b"]" * 5_000, "it is not JSON"),
        (b'["\\ud800"]', "it is not JSON"),
        (b'["\xff"]', "it is not JSON"),
        (b"", "it is not JSON"),
    ],
)
def test_a_member_that_is_no_list_says_why(tmp_path: Path, content: bytes, said: str) -> None:
    path = _zip(tmp_path / "e.zip", {"users.json": content})

    with open_archive(path) as archive, pytest.raises(BrokenPart, match=said):
        read_entries(archive, find_members(archive, path)[0])


def test_a_member_with_a_wrong_checksum_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "e.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("users.json", b'["one"]')
    path.write_bytes(path.read_bytes().replace(b'["one"]', b'["two"]', 1))

    with open_archive(path) as opened, pytest.raises(BrokenPart, match="it cannot be unpacked: Bad CRC-32"):
        opened.read("users.json")


def test_two_members_of_one_name_are_broken(tmp_path: Path) -> None:
    path = tmp_path / "e.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("users.json", b"[]")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("users.json", b"[1]")

    with open_archive(path) as opened, pytest.raises(BrokenPart, match="two files of this name"):
        opened.read("users.json")


def test_a_zip_bomb_is_cut_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBER_BYTES", 2 * 1024 * 1024)
    path = _zip(tmp_path / "e.zip", {"users.json": b"[" + b" " * (64 * 1024 * 1024) + b"]"})

    assert path.stat().st_size < 200_000
    with open_archive(path) as opened, pytest.raises(BrokenPart, match="larger than 2 MiB"):
        opened.read("users.json")


def test_links_out_of_a_folder_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text('["secret"]')
    export = tmp_path / "export"
    (export / "general").mkdir(parents=True)
    (export / "users.json").write_text("[]")
    (export / "general" / "2020-01-02.json").symlink_to(secret)
    os.mkfifo(export / "general" / "2020-01-03.json")

    with open_archive(export) as archive:
        _, link, pipe = find_members(archive, export)
        with pytest.raises(BrokenPart, match="it cannot be read"):
            read_entries(archive, link)
        with pytest.raises(BrokenPart, match="not a plain file"):
            read_entries(archive, pipe)
