import pytest

from quikapp_ml.training.thread_links import NEVER, FadingLinks, LastTimes


def test_a_link_halves_in_its_half_life_and_nobody_is_linked_to_nobody() -> None:
    links = FadingLinks(half_life=100.0)
    links.add(1, 2, 1.0, at=1_000.0)
    links.add(1, 2, 1.0, at=1_100.0)
    assert links.row(1, 1_200.0, size=3).tolist() == [0.0, 0.0, pytest.approx(0.75), 0.0]
    assert links.row(0, 1_200.0, size=3).tolist() == [0.0] * 4


def test_years_of_short_half_lives_do_not_outgrow_a_number() -> None:
    links = FadingLinks(half_life=1.0)
    for at in range(0, 5_000, 5):
        links.add(0, 0, 1.0, float(at))
    assert links.row(0, 4_995.0, size=1).tolist() == [pytest.approx(1 / (1 - 2**-5)), 0.0]


def test_rows_grow() -> None:
    links, times = FadingLinks(10.0), LastTimes()
    for other in range(50):
        links.add(0, other, float(other), at=0.0)
        times.note(0, other, float(other))
    assert links.row(0, 0.0, size=50)[:50].tolist() == [float(other) for other in range(50)]
    assert times.row(0, size=50).tolist() == [*map(float, range(50)), NEVER]
    assert [(one, others.tolist()) for one, others, _ in links.all_links(0.0)] == [(0, list(range(50)))]
