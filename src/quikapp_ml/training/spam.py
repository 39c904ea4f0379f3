"""How spam-classifier is made: reports and unreported messages, with the author as known before each message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from quikapp_ml.entities.events import Event, Message
from quikapp_ml.features.author_behaviour import author_behaviour
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.models.behaviour import behaviour_signals, behaviour_values
from quikapp_ml.models.hashing import Hashing, bag_of
from quikapp_ml.models.reading import reading_tokens
from quikapp_ml.models.spam import SpamClassifier
from quikapp_ml.models.text import LINK
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.tables import EVENTS, SPAM_LABELS
from quikapp_ml.training.linear import Fitted, Hold, design_of, fit_binary
from quikapp_ml.training.measures import average_precision, with_interval
from quikapp_ml.training.recipe import NotEnoughData, Recipe
from quikapp_ml.training.replay import ordered_events
from quikapp_ml.training.slices import gain_of_classes
from quikapp_ml.training.spam_corrections import Corrected, corrected_checks
from quikapp_ml.training.work_chat import bare_links, with_links, work_chat

MIN_OF_A_KIND = 20
HOLD = Hold(weights=5.0, biases=50.0)
"""The starter learnt with a hold of 0.3. Here it is far stronger, since labels are few and reports can be wrong; the
bias is held most, since the label table's share of spam is not the chat's."""
HELD_OUT = 0.2
SHORT_TEXT = 60
"""Characters up to which a text is short: hardly more than a greeting or a link."""
REHEARSED_IMPORTANCE = 0.5
"""Of each line of work chat that is learnt again in every run. Without them, a campaign full of links would teach that
links are spam, and the next pull request would be held."""


@dataclass(frozen=True)
class SpamExamples:
    """Texts with their authors' behaviour just before, in the order of time; `targets` is 1 for spam."""

    contents: Sequence[str]
    authors: Sequence[Mapping[str, float]]
    targets: NDArray[np.int64]
    at: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.contents)

    def part(self, chosen: NDArray[np.bool_]) -> "SpamExamples":
        """Those chosen, in the same order."""
        rows = np.flatnonzero(chosen).tolist()
        contents, authors = [self.contents[row] for row in rows], [self.authors[row] for row in rows]
        return SpamExamples(contents, authors, self.targets[chosen], self.at[chosen])


class SpamRecipe(Recipe[SpamClassifier, SpamExamples]):
    """Labels: messages that people reported as spam, ordinary ones that nobody reported, and moderators' corrections.

    Words and behaviour are fitted together, around the weights of the previous version. Abuse is not learnt here:
    no table has labels for it.
    """

    model_class: ClassVar[type[SpamClassifier]] = SpamClassifier
    metric: ClassVar[str] = "average_precision"
    tables: ClassVar[tuple[str, ...]] = (EVENTS.name, SPAM_LABELS.name)

    def examples(self, lake: Lake) -> SpamExamples:
        """Replay the log; each labelled message is seen with its author as known just before it.

        What moderators said of a text outweighs what else is known of the very same text.
        """
        rows = lake.read(SPAM_LABELS.name, ["channel_id", "message_id", "content", "label"]).to_pylist()
        labels = {(row["channel_id"], row["message_id"]): (row["content"], row["label"] == "spam") for row in rows}
        collector = _Collector(labels)
        for event in ordered_events(lake):
            collector.see(event)
        examples = collector.examples(corrected_checks(lake))
        n_spam = int(examples.targets.sum())
        if min(n_spam, len(examples) - n_spam) < MIN_OF_A_KIND:
            raise NotEnoughData(
                f"{n_spam} messages were reported as spam and {len(examples) - n_spam} ordinary ones are labelled; "
                f"needed are {MIN_OF_A_KIND} of each"
            )
        return examples

    def split(self, examples: SpamExamples) -> tuple[SpamExamples, SpamExamples]:
        """Before and after the moment from which on a fifth of all, of the spam, and of the ham is still to come."""
        parts = (examples.at, examples.at[examples.targets == 1], examples.at[examples.targets == 0])
        moment = min(float(np.quantile(at, 1 - HELD_OUT)) for at in parts)
        return examples.part(examples.at < moment), examples.part(examples.at >= moment)

    def fit(self, examples: SpamExamples, previous: SpamClassifier) -> SpamClassifier:
        """The most probable weights, given the examples and the previous version."""
        rehearsed = rehearsal()
        contents, authors = [*examples.contents, *rehearsed], [*examples.authors, *({} for _ in rehearsed)]
        signals = [
            behaviour_signals(behaviour_values(author, reading_tokens(content)))
            for content, author in zip(contents, authors, strict=True)
        ]
        bags = text_design(contents, previous.hashing)
        design = hstack([bags, csr_array(np.array(signals, dtype=np.float32))], format="csr")
        targets = np.append(examples.targets.astype(float), np.zeros(len(rehearsed)))
        importance = np.append(np.ones(len(examples)), np.full(len(rehearsed), REHEARSED_IMPORTANCE))
        behaviour = list(previous.behaviour_weights_.values())
        prior = Fitted(np.append(previous.text_weights_.astype(float), behaviour)[None, :], np.array([previous.bias_]))
        found = fit_binary(design, targets, importance, prior, HOLD)
        n_buckets = len(previous.text_weights_)
        return SpamClassifier(
            previous.hashing,
            found.weights[0, :n_buckets],
            dict(zip(previous.behaviour_weights_, found.weights[0, n_buckets:].tolist(), strict=True)),
            float(found.biases[0]),
            previous.abuse_weights_,
            previous.abuse_biases_,
        )

    def evaluate(self, model: SpamClassifier, examples: SpamExamples) -> dict[str, float]:
        """Average precision, beside chance (the share of spam) and the number of links as a score."""
        logits, links = _logits(model, examples), _n_links(examples)
        measures = with_interval(self.metric, average_precision, examples.targets, logits)
        ham = logits[examples.targets == 0]
        return {
            **measures,
            "baseline_chance": float(examples.targets.mean()),
            "baseline_links": average_precision(examples.targets, links),
            "false_positive_ratio": float((ham >= 0).mean()) if len(ham) else 0.0,
        }

    def compare(self, candidate: SpamClassifier, previous: SpamClassifier, examples: SpamExamples) -> dict[str, float]:
        """The gain in average precision: in all, in short and in long texts, in those with links and without."""
        is_short = np.array([len(content) <= SHORT_TEXT for content in examples.contents])
        has_links = _n_links(examples) > 0
        slices = {"short": is_short, "long": ~is_short, "links": has_links, "no_links": ~has_links}
        now, before = _logits(candidate, examples), _logits(previous, examples)
        return gain_of_classes(average_precision, examples.targets, now, before, slices)


