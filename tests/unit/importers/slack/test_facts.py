import pytest

from quikapp_ml.importers.slack.archive import BrokenPart
from quikapp_ml.importers.slack.facts import event, is_id, one_line, text_of, time_of, ts_of


@pytest.mark.parametrize(
    ("given", "microseconds"),
    [
        ("1433866202.000002", 1_433_866_202_000_002),
        ("1433866202.5", 1_433_866_202_500_000),
        ("1433866202", 1_433_866_202_000_000),
        (1_433_866_202, 1_433_866_202_000_000),
        ("0", None),
        ("-5", None),
        ("later", None),
        ("", None),
        (None, None),
        (True, None),
        (14.5, None),
        ("99999999999999.0", None),
    ],
)
def test_times_are_read_to_the_microsecond(given: object, microseconds: int | None) -> None:
    assert time_of(given) == microseconds


@pytest.mark.parametrize(
    ("entry", "said"), [({}, "it has no ts"), ({"ts": "x"}, "no time stamp: 'x'"), ({"ts": 1}, "its ts")]
)
def test_an_entry_without_its_time_stamp_is_broken(entry: dict[str, object], said: str) -> None:
    with pytest.raises(BrokenPart, match=said):
        ts_of(entry)


def test_names_become_one_line() -> None:
    assert one_line("  Ada\n\u2028 &amp;  Bo\x07 ", 100) == "Ada & Bo"
    assert one_line("x" * 300, 256) == "x" * 256
    assert one_line(" \n", 10) is None
    assert one_line(7, 10) is None


@pytest.mark.parametrize(
    ("value", "expected"), [("U1", True), ("", False), ("a\nb", False), ("x" * 65, False), (7, False)]
)
def test_ids_are_short_and_on_one_line(value: object, expected: bool) -> None:
    assert is_id(value) is expected


def test_three_entities_are_unescaped_and_mentions_and_links_kept() -> None:
    text = "a &lt;b&gt; &amp;amp; <@U1|ada> <https://x.example/?a=1&amp;b=2|link> &quot;"

    assert text_of({"text": text}) == "a <b> &amp; <@U1|ada> <https://x.example/?a=1&b=2|link> &quot;"


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ({"text": "hi", "attachments": [{"text": "no"}]}, "hi"),
        ({"text": "", "attachments": [{"fallback": "Build 7 failed"}, {"title": "why"}, "x"]}, "Build 7 failed\nwhy"),
        ({"text": "", "files": [{"title": "plan.pdf"}, {"name": "photo.png"}]}, "plan.pdf\nphoto.png"),
        ({"text": None, "file": {"name": "old.txt"}}, "old.txt"),
        ({"text": 5, "blocks": "x"}, ""),
        ({}, ""),
        ({"text": "a\x00b"}, "a\ufffdb"),
    ],
)
def test_what_a_message_without_text_says(entry: dict[str, object], text: str) -> None:
    assert text_of(entry) == text


def test_blocks_are_read_in_order() -> None:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "Deploy &gt; done"}, "fields": [{"text": "eu"}]}
    rich = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "ok"}]}],
    }

    assert text_of({"text": "", "blocks": [section, rich]}) == "Deploy > done\neu\nok"


def test_blocks_without_end_are_cut_off() -> None:
    block: dict[str, object] = {"text": "deep"}
    for _ in range(200):
        block = {"elements": [block]}

    assert text_of({"text": "", "blocks": [block]}) == ""


def test_a_text_is_as_long_as_the_service_takes_it() -> None:
    assert len(text_of({"text": "x" * 50_000})) == 40_000


def test_old_file_posts_are_told_in_the_words_of_the_person() -> None:
    text = "<@U1|ada> uploaded a file: <https://f.example/1|data.csv> and commented: the dataset!\nlook"
    assert text_of({"subtype": "file_share", "text": text}) == "the dataset!\nlook <https://f.example/1|data.csv>"
    assert text_of({"subtype": "file_share", "text": text.split(" and ")[0]}) == "<https://f.example/1|data.csv>"
    comment = {"subtype": "file_comment", "text": "<@U1> commented on …", "comment": {"comment": "nice"}}
    assert text_of(comment) == "nice"


def test_event_ids_that_would_be_too_long_are_hashed_the_same_each_time() -> None:
    (_, one), (_, again), (_, other) = (
        event("join", 1_600_000_000_000_000, "U1", ("C1", name * 130)) for name in ("a", "a", "b")
    )

    assert len(one["event_id"]) <= 128
    assert one["event_id"] == again["event_id"] != other["event_id"]
