"""The mixed list: best first, room for each type, no item twice, the same in every order of the input."""

from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.entities.decisions import ITEM_TYPES, ItemType
from quikapp_ml.serving.policy import Scored, best_first, mix


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
