from pathlib import Path

import pytest

from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.workflows.document import Node, read_document


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "some.yml"


def test_values_know_their_path(file: Path) -> None:
    file.write_text("jobs:\n  nightly:\n    tasks:\n      - key: a\n      - key: 7\n")
    second = list(read_document(file).required("jobs").required("nightly").required("tasks").items())[1]
    with pytest.raises(InvalidInput, match=r"some\.yml: jobs\.nightly\.tasks\[1\]\.key: a text is needed, given was 7"):
        second.required("key").text()


def test_equal_keys_are_refused(file: Path) -> None:
    file.write_text("a: 1\nb:\n  c: 1\n  c: 2\n")
    with pytest.raises(InvalidInput, match=r"'c' stands there twice(.|\n)*line 3"):
        read_document(file)


@pytest.mark.parametrize("text", ["a: [1", "a: !!python/object/apply:os.system ['true']", "\x00"])
def test_what_is_no_plain_yaml_is_refused(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(InvalidInput, match="cannot be read as YAML"):
        read_document(file)


def test_a_missing_file_is_not_found(file: Path) -> None:
    with pytest.raises(NotFound, match=r"some\.yml"):
        read_document(file)


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("text", ""), ("text", None), ("count", -1), ("count", True), ("count", "3"), ("count", 1.5), ("claim", 1),
        ("claim", "true"), ("scalar", None), ("scalar", []), ("items", {}), ("mapping", []), ("mapping", None),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_refused_and_shown(method: str, value: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        getattr(Node(value, Path("x.yml"), "a.b"), method)()
    assert str(refused.value).startswith("x.yml: a.b: ")
    assert repr(value) in str(refused.value)


def test_unknown_members_are_refused_with_those_known() -> None:
    with pytest.raises(InvalidInput, match="'c' is not understood; known are a, b"):
        Node({"a": 1, "c": 2}, Path("x.yml")).mapping({"b", "a"})


def test_a_missing_member_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"x\.yml: top level: 'name' is missing"):
        Node({}, Path("x.yml")).required("name")


def test_scalars_become_text_as_databricks_writes_them() -> None:
    assert [Node(value, Path("x.yml")).scalar() for value in (True, 3, "", "a")] == ["true", "3", "", "a"]


def test_a_long_value_is_shown_shortened() -> None:
    with pytest.raises(InvalidInput) as refused:
        Node("x" * 1000, Path("x.yml")).count()
    assert len(str(refused.value)) < 200
