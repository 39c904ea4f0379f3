"""Any text is judged, and its evidence adds up and lies in it: scripts/bench spam_fuzz

    python benchmarks/spam_fuzz.py [--examples 100000] [--seed 1] [--model FOLDER]

Hypothesis writes the texts: any of Unicode, lone surrogates and what is not assigned too, and disguised spam with
markup. Of each verdict: nothing is raised, every number is finite, `bias + Σ evidence = logit` to 1e-9, spans lie in
the text in code points and in UTF-16, and the text without what is said to speak for spam scores lower. The first text
that breaks this ends the run with an error, made as short as can be. The last line is JSON.
"""

import argparse
import json
import math
from importlib.resources import files
from pathlib import Path
from time import perf_counter

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from quikapp_ml.models.evidence import without
from quikapp_ml.models.spam import SpamClassifier

PIECES = (
    "free", "FREE", "w1n", "cаsh", "o\u200bffer", "f r e e", "c.a.s.h", "http://x.example/a", "<http://a.ru|google.com>",
    "bit.ly/x", "<@U1>", "@here", "```", "`x y`", "> quote\n", "&#102;ree", "&lt;", "<b></b>", "£100",
    "08001234567", "!!!", ":tada:", "👍🏽", "\u202e", "e\u0301\u0336", "ﷺ", "\ud800", "\U0010ffff",
    "\x00", "\u3000", "hxxp://x[.]com", "I", "a",
)  # fmt: skip
TEXTS = st.one_of(
    st.text(st.characters(), max_size=300),
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(st.characters(), max_size=4)), max_size=40).map(" ".join),
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
)


def complain(model: SpamClassifier, text: str) -> None:
    verdict = model.check(text)
    total = math.fsum([verdict.bias, *(item.weight for item in verdict.evidence)])
    assert math.isfinite(verdict.logit), "a logit is not finite"
    assert abs(total - verdict.logit) <= 1e-9, f"evidence adds up to {total}, not to {verdict.logit}"
    assert all(0 <= score <= 1 for score in (verdict.probability, *verdict.abuse.values())), "no probability"
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    for item in verdict.evidence:
        for span in item.spans:
            assert 0 <= span.start < span.end <= len(text), f"{span} of {item.signal} is outside"
            assert span.utf16_start is not None, "a span without its place for browsers"
            assert span.utf16_end is not None, "a span without its end for browsers"
            assert 0 <= span.utf16_start < span.utf16_end <= units, f"{span} of {item.signal} is outside in UTF-16"
        if item.spans and item.weight > 0:
            assert model.logit(without(text, item.spans)) < verdict.logit, f"{item.signal} does not speak for spam"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=Path, help="folder of a saved model; the starter otherwise")
    options = parser.parse_args()
    model = SpamClassifier.load(options.model or Path(str(files("quikapp_ml.starter_models"))) / SpamClassifier.name)
    n_seen = n_characters = 0

    @seed(options.seed)
    @settings(
        max_examples=options.examples,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(TEXTS)
    def fuzz(text: str) -> None:
        nonlocal n_seen, n_characters
        n_seen, n_characters = n_seen + 1, n_characters + len(text)
        complain(model, text)

    started = perf_counter()
    fuzz()
    told = {"examples": n_seen, "characters": n_characters, "seconds": round(perf_counter() - started, 1)}
    print(f"{n_seen} texts of {n_characters / max(n_seen, 1):.0f} characters: nothing found")
    print(json.dumps({"benchmark": "spam_fuzz", "seed": options.seed, **told}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
