"""Recommends channels, people and messages: candidates, features, model, policy, reasons."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from quikapp_ml.entities.decisions import Decision, ItemType, Reason, RecommendationAnswer, RecommendedItem
from quikapp_ml.entities.questions import RecommendationQuestion
from quikapp_ml.features.candidates import channel_candidates, conversation_candidates, person_candidates
from quikapp_ml.features.conversations import Conversation
from quikapp_ml.features.frame import FeatureFrame, Floats
from quikapp_ml.features.item_features import channel_features, conversation_features, person_features
from quikapp_ml.features.landscape import Rows
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.features.viewpoint import Viewpoint
from quikapp_ml.features.workspace import Workspace
from quikapp_ml.models.recommendation import ItemSimilarity, RecommendationModel
from quikapp_ml.serving.context import asker_of, check_context
from quikapp_ml.serving.decisions import DecisionLedger
from quikapp_ml.serving.ledger_packing import Candidates, Pools
from quikapp_ml.serving.policy import POLICY_VERSION, PROMOTED, Chosen, ListPolicy, Scored
from quikapp_ml.serving.policy import choose as choose_by
from quikapp_ml.serving.reasons import Facts, reasons_for
from quikapp_ml.serving.scoring import Scores, answered_by
from quikapp_ml.serving.trying import Models, scored, tried_model

RULE_FEATURES: Mapping[ItemType, str] = {"channel": "popularity", "user": "activity", "message": "newest_first"}
"""What items are ordered by while no model answers."""
SECONDS_OF_A_LOT = 3_600
"""For so long, the same person has the same luck: a list that is asked for again stays as it was."""

_PROMOTION = Reason("promoted", "Put forward by those who run this chat")

Teller = Callable[[Scored, Mapping[str, float]], tuple[Reason, ...]]
"""Says why an item is recommended, from what each feature added to its score."""


@dataclass(frozen=True)
class Pool:
    """The candidates of one type, their ids, sources, kin and features, all in the same order."""

    items: Sequence[str | Conversation]
    item_ids: Sequence[str]
    sources: Sequence[str]
    frame: FeatureFrame
    kin: Sequence[int] = ()
    """Numbers, the same for those of one team, by one author, or with one first word of their names; 0 for none."""

    def best(self, item_type: ItemType, scores: Scores, n: int) -> list[Scored]:
        """The `n` best candidates of different ids, and maybe more, with their scores, for the policy."""
        values = scores.values
        enough = 2 * n  # an id may be there twice
        least = np.partition(values, -enough)[-enough] if len(values) > enough else -np.inf
        found = self._scored(item_type, values, np.flatnonzero(values >= least))
        if len(found) < len(values) and len({one.item_id for one in found}) < n:
            return self._scored(item_type, values, np.arange(len(values)))
        taken = {one.position for one in found}
        return found + self._scored(item_type, values, np.array([at for at in self._promoted if at not in taken], int))

    @property
    def _promoted(self) -> range:
        """Positions: their source is the first."""
        return range(next((at for at, source in enumerate(self.sources) if source != PROMOTED), len(self.sources)))

    def _scored(self, item_type: ItemType, values: Floats, positions: Rows) -> list[Scored]:
        kin = self.kin or [0] * len(self.item_ids)
        return [
            Scored(self.item_ids[position], item_type, score, self.sources[position], position, kin[position])
            for position, score in zip(positions.tolist(), values[positions].tolist(), strict=True)
        ]

    def candidates(self, scores: Scores) -> Candidates:
        """For the ledger."""
        return Candidates(self.item_ids, self.sources, self.frame, scores.values, self.kin)


class RecommendationService:
    """Answers from the state in memory; it runs on the event loop and does no I/O but the ledger's append."""

    def __init__(
        self,
        models: Models,
        ledger: DecisionLedger,
        workspace: Workspace,
        features: OnlineFeatures,
        clock: Callable[[], float],
        policy: ListPolicy | None = None,
    ) -> None:
        self._models = models
        self._ledger = ledger
        self._workspace = workspace
        self._features = features
        self._clock = clock
        self._policy = policy or ListPolicy()

    def recommend(self, question: RecommendationQuestion) -> RecommendationAnswer:
        """Recommend at most `limit` items of the asked types. Raises InvalidInput on a context of the wrong type."""
        started = time.perf_counter()
        check_context(question.context)
        asker = asker_of(question.user_id, question.context)
        tried = tried_model(self._models, RecommendationModel, "recommendations", asker)
        view = Viewpoint(self._workspace, self._features, question.user_id, self._clock())
        here = question.context.get("channel_id")
        similarity = tried.model.similarity_ if tried.model else ItemSimilarity.empty()
        facts = Facts(view, similarity, here if view.sees(here) else None, self._policy.promoted)
        pools = {item_type: _POOLS[item_type](facts) for item_type in question.types}
        scores, tried, is_degraded = scored(
            tried, self._models, RecommendationModel, lambda model: model_scores(model, pools),
            lambda: rule_scores(pools),
        )  # fmt: skip
        by = answered_by(RecommendationModel, tried.loaded, is_degraded)
        policy, seed = self._policy.tried(tried.parameters), f"{question.user_id}:{int(view.now // SECONDS_OF_A_LOT)}"
        chosen = choose(pools, scores, question.limit, policy, seed)
        told: dict[str, dict[str, str | None]] = {}

        def tell(one: Scored, contributions: Mapping[str, float]) -> tuple[Reason, ...]:
            item, heard = pools[one.item_type].items[one.position], told.setdefault(key_of(one), {})
            return reasons_for(facts, one.item_type, item, contributions, heard)

        answer = RecommendationAnswer(
            decision_id=self._ledger.new_decision_id(),
            user_id=question.user_id,
            recommendations=answered(chosen.items, scores, tell, explain=question.explain),
            model=by.ref,
            fewer=fewer_than(question.limit, len(chosen.items)),
            experiment=tried.told,
            degraded=is_degraded,
        )
        self._ledger.record(
            Decision(
                decision_id=answer.decision_id,
                kind="recommendations",
                user_id=question.user_id,
                model=answer.model,
                request=question.model_dump(),
                answer=answer,
                latency_ms=(time.perf_counter() - started) * 1000,
                features=_features_of(chosen.items, pools),
                candidates={
                    "pools": Pools({kind: pool.candidates(scores[kind]) for kind, pool in pools.items()}),
                    "told": told,
                    "parameters": policy.parameters(),
                    "seed": seed,
                    "explored": None if chosen.explored is None else key_of(chosen.explored),
                },
                model_number=by.number,
                model_alias=by.alias,
                policy_version=POLICY_VERSION,
                **{"propensity": chosen.propensity, **tried.recorded},
                degraded=is_degraded,
            )
        )
        return answer


