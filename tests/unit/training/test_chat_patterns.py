"""Lines written from patterns."""

import random

from quikapp_ml.training.chat_patterns import Patterns, ordinary_lines, patterns

KNOWN = Patterns(["{see|read} <thing> {now|}"], {"thing": "a {red|blue} book|<@U1>"})


def test_choices_are_made_inside_out_and_names_that_are_no_list_stay() -> None:
    dice = random.Random(1)
    lines = {KNOWN.written(KNOWN.lines[0], dice) for _ in range(200)}
    assert lines == {
        f"{verb} {thing}{end}"
        for verb in ("see", "read")
        for thing in ("a red book", "a blue book", "<@U1>")
        for end in ("", " now")
    }


def test_the_same_seed_gives_the_same_lines_and_no_choice_is_left_in_them() -> None:
    lines = ordinary_lines(600)
    assert lines == ordinary_lines(600) != ordinary_lines(600, seed=2)
    assert 300 < len({line.text for line in lines}) == len(lines) <= 600
    assert {line.label for line in lines} == {"ham"}
    assert not [line.text for line in lines if set("{|}") & set(line.text)]
    assert not [name for name in patterns().lists if any(f"<{name}>" in line.text for line in lines)]
