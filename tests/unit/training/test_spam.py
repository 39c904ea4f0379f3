"""The spam recipe over a small chat whose spammers can be told by a word, or by how they behave."""

from datetime import UTC, datetime, timedelta
from importlib.resources import as_file, files
from typing import Any

import orjson
import pyarrow as pa
import pytest

from quikapp_ml.models.spam import SpamClassifier
from quikapp_ml.stores.lake.memory import MemoryLake
from quikapp_ml.stores.lake.tables import DECISIONS, EVENTS, FEEDBACK, SPAM_LABELS
from quikapp_ml.training.recipe import NotEnoughData
from quikapp_ml.training.spam import SpamExamples, SpamRecipe
from support.chats import Chat
from support.logs import table_of
from support.spam_models import spam_model

RECIPE = SpamRecipe()


def chat_with_spam(n_rounds: int = 60) -> tuple[Chat, list[dict[str, Any]]]:
    """In each round Ann and a guest write ordinary messages, and a newcomer a spam, which Ann reports."""
    chat = Chat()
    chat.people("ann")
    chat.channel("home", "ann")
    labels: list[dict[str, Any]] = []

    def say(user_id: str, message_id: str, content: str, label: str) -> None:
        fields = {"channel_id": "home", "message_id": message_id, "content": content}
        chat.tell("message", user_id, **fields)
        labels.append(fields | {"label": label, "source": "test", "labelled_at": chat.time + timedelta(hours=1)})

    for number in range(n_rounds):
        chat.wait(hours=1)
        say("ann", f"a{number}", f"the zeppelin number {number} is ready", "ham")
        chat.people(f"guest{number}", f"new{number}")
        say(f"guest{number}", f"b{number}", f"see you in room {number}", "ham")
        say(f"new{number}", f"s{number}", f"buy a quokka {number}", "spam")
        chat.tell("report", "ann", channel_id="home", message_id=f"s{number}", reason="spam")
    return chat, labels


def lake_of(chat: Chat, labels: list[dict[str, Any]]) -> MemoryLake:
    lake = MemoryLake()
    for table in (EVENTS, SPAM_LABELS):
        lake.ensure(table)
    lake.append(EVENTS.name, table_of(chat.log))
    lake.append(SPAM_LABELS.name, pa.Table.from_pylist(labels, schema=SPAM_LABELS.columns))
    return lake


@pytest.fixture(scope="module")
def examples() -> SpamExamples:
    return RECIPE.examples(lake_of(*chat_with_spam()))


def test_examples_are_in_order_with_the_author_as_known_before(examples: SpamExamples) -> None:
    assert len(examples) == 180
    assert examples.at.tolist() == sorted(examples.at)
    assert examples.targets.sum() == 60
    first_of_ann, last_of_ann = examples.authors[0], examples.authors[-3]
    assert first_of_ann["is_first_message"] == 1.0
    assert last_of_ann["is_first_message"] == 1.0, "nobody has ever answered ann"
    assert last_of_ann["account_age_days"] > first_of_ann["account_age_days"]
    for author, is_spam in zip(examples.authors, examples.targets, strict=True):
        assert author["reports_received"] == 0.0, "a report is known only after the message it is about"
        assert not is_spam or author["is_first_message"] == 1.0


def test_a_moderators_word_outweighs_what_else_is_known_of_the_text() -> None:
    lake = lake_of(*chat_with_spam())
    for table in (DECISIONS, FEEDBACK):
        lake.ensure(table)
    at = datetime(2026, 3, 3, tzinfo=UTC)
    texts = {"d-1": "buy a quokka 7", "d-2": "a text that nobody posted"}
    for decision_id, text in texts.items():
        row = {
            "decision_id": decision_id, "kind": "spam-check", "decided_at": at, "user_id": "new7",
            "request": orjson.dumps({"content": text}).decode(), "features": '{"reports_received": 1.0}',
        }  # fmt: skip
        lake.append(DECISIONS.name, pa.Table.from_pylist([row], schema=DECISIONS.columns))
        word = {"feedback_id": decision_id, "decision_id": decision_id, "received_at": at, "user_id": "ada"}
        said = pa.Table.from_pylist([{**word, "action": "ham", "value": 1.0}], schema=FEEDBACK.columns)
        lake.append(FEEDBACK.name, said)
    found = RECIPE.examples(lake)
    assert (len(found), int(found.targets.sum())) == (181, 59)
    assert found.at.tolist() == sorted(found.at)
    for text in texts.values():
        row_of = found.contents.index(text)
        assert (found.targets[row_of], found.authors[row_of]) == (0, {"reports_received": 1.0})


