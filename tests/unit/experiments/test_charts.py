"""Plots: well-formed SVG, in its frame, with what is outside cut off."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.experiments.charts import WIDTH, Bar, Scale, change_over_time, date_of, intervals, percent, shares
from quikapp_ml.experiments.results import Look

CHANGES = st.floats(-5, 5, allow_nan=False)


def in_frame(svg: str) -> None:
    root = ET.fromstring(svg)
    _, _, width, height = (float(part) for part in root.attrib["viewBox"].split())
    assert width == WIDTH
    for element in root.iter():
        xs = [float(element.attrib[name]) for name in ("x", "x1", "x2", "cx") if name in element.attrib]
        ys = [float(element.attrib[name]) for name in ("y", "y1", "y2", "cy") if name in element.attrib]
        points = re.findall(r"(-?[\d.]+),(-?[\d.]+)", element.attrib.get("points", ""))
        xs += [float(x) for x, _ in points]
        ys += [float(y) for _, y in points]
        assert all(0 <= x <= width for x in xs)
        assert all(0 <= y <= height for y in ys)


@given(st.lists(st.tuples(CHANGES, st.floats(0.001, 9)), min_size=1, max_size=20), st.sampled_from([None, 0.02]))
def test_a_change_over_time_stays_in_its_frame(found: list[tuple[float, float]], sought: float | None) -> None:
    looks = [Look(day, 100, change, change - width, change + width) for day, (change, width) in enumerate(found)]
    in_frame(change_over_time(looks, sought, "a <label>"))


@given(st.lists(st.tuples(CHANGES, st.floats(0.001, 9)), min_size=1, max_size=8))
def test_intervals_stay_in_their_frame(found: list[tuple[float, float]]) -> None:
    bars = [Bar("a & b", change, change - width, change + width, "good", "note", 0.05) for change, width in found]
    in_frame(intervals(bars, "label"))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_shares_stay_in_their_frame(found: list[float]) -> None:
    in_frame(shares([(day, [share, 1 - share]) for day, share in enumerate(found)], [0.5, 0.5], "label"))


def test_long_names_are_cut() -> None:
    assert f">{'x' * 27}…<" in intervals([Bar("x" * 60, 0.1, 0.0, 0.2, "")], "label")


def test_nothing_is_drawn_of_nothing() -> None:
    looks = [Look(0, 10, 0.1, None, None)]
    assert (change_over_time(looks, None, ""), intervals([], ""), shares([], [0.5, 0.5], "")) == ("", "", "")


@pytest.mark.parametrize(
    ("value", "told"), [(0.031, "+3.1%"), (-0.314, "-31%"), (0.0, "0%"), (-0.0001, "0%"), (0.0996, "+10%")]
)
def test_changes_as_people_write_them(value: float, told: str) -> None:
    assert percent(value) == told


def test_ticks_are_round_and_days_have_dates() -> None:
    assert Scale(-0.11, 0.11, 0, 100).ticks() == pytest.approx([-0.1, -0.05, 0, 0.05, 0.1])
    assert (date_of(0), date_of(20_759)) == ("1 Jan", "2 Nov")
