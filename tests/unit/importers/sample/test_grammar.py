import random

import pytest

from quikapp_ml.importers.sample.grammar import Grammar, Number, compile_template

GRAMMAR = Grammar({"food": ["ramen", "{n} tacos"], "n_words": ["x"]}, {"n": Number(3, 3)})


def test_slots_are_filled_also_inside_words() -> None:
    template = compile_template("lunch: {food}")

    texts = {GRAMMAR.fill(template, random.Random(seed)) for seed in range(20)}

    assert texts == {"lunch: ramen", "lunch: 3 tacos"}


def test_who_is_the_person_that_is_called() -> None:
    template = compile_template("{who} look")

    assert template.names_somebody
    assert GRAMMAR.fill(template, random.Random(1), "<@U1>") == "<@U1> look"


def test_doubled_braces_and_line_breaks_stand_for_themselves() -> None:
    assert GRAMMAR.fill(compile_template('{{"a": {n} }}\\nend'), random.Random(1)) == '{"a": 3 }\nend'


def test_numbers_stay_within_their_limits() -> None:
    grammar = Grammar({}, {"n": Number(2, 4)})
    rng = random.Random(5)

    assert {grammar.fill(compile_template("{n}"), rng) for _ in range(100)} == {"2", "3", "4"}


def test_a_slot_that_nothing_fills_is_found() -> None:
    with pytest.raises(KeyError, match="drink"):
        GRAMMAR.check(compile_template("{drink}"))
