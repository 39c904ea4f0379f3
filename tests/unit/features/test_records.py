import numpy as np

from quikapp_ml.features.aggregates import Count, Decayed, Derived, Distinct, LastTime, Mean, Rate
from quikapp_ml.features.base import FeatureView
from quikapp_ml.features.records import NEVER, Layout

VIEW = FeatureView(
    "view",
    ("user_id",),
    {
        "n": Count(("posted",)),
        "n_7d": Count(("posted",), days=7),
        "decayed": Decayed(("posted",), half_life_days=1),
        "rate": Rate(("posted",), ("posted", "read"), prior=0.5, strength=4),
        "mean": Mean(("replied",), at_most=60),
        "others": Distinct(("replied",), of="other_user_id", days=2),
        "last": LastTime(("read",)),
        "ratio": Derived("n / rate"),
    },
    "",
    keep_newest=3,
)


def test_a_blank_record_has_a_slot_for_each_number() -> None:
    assert Layout(VIEW).blank == [0, 0, 0, 0, 0, 0, 0, NEVER, NEVER]


def test_steps_of_a_kind() -> None:
    steps = Layout(VIEW).steps("posted")
    assert (steps.counts, steps.decays, steps.lasts, steps.means, steps.windows) == (
        (0, 3, 4), ((1, 86_400),), (8,), (), ("n_7d",),
    )  # fmt: skip


def test_what_had_to_wait_is_the_mean_and_the_others() -> None:
    layout = Layout(VIEW)
    late = layout.steps("replied", late=True)
    assert (late.counts, late.lasts, late.means, late.windows) == ((), (), ((5, 60),), ("others",))
    assert layout.steps("posted", late=True).do_nothing


def test_a_view_of_windows_alone_has_a_record_too() -> None:
    assert Layout(FeatureView("view", ("user_id",), {"n": Count(("posted",), days=2)}, "")).blank == [NEVER]


def test_columns_are_made_of_records() -> None:
    record = np.array([[6.0, 2.0, 86_400.0, 3.0, 6.0, 90.0, 2.0, 5.0, 0.0], Layout(VIEW).blank])
    reading = Layout(VIEW).reading(("ratio", "mean", "last", "decayed"))
    assert reading.columns == ("mean", "last", "decayed", "n", "rate")
    found = reading.all(reading.counted(record, 2 * 86_400.0), 2 * 86_400.0)
    expected = np.array([[12, 45, 5, 1], [0, np.nan, np.nan, 0]])
    np.testing.assert_allclose(found, expected)