def test_the_split_is_in_time_and_keeps_a_fifth_of_each_kind_for_later(examples: SpamExamples) -> None:
    earlier, later = RECIPE.split(examples)
    assert len(earlier) + len(later) == len(examples)
    assert earlier.at.max() < later.at.min()
    assert later.targets.sum() >= 12
    assert (later.targets == 0).sum() >= 24


def test_it_learns_the_word_and_keeps_what_it_has_no_examples_of(examples: SpamExamples) -> None:
    previous = spam_model({"offer": 3.0, "staging": -2.0}, insults={"idiot": 9.0})
    earlier, later = RECIPE.split(examples)
    learnt = RECIPE.fit(earlier, previous)
    assert learnt.logit("quokka") > previous.logit("quokka") + 0.5
    assert learnt.logit("zeppelin") < previous.logit("zeppelin")
    assert learnt.logit("offer") == pytest.approx(previous.logit("offer"), abs=0.3)
    assert learnt.check("idiot").abuse == previous.check("idiot").abuse
    assert learnt.behaviour_weights_["is_first_message"] > previous.behaviour_weights_["is_first_message"]
    before, after = RECIPE.evaluate(previous, later), RECIPE.evaluate(learnt, later)
    assert after["average_precision"] > 0.99 > before["average_precision"]
    assert after["average_precision_low"] <= after["average_precision"] <= after["average_precision_high"]
    assert after["baseline_chance"] == pytest.approx(1 / 3, abs=0.02)
    assert after["baseline_links"] == pytest.approx(1 / 3, abs=0.02)


def test_the_gain_is_told_by_slices_and_a_worse_version_is_clearly_worse(examples: SpamExamples) -> None:
    previous = spam_model({"offer": 3.0, "staging": -2.0})
    earlier, later = RECIPE.split(examples)
    learnt = RECIPE.fit(earlier, previous)
    gained, lost = RECIPE.compare(learnt, previous, later), RECIPE.compare(previous, learnt, later)
    assert gained["difference_low"] > 0 > lost["difference_high"]
    assert gained["difference"] == gained["difference_in_short"] == gained["difference_in_no_links"] > 0
    assert not {"difference_in_long", "difference_in_links"} & set(gained), "no text is long or has a link"
    assert set(RECIPE.compare(learnt, learnt, later).values()) == {0.0}


def test_few_labels_change_little() -> None:
    examples = RECIPE.examples(lake_of(*chat_with_spam(20)))
    previous = spam_model({"offer": 3.0})
    learnt = RECIPE.fit(examples, previous)
    for text in ("offer", "hello anybody", ""):
        assert learnt.logit(text) == pytest.approx(previous.logit(text), abs=0.2)
    assert 0.1 < learnt.logit("my quokka") - previous.logit("my quokka") < 2.0


def test_a_campaign_of_links_does_not_make_every_link_spam() -> None:
    chat, labels = chat_with_spam()
    for row in labels:
        if row["label"] == "spam":
            row["content"] += f" http://quokkas.example/{row['message_id']}"
    with as_file(files("quikapp_ml.starter_models") / SpamClassifier.name) as folder:
        previous = SpamClassifier.load(folder)
    learnt = RECIPE.fit(RECIPE.examples(lake_of(chat, labels)), previous)
    assert learnt.logit("buy a quokka http://quokkas.example/3") > previous.logit(
        "buy a quokka http://quokkas.example/3"
    )
    for text in ("can you look at https://github.com/acme/api/pull/12 please?", "https://docs.acme.example/page"):
        assert learnt.check(text).probability < 0.5


def test_too_few_labels_are_counted_in_the_refusal() -> None:
    with pytest.raises(NotEnoughData, match=r"19 messages were reported as spam and 38 .* needed are 20"):
        RECIPE.examples(lake_of(*chat_with_spam(19)))


def test_no_labels_at_all_are_too_few() -> None:
    with pytest.raises(NotEnoughData, match=r"^0 messages"):
        RECIPE.examples(lake_of(Chat(), []))


def test_it_is_the_recipe_of_the_spam_classifier() -> None:
    assert RECIPE.model_class is SpamClassifier
    assert RECIPE.tables == (EVENTS.name, SPAM_LABELS.name)
