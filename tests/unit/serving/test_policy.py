"""The mixed list: best first, room for each type, no item twice, the same in every order of the input."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.entities.decisions import ITEM_TYPES, ItemType
from quikapp_ml.serving.policy import PROMOTED, ListPolicy, Scored, best_first, choose, mix, varied


def pool(item_type: ItemType, *scores: float) -> list[Scored]:
    return [Scored(f"{item_type}{at}", item_type, score, "popular", at) for at, score in enumerate(scores)]


def test_one_type_alone_takes_the_whole_list() -> None:
    chosen = mix({"channel": pool("channel", 0.1, 0.9, 0.5)}, 2)
    assert [one.score for one in chosen] == [0.9, 0.5]


def test_each_type_has_room_though_another_scores_higher_throughout() -> None:
    chosen = mix({"channel": pool("channel", *[0.9] * 20), "user": pool("user", *[0.1] * 20)}, 10)
    kinds = [one.item_type for one in chosen]
    assert (kinds.count("channel"), kinds.count("user")) == (6, 4)


def test_a_type_may_fill_the_list_when_others_have_nothing_more() -> None:
    chosen = mix({"channel": pool("channel", *[0.9] * 20), "user": pool("user", 0.1)}, 10)
    assert [one.item_type for one in chosen] == ["channel"] * 9 + ["user"]


def test_a_list_of_one_is_the_best_of_all() -> None:
    chosen = mix({"channel": pool("channel", 0.2), "user": pool("user", 0.3), "message": pool("message", 0.1)}, 1)
    assert [one.item_id for one in chosen] == ["user0"]


def test_an_item_stands_once_with_its_best_score() -> None:
    twice = [Scored("m", "message", 0.2, "channel:a", 0), Scored("m", "message", 0.7, "channel:b", 1)]
    assert [(one.score, one.source) for one in mix({"message": twice}, 5)] == [(0.7, "channel:b")]


def test_nothing_gives_nothing() -> None:
    assert mix({}, 10) == mix({"channel": []}, 10) == []


ANY_POOLS = st.dictionaries(
    st.sampled_from(ITEM_TYPES), st.lists(st.sampled_from([0.1, 0.2, 0.2, 0.5, 0.9]), max_size=15), max_size=3
)


ANY_POLICY = st.builds(
    ListPolicy,
    diversity=st.sampled_from([0.0, 0.2, 1.0]),
    most_of_a_source=st.sampled_from([0.1, 0.5, 1.0]),
    explore=st.sampled_from([0.0, 0.5, 1.0]),
)


@given(ANY_POOLS, st.integers(1, 30), ANY_POLICY, st.text())
def test_no_policy_makes_a_list_shorter_or_says_anything_twice(
    scores: dict[ItemType, list[float]], limit: int, policy: ListPolicy, seed: str
) -> None:
    pools = {
        item_type: [one._replace(kin=at % 3, source=f"s{at % 4}") for at, one in enumerate(pool(item_type, *values))]
        for item_type, values in scores.items()
    }
    chosen = choose(pools, limit, policy, seed)
    assert len(chosen.items) == min(limit, sum(len(items) for items in pools.values()))
    assert chosen.items == best_first(chosen.items)
    assert len({(one.item_type, one.item_id) for one in chosen.items}) == len(chosen.items)
    assert choose(pools, limit, policy, seed) == chosen
    assert chosen.explored is None or chosen.explored in chosen.items


def messages(*of: tuple[float, str, int]) -> list[Scored]:
    return [Scored(f"m{at}", "message", score, source, at, kin) for at, (score, source, kin) in enumerate(of)]


def test_what_is_just_like_another_one_gives_way_to_something_else_that_is_nearly_as_good() -> None:
    queue = messages((0.9, "a", 1), (0.88, "a", 1), (0.87, "a", 2), (0.8, "b", 3))
    order = [one.item_id for one in varied(queue, 4, ListPolicy(diversity=0.2))]
    assert order == ["m0", "m3", "m2", "m1"]  # worth .9, .8, .87 · .9, .88 · .8
    assert [one.item_id for one in varied(queue, 4, ListPolicy(diversity=0.05))][:3] == ["m0", "m2", "m1"]
    assert varied(queue, 4, ListPolicy()) == queue


def test_without_place_and_kin_nothing_is_alike() -> None:
    queue = pool("channel", 0.9, 0.8, 0.7)
    assert varied(queue, 3, ListPolicy(diversity=1.0)) == queue


def test_a_source_has_its_share_while_others_have_something() -> None:
    queue = messages((0.9, "a", 0), (0.8, "a", 0), (0.7, "a", 0), (0.2, "b", 0), (0.1, "c", 0))
    policy = ListPolicy(most_of_a_source=0.5)
    assert [one.item_id for one in mix({"message": queue}, 3, policy)] == ["m0", "m1", "m3"]
    assert [one.item_id for one in mix({"message": queue}, 5, policy)] == ["m0", "m1", "m2", "m3", "m4"]
    assert [one.item_id for one in mix({"message": queue[:3]}, 3, policy)] == ["m0", "m1", "m2"]


def test_one_promoted_item_has_a_place_in_all_but_the_shortest_lists() -> None:
    queue = [*pool("channel", *[0.9] * 8), *(Scored(f"p{at}", "channel", 0.1, PROMOTED, 8 + at) for at in range(2))]
    assert [one.item_id for one in mix({"channel": queue}, 3)] == ["channel0", "channel1", "p0"]
    assert [one.item_id for one in mix({"channel": queue}, 2)] == ["channel0", "channel1"]
    assert [one.source for one in mix({"channel": [queue[8]._replace(score=0.95), *queue]}, 3)].count(PROMOTED) == 1


def test_the_stated_share_of_lists_ends_with_something_drawn_and_says_how_likely_that_was() -> None:
    pools: dict[ItemType, list[Scored]] = {"channel": pool("channel", *[0.9] * 3, *[0.5] * 4)}
    lists = [choose(pools, 3, ListPolicy(explore=0.2), f"u{at}") for at in range(4_000)]
    drawn = [one.explored for one in lists if one.explored]
    assert len(drawn) / len(lists) == pytest.approx(0.2, abs=0.03)
    counts = {item_id: sum(one.item_id == item_id for one in drawn) for item_id in {one.item_id for one in drawn}}
    assert sorted(counts) == ["channel3", "channel4", "channel5", "channel6"]
    assert all(count / len(lists) == pytest.approx(0.05, abs=0.015) for count in counts.values())
    assert {one.propensity for one in lists if one.explored} == {0.05}
    assert {one.propensity for one in lists if not one.explored} == {0.8}
    assert all(one.explored in one.items[2:] for one in lists if one.explored)


def test_what_is_tried_takes_no_place_of_what_is_promoted() -> None:
    pools: dict[ItemType, list[Scored]] = {
        "channel": [*pool("channel", 0.9, 0.8, 0.7, 0.6), Scored("p", "channel", 0.1, PROMOTED, 4)]
    }
    chosen = choose(pools, 3, ListPolicy(explore=1.0), "u")
    assert chosen.explored is not None
    assert [one.item_id for one in chosen.items] == ["channel0", chosen.explored.item_id, "p"]


def test_no_lots_are_drawn_without_a_seed_a_share_or_anything_else_to_show() -> None:
    pools: dict[ItemType, list[Scored]] = {"channel": pool("channel", 0.9, 0.8, 0.7, 0.6)}
    always = ListPolicy(explore=1.0)
    for chosen in (
        choose(pools, 3, always, None), choose(pools, 3, ListPolicy(), "u"), choose(pools, 4, always, "u"),
        choose(pools, 2, always, "u"), choose({}, 3, always, "u"),
    ):  # fmt: skip
        assert (chosen.explored, chosen.propensity) == (None, None)


def test_a_policy_that_was_recorded_is_the_same_again_and_an_older_one_did_less() -> None:
    policy = ListPolicy(largest_share=0.5, diversity=0.3, most_of_a_source=0.4, explore=0.1, promoted=("c1",))
    assert ListPolicy.recorded(policy.parameters()) == replace(policy, promoted=())
    assert ListPolicy.recorded({"largest_share": 0.34}) == ListPolicy(largest_share=0.34)
    assert ListPolicy.recorded({}) == ListPolicy()


@given(ANY_POOLS, st.integers(1, 30), st.randoms(use_true_random=False))
def test_any_list_is_full_sorted_distinct_and_the_same_in_any_order(
    scores: dict[ItemType, list[float]], limit: int, random: object
) -> None:
    pools = {item_type: pool(item_type, *values) for item_type, values in scores.items()}
    chosen = mix(pools, limit)
    assert len(chosen) == min(limit, sum(len(items) for items in pools.values()))
    assert chosen == best_first(chosen)
    assert len({(one.item_type, one.item_id) for one in chosen}) == len(chosen)
    shuffled = {item_type: items[::-1] for item_type, items in reversed(pools.items())}
    assert [(one.item_type, one.item_id) for one in mix(shuffled, limit)] == [
        (one.item_type, one.item_id) for one in chosen
    ]