def _channel_pool(facts: Facts) -> Pool:
    view, similarity = facts.view, facts.similarity
    near = similarity.near(view.own_channels)
    found = channel_candidates(view, near, facts.promoted)
    ids = list(found)
    similar = np.array([near.get(channel_id, 0.0) for channel_id in ids], dtype=float)
    frame = channel_features(view, ids, similar, facts.current_channel)
    return Pool(ids, ids, list(found.values()), frame, view.name_kin(view.rows(ids)).tolist())


def _person_pool(facts: Facts) -> Pool:
    found = person_candidates(facts.view)
    ids = list(found)
    frame = person_features(facts.view, ids, facts.current_channel)
    return Pool(ids, ids, list(found.values()), frame, _numbered(facts.view.teams(ids)))


def _message_pool(facts: Facts) -> Pool:
    found = conversation_candidates(facts.view)
    return Pool(
        items=found,
        item_ids=[one.message.message_id for one in found],
        sources=[f"channel:{one.channel_id}" for one in found],
        frame=conversation_features(facts.view, found, facts.current_channel),
        kin=_numbered([one.author_id for one in found]),
    )


def _numbered(names: Sequence[str | None]) -> list[int]:
    """The same number for the same name; 0 for none. Numbers tell nobody's name to the ledger."""
    number: dict[str | None, int] = {**dict(zip(dict.fromkeys(names), count(1), strict=False)), None: 0, "": 0}
    return list(map(number.__getitem__, names))


_POOLS: Mapping[ItemType, Callable[[Facts], Pool]] = {
    "channel": _channel_pool,
    "user": _person_pool,
    "message": _message_pool,
}


def model_scores(model: RecommendationModel, pools: Mapping[ItemType, Pool]) -> dict[ItemType, Scores]:
    """All candidates by the model."""
    return {
        item_type: Scores.by_model(model.contributions(item_type, pool.frame.names, pool.frame.values))
        for item_type, pool in pools.items()
    }


def rule_scores(pools: Mapping[ItemType, Pool]) -> dict[ItemType, Scores]:
    """Each type by one feature."""
    return {item_type: Scores.by_rule(pool.frame, RULE_FEATURES[item_type]) for item_type, pool in pools.items()}


def choose(
    pools: Mapping[ItemType, Pool], scores: Mapping[ItemType, Scores], limit: int, policy: ListPolicy, seed: str | None
) -> Chosen:
    """The list that the policy makes of all candidates."""
    return choose_by({kind: pool.best(kind, scores[kind], limit) for kind, pool in pools.items()}, limit, policy, seed)


def fewer_than(limit: int, n_items: int) -> Reason | None:
    """Why there are fewer items than were asked for."""
    if n_items >= limit:
        return None
    return Reason("nothing_else", f"Of what was asked for, there is nothing else to show: {n_items} of {limit}")


def key_of(one: Scored) -> str:
    """Where the ledger keeps what features told of a candidate."""
    return f"{one.item_type}:{one.position}"


def answered(
    chosen: Sequence[Scored], scores: Mapping[ItemType, Scores], tell: Teller, *, explain: bool
) -> tuple[RecommendedItem, ...]:
    """The chosen ones with their ranks and what `tell` says of each."""
    return tuple(
        RecommendedItem(
            item_id=one.item_id,
            item_type=one.item_type,
            score=one.score,
            rank=rank,
            source=one.source,
            reasons=(_PROMOTION,) * (one.source == PROMOTED) + tell(one, scores[one.item_type].of(one.position)),
            contributions=scores[one.item_type].explained(one.position) if explain else None,
        )
        for rank, one in enumerate(chosen, start=1)
    )


def _features_of(chosen: Sequence[Scored], pools: Mapping[ItemType, Pool]) -> dict[str, Any]:
    """For the ledger: by type the names once, then the answered items with their values in order of rank."""
    features: dict[str, Any] = {}
    for item_type, pool in pools.items():
        answered = [one for one in chosen if one.item_type == item_type]
        features[item_type] = {
            "names": pool.frame.names,
            "item_ids": [one.item_id for one in answered],
            "values": [pool.frame.values[one.position].tolist() for one in answered],
        }
    return features
