import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.entities.activities import Activity, ActivityKind
from quikapp_ml.errors import InvalidInput
from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.features.aggregates import Count, Decayed, Derived, Distinct, Feature, LastTime, Mean, Rate
from quikapp_ml.features.base import FeatureView
from quikapp_ml.features.online import OnlineFeatures

DAY = 86_400.0
START = 1_790_000_000.0

VIEW = FeatureView(
    "view",
    ("user_id", "channel_id"),
    {
        "n": Count(("posted", "read")),
        "decayed": Decayed(("posted",), half_life_days=2),
        "last": LastTime(("posted",)),
        "mean": Mean(("replied",), at_most=100.0),
        "rate": Rate(("posted",), ("posted", "read"), prior=0.5, strength=2),
        "n_3d": Count(("posted",), days=3),
        "different_2d": Distinct(("posted", "replied"), of="message_id", days=2),
        "ratio": Derived("n_3d / (n + 0.5) - different_2d * 2"),
        "answers": Count(("replied",), towards_others=True),
        "answers_2d": Count(("replied",), days=2, towards_others=True),
        "age": Derived("now - last"),
    },
    "",
)


def did(kind: ActivityKind, at: float, user_id: str = "u", channel_id: str = "c", other: str | None = None) -> Activity:
    return Activity(kind, at, user_id, channel_id, None, other)


def values_of(features: OnlineFeatures, now: float) -> dict[str, float]:
    return dict(zip(VIEW.features, features.values("view", ("u", "c"), now), strict=True))


def counted(activities: Sequence[Activity], *views: FeatureView) -> OnlineFeatures:
    features = OnlineFeatures(views or (VIEW,))
    for activity in activities:
        features.apply(activity)
    return features


def test_known_values() -> None:
    features = counted([did("posted", START), did("posted", START + 2 * DAY), did("read", START + 3 * DAY)])
    n, decayed, last = features.values("view", ("u", "c"), START + 4 * DAY, ("n", "decayed", "last"))
    assert (n, last) == (3, START + 2 * DAY)
    assert decayed == pytest.approx(1 / 4 + 1 / 2)


def test_what_never_happened_is_zero_and_its_time_is_not_a_number() -> None:
    nothing = values_of(counted([]), START)
    assert {name: value for name, value in nothing.items() if not math.isnan(value)} == {
        "n": 0, "decayed": 0, "rate": 0.5, "n_3d": 0, "different_2d": 0, "ratio": 0, "answers": 0, "answers_2d": 0,
    }  # fmt: skip
    only_read = counted([did("read", START)]).values("view", ("u", "c"), START)
    assert only_read[0] == 1 and math.isnan(only_read[2])


def test_values_do_not_grow_when_asked_about_the_past() -> None:
    features = counted([did("posted", START)])
    assert features.values("view", ("u", "c"), START - DAY)[1] == 1.0


def test_a_matrix_is_the_values_of_each_key() -> None:
    features = counted([did("posted", START, "a"), did("posted", START, "b"), did("read", START, "b")])
    keys = [("a", "c"), ("x", "c"), ("b", "c"), ("a", "c")]
    matrix = features.matrix("view", keys, START + DAY)
    assert matrix.shape == (4, 11)
    np.testing.assert_array_equal(matrix, [features.values("view", key, START + DAY) for key in keys])
    assert features.matrix("view", [], START).shape == (0, 11)


def test_partners_are_the_second_parts_of_keys() -> None:
    features = counted(
        [did("posted", START, "u", "c1"), did("read", START, "u", "c2"), did("posted", START, "v", "c3")]
    )
    assert sorted(features.partners("view", "u")) == ["c1", "c2"]
    assert features.partners("view", "nobody") == []


def test_an_activity_without_a_part_of_the_key_is_not_counted() -> None:
    view = FeatureView("towards", ("other_user_id",), {"n": Count(("replied",))}, "")
    features = counted([did("replied", START), did("replied", START, other="v")], view)
    assert features.values("towards", ("v",), START) == (1.0,)
    assert features.changes().popitem()[1].keys() == {"v\t"}


def test_one_that_completes_counts_only_towards_the_other() -> None:
    by_channel = FeatureView("by_channel", ("channel_id",), {"n": Count(("replied",))}, "")
    by_other = FeatureView("by_other", ("other_user_id",), {"n": Count(("replied",))}, "")
    features = counted([did("replied", START)], by_channel, by_other)
    features.apply(Activity("replied", START, "u", "c", "m", "v", completes=True))
    assert features.values("by_channel", ("c",), START) == (1.0,)
    assert features.values("by_other", ("v",), START) == (1.0,)