def _logits(model: SpamClassifier, examples: SpamExamples) -> NDArray[np.float64]:
    return np.array([model.logit(*one) for one in zip(examples.contents, examples.authors, strict=True)])


def _n_links(examples: SpamExamples) -> NDArray[np.float64]:
    return np.array([float(reading_tokens(content).texts.count(LINK)) for content in examples.contents])


def rehearsal() -> list[str]:
    """Ordinary lines of work chat, plain and with links, and links alone."""
    ordinary = [row for row in work_chat() if row.label == "ham"]
    return [row.text for row in (*ordinary, *with_links(ordinary), *bare_links())]


def text_design(contents: Sequence[str], hashing: Hashing) -> Any:
    """Sparse matrix of the texts' features, shape (n_texts, n_buckets)."""
    return design_of([bag_of(reading_tokens(content), hashing) for content in contents], 1 << hashing.bits)


class _Collector:
    def __init__(self, labels: Mapping[tuple[str, str], tuple[str, bool]]) -> None:
        self._left = dict(labels)
        self._workspace = Workspace()
        self._features = OnlineFeatures()
        self._seen: list[tuple[str, Mapping[str, float], bool, float]] = []

    def see(self, event: Event) -> None:
        """Keep the message when it is labelled, then let it happen."""
        if isinstance(event, Message):
            labelled = self._left.pop((event.channel_id, event.message_id), None)
            if labelled is not None:
                at = event.unix_seconds
                author = author_behaviour(self._workspace, self._features, event.user_id, at)
                self._seen.append((labelled[0], author, labelled[1], at))
        for activity in self._workspace.apply(event):
            self._features.apply(activity)

    def examples(self, corrected: Sequence[Corrected]) -> SpamExamples:
        """Everything kept and what was corrected, in the order of time."""
        said = {each.content for each in corrected}
        seen = [each for each in self._seen if each[0] not in said]
        seen += [(each.content, each.author, each.is_spam, each.at) for each in corrected]
        seen.sort(key=lambda each: each[3])
        return SpamExamples(
            contents=[content for content, _, _, _ in seen],
            authors=[author for _, author, _, _ in seen],
            targets=np.array([is_spam for _, _, is_spam, _ in seen], dtype=np.int64),
            at=np.array([at for _, _, _, at in seen], dtype=float),
        )
