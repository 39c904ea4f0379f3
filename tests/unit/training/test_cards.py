from dataclasses import replace

from quikapp_ml.training.cards import CardFacts, limits_as_card, limits_of, write_card
from support.toy_model import Threshold

FACTS = CardFacts(
    model_class=Threshold,
    semantic_version="2.4.1",
    metric="accuracy",
    metrics={
        "baseline_majority": 0.5,
        "recall": 0.75,
        "questions": 40.0,
        "accuracy": 0.9,
        "accuracy_low": 0.85,
        "accuracy_high": 0.95,
        "difference": 0.1,
        "difference_low": 0.05,
        "difference_high": 0.15,
    },
    previous="version 3 (2.4.0)",
    previous_metrics={"accuracy": 0.8, "accuracy_low": 0.7, "accuracy_high": 0.9},
    table_versions={"quikapp_ml.ml.readings": 7},
    parameters={"n_learnt": "40"},
    previous_card="# threshold\n\n## Limits\n\nKnows numbers only.\n\n### Of which\n\nSmall ones.\n\n## Other\n\nx\n",
)


def test_the_whole_card() -> None:
    assert (
        write_card(FACTS)
        == """\
# threshold 2.4.1

Says yes above a threshold, which it learns.

## Learnt from

| table | version |
|---|---|
| quikapp_ml.ml.readings | 7 |

## Measured on the held-out part, beside version 3 (2.4.0)

| measure | this version | before |
|---|---|---|
| **accuracy** (decides) | 0.9000 (0.8500 to 0.9500) | 0.8000 (0.7000 to 0.9000) |
| baseline_majority | 0.5000 | – |
| recall | 0.7500 | – |
| questions | 40 | – |
| difference | 0.1000 (0.0500 to 0.1500) | – |

## Made with

| name | value |
|---|---|
| n_learnt | 40 |

## Limits

Knows numbers only.

### Of which

Small ones.

## Make it again

`quikapp-ml train threshold` makes the next version from the tables as they are now. The tables as they were are still \
there: `Lake.read(name, version=…)` with the versions above gives the rows learnt from.
"""
    )


def test_limits_are_carried_on_from_card_to_card() -> None:
    card = write_card(FACTS)
    assert limits_of(write_card(replace(FACTS, previous_card=card))) == limits_of(card)


def test_the_limits_of_a_first_version_are_those_of_its_recipe() -> None:
    card = write_card(replace(FACTS, previous_card=limits_as_card("Knows nothing.")))
    assert limits_of(card) == "Knows nothing."
    assert limits_as_card("") == ""


def test_without_limits_the_card_says_so() -> None:
    assert "None have been written down" in write_card(replace(FACTS, previous_card=""))
    assert limits_of("# a\n\n## Limits\n\nLast words.") == "Last words."
    assert limits_of("no headings") == ""
