"""Feature values kept current, activity by activity; the same values as the views' SQL gives."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from operator import attrgetter
from typing import Any

import numpy as np
import orjson

from quikapp_ml.entities.activities import Activity, ActivityKind
from quikapp_ml.errors import InvalidInput
from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.features.base import Count, Decayed, FeatureView

Floats = np.ndarray[Any, np.dtype[np.float64]]

_SEPARATOR = "\t"  # no id holds a control character
_NEVER = float("-inf")


class OnlineFeatures:
    """Values of all views. Whatever the order in which activities come, the values are the same.

    One record of floats an entity; `changes` gives one small document a record, so that what is written follows what
    happened, not what is known.
    """

    NAMESPACES: tuple[str, ...]

    def __init__(self, views: Sequence[FeatureView] = FEATURE_VIEWS) -> None:
        self._views = {view.name: _Values(view) for view in views}
        self._by_namespace = {values.namespace: values for values in self._views.values()}
        self.NAMESPACES = tuple(self._by_namespace)
        kinds = sorted({kind for view in views for kind in view.kinds})
        self._counting = {kind: [one for one in self._views.values() if kind in one.view.kinds] for kind in kinds}
        self._completing = {
            kind: [one for one in counting if "other_user_id" in one.view.entity_key]
            for kind, counting in self._counting.items()
        }

    def apply(self, activity: Activity) -> None:
        """Count one activity in every view that counts its kind."""
        counting = self._completing if activity.completes else self._counting
        for values in counting.get(activity.kind, ()):
            values.apply(activity)

    def values(self, view: str, key: tuple[str, ...], now: float) -> tuple[float, ...]:
        """One entity's features in the order of the view: 0 for what never happened, NaN for a time never."""
        return tuple(self.matrix(view, [key], now)[0].tolist())

    def matrix(self, view: str, keys: Sequence[tuple[str, ...]], now: float) -> Floats:
        """(n_keys, n_features): features of many entities at `now`, unix seconds."""
        return self._require(view).matrix(keys, now)

    def partners(self, view: str, first: str) -> list[str]:
        """The second parts of all keys that begin with `first`."""
        return list(self._require(view).records.get(first, ()))

    def changes(self) -> dict[str, dict[str, bytes | None]]:
        """Documents changed since the last call: namespace → key → document, None where one is gone."""
        changed = {namespace: values.changes() for namespace, values in self._by_namespace.items()}
        return {namespace: documents for namespace, documents in changed.items() if documents}

    def load(self, namespace: str, items: Iterable[tuple[str, bytes]]) -> None:
        """Take documents of `changes` in."""
        if namespace not in self._by_namespace:
            raise InvalidInput(f"unknown namespace {namespace!r}; known are {', '.join(self.NAMESPACES)}")
        self._by_namespace[namespace].load(items)

    def _require(self, view: str) -> "_Values":
        try:
            return self._views[view]
        except KeyError:
            raise InvalidInput(f"unknown feature view {view!r}; known are {', '.join(self._views)}") from None


