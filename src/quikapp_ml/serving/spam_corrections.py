"""What people said of earlier verdicts, and how far it moves the verdict on nearly the same text.

A moderator's last word moves the logit to a clear answer, by MODERATOR_CAP at most. Others move it by their trust, one
vote each, all together by CROWD_CAP at most: too little to make spam of an ordinary text, or the other way round. Both
fade. `ham` passes on only to texts that are almost the same and lead to no other host, so that nobody gets a link of
their own through on a released text. Of short texts only the very same with a host is known again, and only as spam.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import blake2b

from quikapp_ml.entities.decisions import Evidence
from quikapp_ml.models.fingerprint import Fingerprint, likeness, restored
from quikapp_ml.models.text import Tokens
from quikapp_ml.serving.campaigns import campaign_id
from quikapp_ml.serving.nearby import Nearby
from quikapp_ml.stores.state.moderation import Correction

SPAM_LOGIT = 3.5
HAM_LOGIT = -2.0
"""Where a moderator's word moves a logit to, when it is not beyond already."""
MODERATOR_CAP = 10.0
VOTE = 0.5
"""What somebody fully trusted adds to the logit."""
CROWD_CAP = 1.5
HALF_LIFE_SECONDS = 60 * 86_400.0
REMEMBERED_SECONDS = 6 * HALF_LIFE_SECONDS
MAX_GROUPS = 4_096
MAX_VOTES = 100
SPAM_LIKE_FROM = 0.7
HAM_LIKE_FROM = 0.8

_HOST = "⟨host⟩"


class OnlineCorrections:
    """Corrections by groups of texts that are nearly the same. Times are unix seconds; any thread may ask."""

    def __init__(self) -> None:
        self._groups: OrderedDict[str, dict[tuple[str, str], Correction]] = OrderedDict()
        self._nearby = Nearby(MAX_GROUPS, REMEMBERED_SECONDS)
        self._lock = threading.Lock()

    @property
    def is_empty(self) -> bool:
        """Whether nobody has said anything."""
        return not self._groups

    def load(self, corrections: Iterable[Correction]) -> None:
        """Take corrections of an earlier process in, in the order of time."""
        for correction in corrections:
            self.add(correction)

    def add(self, correction: Correction) -> None:
        """From now on, texts of the group are judged by this, too."""
        print_ = restored(correction.fingerprint)
        with self._lock:
            if print_ is not None and self._nearby.refresh(print_, correction.at.timestamp()) is None:
                self._nearby.keep(print_, correction.group, correction.at.timestamp())
            votes = self._groups.setdefault(correction.group, {})
            self._groups.move_to_end(correction.group)
            votes.pop((correction.decision_id, correction.by), None)
            votes[correction.decision_id, correction.by] = correction
            if len(votes) > MAX_VOTES:
                of_others = (key for key, vote in votes.items() if not vote.is_moderator)
                del votes[next(of_others, next(iter(votes)))]
            if len(self._groups) > MAX_GROUPS:
                self._groups.popitem(last=False)

    def group_of(self, print_: Fingerprint | None, tokens: Tokens, now: float) -> str:
        """Name of the group of a text; "" for a short one without a host, which may mean anything."""
        if print_ is not None:
            with self._lock:
                return self._nearby.find(print_, now) or campaign_id(print_)
        if not hosts_of(tokens):
            return ""
        return f"s-{blake2b(' '.join(tokens.texts).encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}"

    def evidence(
        self, group: str, print_: Fingerprint | None, hosts: Sequence[str], logit: float, now: float
    ) -> Evidence | None:
        """What was said of nearly the same text, as one more piece of evidence; None when nothing speaks."""
        with self._lock:
            votes = [vote for vote in self._groups.get(group, {}).values() if _passes_on(vote, print_, hosts)]
        moderators = [vote for vote in votes if vote.is_moderator]
        if moderators:
            return _word(max(moderators, key=lambda vote: vote.at), logit, now)
        return _crowd(votes, now)

    def record_of(self, user_id: str) -> tuple[int, int]:
        """How often moderators agreed with a person about a text, and how often they did not."""
        agreed = differed = 0
        with self._lock:
            for votes in self._groups.values():
                own = [vote.is_spam for vote in votes.values() if vote.by == user_id and not vote.is_moderator]
                moderators = [vote for vote in votes.values() if vote.is_moderator and vote.by != user_id]
                if own and moderators:
                    is_right = own[-1] == max(moderators, key=lambda vote: vote.at).is_spam
                    agreed += is_right
                    differed += not is_right
        return agreed, differed


def hosts_of(tokens: Tokens) -> tuple[str, ...]:
    """The hosts that a text's links lead to."""
    return tuple(dict.fromkeys(text[len(_HOST) :] for text in tokens.texts if text.startswith(_HOST)))


def _passes_on(vote: Correction, print_: Fingerprint | None, hosts: Sequence[str]) -> bool:
    corrected = restored(vote.fingerprint)
    if print_ is None or corrected is None:
        return vote.is_spam and print_ is None and corrected is None
    alike = likeness(print_, corrected)
    if vote.is_spam:
        return alike >= SPAM_LIKE_FROM
    return alike >= HAM_LIKE_FROM and set(hosts) <= set(vote.hosts)


def _word(vote: Correction, logit: float, now: float) -> Evidence | None:
    wanted = max(0.0, SPAM_LOGIT - logit) if vote.is_spam else min(0.0, HAM_LOGIT - logit)
    shift = max(-MODERATOR_CAP, min(MODERATOR_CAP, wanted)) * _freshness(vote, now)
    if not shift:
        return None
    said = "spam" if vote.is_spam else "no spam"
    detail = f"a moderator said on {vote.at.astimezone(UTC):%Y-%m-%d} that nearly the same text is {said}"
    return Evidence("moderator_correction", shift, detail)


def _crowd(votes: Sequence[Correction], now: float) -> Evidence | None:
    newest = {vote.by: vote for vote in sorted(votes, key=lambda vote: vote.at)}
    said = [(vote, (1 if vote.is_spam else -1) * VOTE * vote.trust * _freshness(vote, now)) for vote in newest.values()]
    shift = max(-CROWD_CAP, min(CROWD_CAP, math.fsum(weight for _, weight in said)))
    if not shift:
        return None
    n_spam = sum(vote.is_spam for vote, weight in said if weight)
    n_ham = sum(not vote.is_spam for vote, weight in said if weight)
    return Evidence(
        "people_correction", shift, f"people said of nearly the same text: spam {n_spam} times, no spam {n_ham} times"
    )


def _freshness(vote: Correction, now: float) -> float:
    age = max(0.0, now - vote.at.timestamp())
    return float(2.0 ** (-age / HALF_LIFE_SECONDS)) if age <= REMEMBERED_SECONDS else 0.0


def remembered_from(now: datetime) -> datetime:
    """Corrections that are older say nothing any more."""
    return datetime.fromtimestamp(now.timestamp() - REMEMBERED_SECONDS, UTC)