def test_a_mean_is_of_the_values_up_to_its_bound() -> None:
    told = [Activity("replied", START, "u", "c", "m", "v", value=value) for value in (10.0, 40.0, 100.0, 100.5, None)]
    assert values_of(counted(told), START)["mean"] == 50
    assert math.isnan(values_of(counted(told[3:]), START)["mean"])


def test_a_rate_begins_at_its_prior() -> None:
    told = [did("posted", START), did("read", START), did("read", START), did("read", START)]
    assert values_of(counted(told), START)["rate"] == pytest.approx((1 + 0.5 * 2) / (4 + 2))


def test_a_derived_feature_may_use_the_moment_of_the_question() -> None:
    features = counted([did("posted", START)])
    assert values_of(features, START + 90)["age"] == 90
    assert math.isnan(features.values("view", ("nobody", "c"), START, ("age",))[0])


def test_windows_are_of_whole_days() -> None:
    midnight = START - START % DAY
    told = [Activity("posted", midnight + hours * 3_600, "u", "c", message) for hours, message in (
        (0, "m0"), (23.99, "m0"), (24, "m1"), (50, "m2"), (30, "m0"),
    )]  # fmt: skip
    features = counted(told)
    on_day = [values_of(features, midnight + day * DAY + 3_000 * 3.6) for day in range(2, 7)]
    assert [one["n_3d"] for one in on_day] == [5, 3, 1, 0, 0]
    assert [one["different_2d"] for one in on_day] == [3, 1, 0, 0, 0]
    assert on_day[0]["ratio"] == pytest.approx(5 / 5.5 - 6)


def test_a_clock_that_is_ahead_does_not_cut_a_window() -> None:
    midnight = START - START % DAY
    features = counted([did("posted", midnight - 2 * DAY), did("posted", midnight + DAY)])
    assert values_of(features, midnight + DAY - 1)["n_3d"] == 2