class _Values:
    """The values of one view: first part of the key → second part ("" where there is none) → record.

    A record holds one float for a Count or a LastTime, and two for a Decayed: its value, and the time it was true at.
    """

    def __init__(self, view: FeatureView) -> None:
        self.view = view
        # Of another definition, documents mean something else: they are left alone, under another name.
        definition = repr((view.entity_key, dict(view.features), view.keep_newest))
        self.namespace = f"features.{view.name}.{sha256(definition.encode()).hexdigest()[:8]}"
        self.records: dict[str, dict[str, list[float]]] = {}
        self._first_of = attrgetter(view.entity_key[0])
        self._second_of = attrgetter(view.entity_key[1]) if len(view.entity_key) == 2 else None
        self._changed: set[tuple[str, str]] = set()
        self._lay_out()

    def _lay_out(self) -> None:
        view = self.view
        blank: list[float] = []
        starts: list[int] = []
        counts: dict[str, list[int]] = {kind: [] for kind in view.kinds}
        decays: dict[str, list[tuple[int, float]]] = {kind: [] for kind in view.kinds}
        lasts: dict[str, list[int]] = {kind: [] for kind in view.kinds}
        for aggregate in view.features.values():
            start = len(blank)
            starts.append(start)
            blank.extend(
                [0.0] if isinstance(aggregate, Count) else [0.0, 0.0] if isinstance(aggregate, Decayed) else [_NEVER]
            )
            for kind in aggregate.kinds:
                if isinstance(aggregate, Count):
                    counts[kind].append(start)
                elif isinstance(aggregate, Decayed):
                    decays[kind].append((start, aggregate.half_life_seconds))
                else:
                    lasts[kind].append(start)
        if view.keep_newest is not None:
            for touched in lasts.values():
                touched.append(len(blank))
            blank.append(_NEVER)
        decayed = [(at, one) for at, one in enumerate(view.features.values()) if isinstance(one, Decayed)]
        self._blank = blank
        self._steps = {kind: (tuple(counts[kind]), tuple(decays[kind]), tuple(lasts[kind])) for kind in view.kinds}
        self._value_slots = np.array(starts)
        self._decayed_columns = np.array([at for at, _ in decayed], dtype=int)
        self._half_lives = np.array([one.half_life_seconds for _, one in decayed])

    def apply(self, activity: Activity) -> None:
        first = self._first_of(activity)
        second = self._second_of(activity) if self._second_of else ""
        if first is None or second is None:
            return
        group = self.records.get(first)
        if group is None:
            group = self.records[first] = {}
        record = group.get(second)
        if record is None:
            record = group[second] = self._blank.copy()
        self._count(record, activity.kind, activity.at)
        self._changed.add((first, second))
        keep = self.view.keep_newest
        if keep is not None and len(group) > 2 * keep:
            self._forget_oldest(first, group, keep)

    def _count(self, record: list[float], kind: ActivityKind, at: float) -> None:
        counts, decays, lasts = self._steps[kind]
        for slot in counts:
            record[slot] += 1.0
        for slot, half_life in decays:
            age = at - record[slot + 1]
            if age >= 0:
                record[slot] = record[slot] * 2.0 ** (-age / half_life) + 1.0
                record[slot + 1] = at
            else:  # a late one: it has faded by now
                record[slot] += 2.0 ** (age / half_life)
        for slot in lasts:
            if at > record[slot]:
                record[slot] = at

    def _forget_oldest(self, first: str, group: dict[str, list[float]], keep: int) -> None:
        for second in sorted(group, key=lambda one: group[one][-1])[:-keep]:
            del group[second]
            self._changed.add((first, second))

    def matrix(self, keys: Sequence[tuple[str, ...]], now: float) -> Floats:
        if not keys:
            return np.zeros((0, len(self.view.features)))
        slots = np.array([self._find(key) for key in keys])
        values = slots[:, self._value_slots]
        if self._decayed_columns.size:
            true_at = slots[:, self._value_slots[self._decayed_columns] + 1]
            values[:, self._decayed_columns] *= np.exp2(-np.maximum(now - true_at, 0.0) / self._half_lives)
        values[values == _NEVER] = np.nan
        return values

    def _find(self, key: tuple[str, ...]) -> list[float]:
        if len(key) != len(self.view.entity_key):
            raise InvalidInput(f"a key of {self.view.name} is {', '.join(self.view.entity_key)}; given was {key!r}")
        group = self.records.get(key[0])
        record = group.get(key[1] if len(key) == 2 else "") if group else None
        return record if record is not None else self._blank

    def changes(self) -> dict[str, bytes | None]:
        changed, self._changed = self._changed, set()
        documents: dict[str, bytes | None] = {}
        for first, second in changed:
            record = self.records[first].get(second)
            documents[f"{first}{_SEPARATOR}{second}"] = None if record is None else orjson.dumps(record)
        return documents

    def load(self, items: Iterable[tuple[str, bytes]]) -> None:
        for key, document in items:
            first, _, second = key.partition(_SEPARATOR)
            record = [_NEVER if value is None else value for value in orjson.loads(document)]
            self.records.setdefault(first, {})[second] = record
