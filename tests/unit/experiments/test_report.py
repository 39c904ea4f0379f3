"""The page: it says first what to do, tells texts as texts, and needs nothing from elsewhere."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa

from quikapp_ml.entities.experiments import ExperimentSpec, Guardrail
from quikapp_ml.experiments.analysis import Counted, analysed
from quikapp_ml.experiments.arrivals import arrivals
from quikapp_ml.experiments.metrics import DAY_MICROS
from quikapp_ml.experiments.report import report
from quikapp_ml.experiments.results import ExperimentResults
from quikapp_ml.experiments.segments import segmented
from support.trial_rows import counted, spec

REPORTS = Guardrail(name="reports", of="report", kind="mean", worse="higher")


def page(*metrics: Counted, came: tuple[int, int] = (1_000, 1_000), trial: ExperimentSpec | None = None) -> str:
    trial = trial or spec()
    units = pa.Table.from_pylist([
        {"unit": f"{name}{n}", "variant": name, "since": n % 10 * DAY_MICROS, "n_answers": 1, "n_fallbacks": int(n < 3)}
        for name, count in zip(("control", "new"), came, strict=True) for n in range(count)
    ])  # fmt: skip
    observed = metrics[0].observed
    ways = {"half": np.array([unit[-1] for unit in observed.units.tolist()])}
    now = datetime(2026, 11, 25, 8, tzinfo=UTC)
    found = ExperimentResults(
        trial.name, trial.hypothesis, trial.unit, now, arrivals(trial, units, 0), analysed(trial, metrics),
        segmented(trial, metrics[0], ways),
    )  # fmt: skip
    return report(trial, found)


def first_box(text: str) -> str:
    found = re.search(r'<section class="verdict[^"]*"><h2>(.*?)</h2>', text)
    assert found is not None
    return found[1]


class Balanced(HTMLParser):
    """Refuses tags that are not closed in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_find_comes_first_and_the_page_stands_alone() -> None:
    text = page(counted([5, 6]), counted([5, 5], REPORTS, "guardrail"))
    assert first_box(text) == "new: clicks is higher"
    assert text.count("<svg") == 4
    assert "More &lt;b&gt;clicks&lt;/b&gt;." in text
    assert not re.search(r"<script|https?://|<link|<img", text)
    assert "6 answers were control's" in text
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []


def test_harm_comes_before_a_find_and_a_mismatch_before_both() -> None:
    metrics = counted([5, 6]), counted([5, 6], REPORTS, "guardrail")
    assert first_box(page(*metrics)) == "new does harm"
    assert first_box(page(*metrics, came=(1_000, 400))) == "Do not believe these numbers"


def test_what_is_not_known_is_said() -> None:
    assert first_box(page(counted([5, 5]))) == "new: not clear yet"
    assert first_box(page(counted([0, 0]))) == "new: nothing to tell yet"
    assert first_box(page(counted([5, 5]), trial=spec(smallest_effect=0.9))) == "new: no difference that matters"


def test_a_bandit_says_what_it_has_learnt_and_that_the_rest_is_of_the_even_part() -> None:
    arm = {"variant": "control", "successes": 10.0, "failures": 90.0, "propensity": 0.1}
    arms = [arm, {**arm, "variant": "new", "successes": 20.5, "failures": 79.5, "propensity": 0.9}]
    learnt = {"number": 3, "until": "2026-11-24T08:00:00Z", "arms": arms}
    reads = {"name": "reads", "of": "read", "source": "feedback"}
    trial = spec(metrics=[reads], bandit={"even_share": 0.3}, learnt=learnt)
    told = page(counted([1.0, 1.0]), trial=trial)
    assert "70% of the users follow what is learnt of reads" in told
    assert '<td>new</td><td class="n">20.5</td><td class="n">100</td><td class="n">90%</td>' in told
    assert "until 24 Nov 2026, 08:00 UTC" in told
    assert "What was learnt" not in page(counted([1.0, 1.0]))