def test_windows_keep_only_their_days() -> None:
    features = counted([Activity("posted", START + day * DAY, "u", "c", f"m{day}") for day in range(50)])
    documents = features.changes().popitem()[1]
    kept = {key.split("\t", 2)[2] for key, one in documents.items() if one is not None and key.count("\t") > 1}
    day = int(START // DAY) + 49
    assert kept == {f"n_3d\t{day - age}" for age in range(4)} | {f"different_2d\tm{49 - age}" for age in range(3)}


def test_some_features_by_name_in_the_order_asked_for() -> None:
    features = counted([did("posted", START), did("read", START)])
    whole = values_of(features, START)
    names = ("ratio", "last", "n", "rate", "n")
    assert features.values("view", ("u", "c"), START, names) == tuple(whole[name] for name in names)
    with pytest.raises(InvalidInput, match="view has no feature mood; it has n, decayed, last"):
        features.values("view", ("u", "c"), START, ("n", "mood"))


def test_a_value_that_was_not_known_at_first_is_added_once() -> None:
    features = counted([Activity("replied", START, "u", "c", "m")])
    features.apply(Activity("replied", START, "u", "c", "m", "v", completes=True, value=7.0))
    found = values_of(features, START)
    assert (found["mean"], found["different_2d"], found["answers"], found["answers_2d"]) == (7, 1, 1, 1)


def test_kinds_that_no_view_counts_are_passed_over() -> None:
    assert counted([did("left", START)]).changes() == {}


activities = st.lists(
    st.builds(
        Activity,
        kind=st.sampled_from(["posted", "read", "joined", "replied"]),
        at=st.floats(START, START + 60 * DAY) | st.floats(START, START + 5 * DAY),
        user_id=st.sampled_from(["a", "b"]),
        channel_id=st.sampled_from(["c", "d"]),
        message_id=st.sampled_from(["m", "n", "o", None]),
        other_user_id=st.sampled_from(["v", None]),
        value=st.none() | st.floats(1, 200),
    ),
    max_size=30,
)


@given(activities.flatmap(lambda told: st.tuples(st.just(told), st.permutations(told))))
def test_the_order_of_arrival_does_not_matter(told: tuple[list[Activity], list[Activity]]) -> None:
    one, other = (counted(order) for order in told)
    keys = [(user_id, channel_id) for user_id in "ab" for channel_id in "cd"]
    now = max((each.at for each in told[0]), default=START)
    np.testing.assert_allclose(one.matrix("view", keys, now), other.matrix("view", keys, now), rtol=1e-9)


@given(activities, activities)
def test_documents_restore_exactly_and_go_on_alike(before: list[Activity], after: list[Activity]) -> None:
    kept = counted(before)
    restored = OnlineFeatures((VIEW,))
    for namespace, documents in kept.changes().items():
        restored.load(namespace, [(key, document) for key, document in documents.items() if document is not None])
    for activity in after:
        kept.apply(activity)
        restored.apply(activity)
    keys = [(user_id, channel_id) for user_id in "ab" for channel_id in "cd"]
    now = max((each.at for each in before + after), default=START)
    np.testing.assert_array_equal(kept.matrix("view", keys, now), restored.matrix("view", keys, now))
    assert {key: sorted(kept.partners("view", key)) for key in "ab"} == {
        key: sorted(restored.partners("view", key)) for key in "ab"
    }


def test_changes_hold_only_what_changed() -> None:
    features = counted([did("posted", START, "a"), did("posted", START, "b")])
    (namespace,) = features.NAMESPACES
    today = int(START // DAY)
    one, other = ({f"{user}\tc", f"{user}\tc\tn_3d\t{today}"} for user in "ab")
    assert features.changes()[namespace].keys() == one | other
    assert features.changes() == {}
    features.apply(did("posted", START, "b"))
    assert features.changes()[namespace].keys() == other


def test_a_bounded_view_keeps_those_touched_last() -> None:
    view = FeatureView("bounded", ("channel_id", "user_id"), {"n": Count(("posted",))}, "", keep_newest=3)
    features = counted([did("posted", START + number, f"u{number}") for number in range(6)], view)
    documents = features.changes().popitem()[1]
    assert len(documents) == 6
    features.apply(did("posted", START + 6, "u6"))
    assert sorted(features.partners("bounded", "c")) == ["u4", "u5", "u6"]
    gone = features.changes().popitem()[1]
    assert {key for key, document in gone.items() if document is None} == {"c\tu0", "c\tu1", "c\tu2", "c\tu3"}


def test_documents_of_another_definition_are_not_mixed_in() -> None:
    changed = FeatureView("view", VIEW.entity_key, {"n": Count(("read",))}, "")
    assert set(OnlineFeatures((VIEW,)).NAMESPACES).isdisjoint(OnlineFeatures((changed,)).NAMESPACES)


def test_what_a_bounded_view_forgets_is_forgotten_in_windows_too() -> None:
    windows: dict[str, Feature] = {"n": Count(("posted",), days=9), "of": Distinct(("posted",), of="user_id", days=9)}
    view = FeatureView("bounded", ("channel_id", "user_id"), windows, "", keep_newest=1)
    features = counted([did("posted", START + number, f"u{number}") for number in range(3)], view)
    kept = {key.split("\t")[1] for key, document in features.changes().popitem()[1].items() if document is not None}
    assert kept == {"u2"}
    assert features.values("bounded", ("c", "u0"), START + 3) == (0, 0)
    assert features.values("bounded", ("c", "u2"), START + 3) == (1, 1)


def test_mistakes_are_named() -> None:
    features = OnlineFeatures()
    with pytest.raises(InvalidInput, match="unknown feature view 'nothing'; known are user_activity"):
        features.values("nothing", ("u",), START)
    with pytest.raises(InvalidInput, match="a key of user_activity is user_id"):
        features.values("user_activity", ("u", "c"), START)
    with pytest.raises(InvalidInput, match="unknown namespace 'nothing'"):
        features.load("nothing", [])


def test_every_declared_view_counts_something() -> None:
    features = OnlineFeatures()
    kinds: tuple[ActivityKind, ...] = ("posted", "replied", "mentioned", "reacted", "read", "joined", "reported")
    for kind in kinds:
        features.apply(Activity(kind, START, "u", "c", "m", "v", value=1.0))
    keys = {"user_id": "u", "channel_id": "c", "message_id": "m", "other_user_id": "v"}
    for view in FEATURE_VIEWS:
        values = features.values(view.name, tuple(keys[part] for part in view.entity_key), START + 1)
        assert all(value > 0 for value in values), view.name


def test_when_an_entity_was_touched_and_what_is_newest_survive_a_restart() -> None:
    assert OnlineFeatures().newest_at is None
    features = OnlineFeatures()
    done: tuple[tuple[float, ActivityKind], ...] = ((1_000.0, "posted"), (500.0, "posted"), (2_000.0, "replied"))
    for at, kind in done:
        features.apply(Activity(at=at, kind=kind, user_id="U1", channel_id="C1"))
    keys = [("U1",), ("U2",)]
    values, touched = features.read("user_activity", keys, 3_000.0)
    assert touched == [1_000.0, None]  # a reply leaves no time there
    np.testing.assert_array_equal(values, features.matrix("user_activity", keys, 3_000.0))
    assert features.newest_at == 2_000.0
    again = OnlineFeatures()
    for namespace, documents in features.changes().items():
        again.load(namespace, [(key, document) for key, document in documents.items() if document])
    assert again.read("user_activity", keys, 3_000.0)[1] == [1_000.0, None]
    assert again.newest_at == 1_000.0
