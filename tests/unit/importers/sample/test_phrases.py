import pytest

from quikapp_ml.importers.sample.phrases import read_lines, read_words

FILES = ("talk_work.txt", "talk_social.txt", "talk_interests.txt", "talk_spam.txt")


def test_a_section_holds_its_lines_in_order() -> None:
    assert read_lines("talk_spam.txt")["prize"][0].startswith("You won our raffle!")


def test_words_are_separated_by_a_comma_and_a_space() -> None:
    assert read_words("words.txt")["bike"] == ("gravel bike", "old road bike", "folding bike", "cargo bike")


@pytest.mark.parametrize("name", FILES)
def test_no_template_stands_twice_in_a_section(name: str) -> None:
    for section, lines in read_lines(name).items():
        assert len(set(lines)) == len(lines) > 0, section


def test_there_are_a_few_hundred_templates() -> None:
    assert sum(len(lines) for name in FILES for lines in read_lines(name).values()) > 500
