"""Texts that keep the places of their characters."""

from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.models.reading import Mapped


def test_a_replacement_of_the_same_length_keeps_every_place_and_others_share_one() -> None:
    mapped = Mapped("abcdef").edited([(1, 3, "XY"), (3, 6, "Z")])
    assert mapped == Mapped("aXYZ", [0, 1, 2, 3], [1, 2, 3, 6])
    assert mapped.edited([(0, 2, "")]).span(0, 2) == (2, 6)


def test_without_a_change_the_text_is_the_original() -> None:
    assert Mapped("abc").edited([]) == Mapped("abc")
    assert Mapped("abc").span(1, 2) == (1, 2)
    assert Mapped("abc").translated({"a": "x"}) == Mapped("xbc")


@given(st.text(alphabet="abcd", max_size=30), st.dictionaries(st.sampled_from("abc"), st.text("xy", max_size=3)))
def test_translating_is_editing_each_character(text: str, table: dict[str, str]) -> None:
    translated = Mapped(text).translated(table)
    edits = [(place, place + 1, table[sign]) for place, sign in enumerate(text) if sign in table]
    edited = Mapped(text).edited(edits)
    assert translated.text == edited.text
    places = range(len(edited.text))
    assert [translated.span(n, n + 1) for n in places] == [edited.span(n, n + 1) for n in places]
