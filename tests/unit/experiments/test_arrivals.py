"""Who was let in, when, and whether in the shares that were promised."""

import pyarrow as pa

from quikapp_ml.experiments.arrivals import arrivals
from quikapp_ml.experiments.metrics import DAY_MICROS
from support.trial_rows import spec


def came(control: int, new: int, day: int = 0, fallbacks: int = 0) -> list[dict[str, object]]:
    return [
        {"unit": f"{name}-{day}-{n}", "variant": name, "since": day * DAY_MICROS, "n_answers": 1,
         "n_fallbacks": int(n < fallbacks)}
        for name, count in (("control", control), ("new", new)) for n in range(count)
    ]  # fmt: skip


def test_units_add_up_by_day() -> None:
    found = arrivals(spec(), pa.Table.from_pylist([*came(5, 4), *came(3, 6, 2, 1)]), 8 * DAY_MICROS)
    assert found.units == {"control": 8, "new": 10}
    assert [(one.day, one.units) for one in found.days] == [
        (0, {"control": 5, "new": 4}),
        (2, {"control": 8, "new": 10}),
    ]
    assert (found.fallbacks, found.open_units) == (2, 9)
    assert found.sentence == "Units arrive in the shares that were promised."


def test_a_mismatch_is_told_and_not_taken_back() -> None:
    rows = [*came(900, 300), *came(0, 600, 1)]
    found = arrivals(spec(), pa.Table.from_pylist(rows), DAY_MICROS)
    assert found.mismatch_p_value == found.days[0].mismatch_p_value
    assert found.mismatch_p_value is not None and found.mismatch_p_value < 0.01
    assert "believe no other number" in found.sentence


def test_nobody_yet() -> None:
    found = arrivals(spec(), pa.Table.from_pylist(came(1, 1)).slice(0, 0), 0)
    assert (found.units, found.days, found.mismatch_p_value) == ({"control": 0, "new": 0}, [], None)
    assert found.sentence == "Nobody was let in yet."
