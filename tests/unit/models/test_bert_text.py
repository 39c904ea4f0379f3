"""What BERT reads of a message."""

from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quikapp_ml.models.bert_text import bert_text


@pytest.mark.parametrize(
    ("content", "read"),
    [
        ("Great job, everyone!", "Great job, everyone!"),
        ("done :tada:", "done :celebration tada:"),
        ("done 🎉", "done :celebration party popper:"),
        ("done :)", "done :joy:"),
        ("love it ❤️", "love it :love heavy black heart:"),
        ("👍🏽", ":approval thumbs up sign:"),
        ("look 🦄", "look :unicorn face:"),
        ("ok :blob_dance:", "ok :blob dance:"),
        ("thanks <@U123>, and @maria", "thanks @user , and @user"),
        ("nice `awful()` work", "nice work"),
        ("nice ```terrible\nworst``` work", "nice work"),
        ("> I hate this\nfixed", "fixed"),
        ("see https://terrible.example/hate please", "see please"),
        ("see <https://x.example|the hate page> please", "see please"),
        ("it’s fine", "it's fine"),
        ("f\u200bine", "fine"),
        ("`only code`", ""),
        ("", ""),
    ],
)
def test_words_and_moods_are_read_and_code_quotes_and_links_are_not(content: str, read: str) -> None:
    assert bert_text(content) == read


@pytest.mark.parametrize(
    "trace",
    [
        'Traceback (most recent call last):\n  File "a/b.py", line 3, in f\nValueError: terrible',
        "java.lang.IllegalStateException: awful\n\tat com.acme.Main.run(Main.java:12)\nCaused by: a.b.BadError: hate",
    ],
)
def test_stack_traces_are_not_read(trace: str) -> None:
    assert bert_text(f"who has seen this?\n{trace}\nthanks") == "who has seen this? thanks"


def test_talk_of_errors_is_read() -> None:
    assert bert_text("I get an Error: it is late") == "I get an Error: it is late"


@given(st.text(max_size=300))
def test_any_text_is_read_in_one_line(content: str) -> None:
    read = bert_text(content)
    assert read == " ".join(read.split())


def test_a_long_text_is_read_in_linear_time() -> None:
    started = perf_counter()
    for unit in ("a ", "`", "> ", ":tada: ", "at x(", "Error", "<http://a"):
        bert_text(unit * (40_000 // len(unit)))
    assert perf_counter() - started < 10
