from itertools import permutations

from quikapp_ml.features.facts import Facts


def test_the_later_fact_holds_in_any_order() -> None:
    told = [(1.0, True), (3.0, False), (2.0, True)]
    for order in permutations(told):
        facts = Facts()
        for at, value in order:
            facts.put("is_private", at, value)
        assert facts["is_private"] == (3.0, False)
        assert not facts.holds("is_private")


def test_of_two_facts_of_one_time_the_careful_one_holds() -> None:
    for order in permutations([(1.0, True), (1.0, False)]):
        facts = Facts()
        for at, value in order:
            facts.put("is_private", at, value)
        assert facts.holds("is_private")


def test_put_says_whether_the_fact_holds_now() -> None:
    facts = Facts()
    assert facts.put("name", 2.0, "new")
    assert not facts.put("name", 1.0, "old")
    assert not facts.put("name", 2.0, "new")
    assert facts.put("name", 3.0, "newest")


def test_what_was_never_said_does_not_hold() -> None:
    assert not Facts().holds("is_private")


def test_pairs_come_back_from_json_lists() -> None:
    assert Facts.loaded({"a": [1, True], "b": [2.5, "x"]}) == {"a": (1.0, True), "b": (2.5, "x")}
