"""Feature values kept current, activity by activity; the same values as the views' SQL gives."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from operator import attrgetter
from sys import intern
from typing import TypeAlias

import numpy as np
import orjson

from quikapp_ml.entities.activities import Activity, ActivityKind
from quikapp_ml.errors import InvalidInput
from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.features.aggregates import SECONDS_PER_DAY
from quikapp_ml.features.base import FeatureView
from quikapp_ml.features.day_windows import DayWindow
from quikapp_ml.features.records import NEVER, Floats, Layout, Steps
from quikapp_ml.features.touched import Touched

_SEPARATOR = "\t"  # no id holds a control character

Record: TypeAlias = "array[float]"
"""Floats side by side: half of what a list of them takes, and nothing that the garbage collector looks through."""

_NOTHING: Mapping[str, Record] = {}


class OnlineFeatures:
    """Values of all views. Whatever the order in which activities come, the values are the same.

    One record of floats an entity, and a number for each day or member of a window; `changes` gives one small document
    for each of these, so that what is written follows what happened, not what is known.
    """

    NAMESPACES: tuple[str, ...]

    def __init__(self, views: Sequence[FeatureView] = FEATURE_VIEWS) -> None:
        self._views = {view.name: _Values(view) for view in views}
        self._by_namespace = {values.namespace: values for values in self._views.values()}
        self._newest = NEVER
        self.touched = Touched()
        self.NAMESPACES = tuple(self._by_namespace)
        kinds = sorted({kind for view in views for kind in view.kinds})
        self._counting = {kind: [one for one in self._views.values() if kind in one.view.kinds] for kind in kinds}
        self._completing = {
            kind: [one for one in counting if one.completes(kind)] for kind, counting in self._counting.items()
        }

    def apply(self, activity: Activity) -> None:
        """Count one activity in every view that counts its kind."""
        if activity.at > self._newest:
            self._newest = activity.at
        self.touched.people.add(activity.user_id)
        self.touched.channels.add(activity.channel_id)
        counting = self._completing if activity.completes else self._counting
        for values in counting.get(activity.kind, ()):
            values.apply(activity)

    def values(
        self, view: str, key: tuple[str, ...], now: float, names: tuple[str, ...] | None = None
    ) -> tuple[float, ...]:
        """One entity's features, in the order of the view or of `names`.

        0 for what never happened, NaN for the time of what never happened and the mean of nothing.
        """
        return tuple(self.matrix(view, [key], now, names)[0].tolist())

    def matrix(
        self, view: str, keys: Sequence[tuple[str, ...]], now: float, names: tuple[str, ...] | None = None
    ) -> Floats:
        """(n_keys, n_features): features of many entities at `now`, unix seconds; all of the view, or those named."""
        return self._require(view).matrix(keys, now, names)

    def read(
        self, view: str, keys: Sequence[tuple[str, ...]], now: float, names: tuple[str, ...] | None = None
    ) -> tuple[Floats, list[float | None]]:
        """`matrix`, and when each entity was touched last, unix seconds.

        That is NaN where its record has no time, None without a record.
        """
        return self._require(view).read(keys, now, names)

    def strengths(self, view: str, keys: Sequence[tuple[str, ...]], names: tuple[str, ...]) -> Floats:
        """(n_keys, n_names): log2 of decayed counts as they would have been in 1970, -infinity for nothing.

        Two of one half-life differ by the same at any moment, so these change only when something is counted.
        """
        return self._require(view).strengths(keys, names)

    @property
    def newest_at(self) -> float | None:
        """Time of the newest activity that was counted, unix seconds, as far as records tell; None without any."""
        newest = max((self._newest, *(values.newest for values in self._views.values())))
        return None if newest == NEVER else newest

    def partners(self, view: str, first: str) -> list[str]:
        """The second parts of all keys that begin with `first`."""
        return list(self._require(view).records.get(first, ()))

    def known(self, view: str, firsts: Sequence[str], second: str) -> list[int]:
        """Positions of those first parts for which there is a key with the second one."""
        records = self._require(view).records
        return [at for at, first in enumerate(firsts) if second in records.get(first, ())]

    def changes(self) -> dict[str, dict[str, bytes | None]]:
        """Documents changed since the last call: namespace → key → document, None where one is gone."""
        changed = {namespace: values.changes() for namespace, values in self._by_namespace.items()}
        return {namespace: documents for namespace, documents in changed.items() if documents}

    def load(self, namespace: str, items: Iterable[tuple[str, bytes]]) -> None:
        """Take documents of `changes` in."""
        if namespace not in self._by_namespace:
            raise InvalidInput(f"unknown namespace {namespace!r}; known are {', '.join(self.NAMESPACES)}")
        self.touched.everything = True
        self._by_namespace[namespace].load(items)

    def _require(self, view: str) -> "_Values":
        try:
            return self._views[view]
        except KeyError:
            raise InvalidInput(f"unknown feature view {view!r}; known are {', '.join(self._views)}") from None


class _Values:
    """The values of one view: first part of the key → second part ("" where there is none) → record.

    What is counted in windows of days lies beside: key → feature → days.
    """

    def __init__(self, view: FeatureView) -> None:
        self.view = view
        # Of another definition, documents mean something else: they are left alone, under another name.
        definition = repr((view.entity_key, dict(view.features), view.keep_newest))
        self.namespace = f"features.{view.name}.{sha256(definition.encode()).hexdigest()[:8]}"
        self.records: dict[str, dict[str, Record]] = {}
        self._windows: dict[tuple[str, str], dict[str, DayWindow]] = {}
        self._first_of = attrgetter(view.entity_key[0])
        self._second_of = attrgetter(view.entity_key[1]) if len(view.entity_key) == 2 else None
        self._changed: set[tuple[str, str]] = set()
        self._changed_cells: set[tuple[str, str, str, str]] = set()
        layout = self._layout = Layout(view)
        self._blank = array("d", layout.blank)
        # Ids of people and channels are in many keys, those of messages in few.
        self._kept = _as_it_is if "message_id" in view.entity_key else intern
        self._steps = {kind: layout.steps(kind) for kind in view.kinds}
        # Towards nobody, an activity was not counted in a view of others: the one that completes it counts in full.
        is_of_others = "other_user_id" in view.entity_key
        self._late_steps = self._steps if is_of_others else {kind: layout.steps(kind, late=True) for kind in view.kinds}
        self._member_of = {name: attrgetter(field) for name, field in layout.members().items()}
        self._reading = lru_cache(64)(layout.reading)
        decays = {slot + 1 for steps in self._steps.values() for slot, _ in steps.decays}
        self._times = sorted(decays.union(*(steps.lasts for steps in self._steps.values())))
        self.newest = NEVER
        """The newest time in the records that were loaded."""

    def completes(self, kind: ActivityKind) -> bool:
        """Whether an activity that completes an earlier one changes values of the view."""
        return not self._late_steps[kind].do_nothing

    def apply(self, activity: Activity) -> None:
        first = self._first_of(activity)
        second = self._second_of(activity) if self._second_of else ""
        if first is None or second is None:
            return
        group = self.records.get(first)
        if group is None:
            group = self.records[self._kept(first)] = {}
        record = group.get(second)
        if record is None:
            record = group[self._kept(second)] = self._blank[:]
        steps = (self._late_steps if activity.completes else self._steps)[activity.kind]
        _count(record, steps, activity.at)
        if steps.means or steps.towards:
            _count_towards(record, steps, activity)
        self._changed.add((first, second))
        if steps.windows:
            self._count_days((first, second), steps, activity)
        keep = self.view.keep_newest
        if keep is not None and len(group) > 2 * keep:
            self._forget_oldest(first, group, keep)

    def _count_days(self, key: tuple[str, str], steps: Steps, activity: Activity) -> None:
        windows = self._windows.get(key)
        if windows is None:
            windows = self._windows[key] = self._layout.windows()
        day = int(activity.at // SECONDS_PER_DAY)
        for name in steps.windows:
            member_of = self._member_of.get(name)
            member = member_of(activity) if member_of else ""
            if member is not None:
                self._changed_cells.update((*key, name, cell) for cell in windows[name].add(day, member))

    def _forget_oldest(self, first: str, group: dict[str, Record], keep: int) -> None:
        for second in sorted(group, key=lambda one: group[one][-1])[:-keep]:
            del group[second]
            self._changed.add((first, second))
            for name, window in self._windows.pop((first, second), {}).items():
                self._changed_cells.update((first, second, name, cell) for cell in window.cells())

    def matrix(self, keys: Sequence[tuple[str, ...]], now: float, names: tuple[str, ...] | None) -> Floats:
        return self._matrix(self._found(keys), keys, now, names)

    def read(
        self, keys: Sequence[tuple[str, ...]], now: float, names: tuple[str, ...] | None
    ) -> tuple[Floats, list[float | None]]:
        found = self._found(keys)
        touched = [None if record is self._blank else self._touched(record) for record in found]
        return self._matrix(found, keys, now, names), touched

    def strengths(self, keys: Sequence[tuple[str, ...]], names: tuple[str, ...]) -> Floats:
        return self._reading(names).strengths(self._records_of(self._found(keys)))

    def _records_of(self, found: list[Record]) -> Floats:
        return np.frombuffer(b"".join(found)).reshape(len(found), len(self._blank))

    def _matrix(
        self, found: list[Record], keys: Sequence[tuple[str, ...]], now: float, names: tuple[str, ...] | None
    ) -> Floats:
        reading = self._reading(names)
        values = reading.counted(self._records_of(found), now)
        if reading.windows:
            today = int(now // SECONDS_PER_DAY)
            windows = self._windows_of(keys)
            for column, name in reading.windows:
                values[:, column] = [float(one[name].total(today)) if one else 0.0 for one in windows]
        return reading.all(values, now)

    def _found(self, keys: Sequence[tuple[str, ...]]) -> list[Record]:
        """The records of the keys; blank ones where there is nothing."""
        records, blank = self.records, self._blank
        try:
            if self._second_of:
                return [records.get(first, _NOTHING).get(second, blank) for first, second in keys]
            return [records.get(first, _NOTHING).get("", blank) for (first,) in keys]
        except ValueError:
            wrong = next(key for key in keys if len(key) != len(self.view.entity_key))
            raise InvalidInput(
                f"a key of {self.view.name} is {', '.join(self.view.entity_key)}; given was {wrong!r}"
            ) from None

    def _touched(self, record: Record) -> float:
        newest = max([record[slot] for slot in self._times], default=NEVER)
        return newest if newest > 0 else float("nan")  # a time that was never set is 0, or NEVER

    def _windows_of(self, keys: Sequence[tuple[str, ...]]) -> list[dict[str, DayWindow] | None]:
        pairs = keys if self._second_of else [(first, "") for (first,) in keys]
        return [self._windows.get((first, second)) for first, second in pairs]

    def changes(self) -> dict[str, bytes | None]:
        changed, self._changed = self._changed, set()
        documents: dict[str, bytes | None] = {}
        for first, second in changed:
            record = self.records[first].get(second)
            documents[f"{first}{_SEPARATOR}{second}"] = None if record is None else orjson.dumps(record.tolist())
        cells, self._changed_cells = self._changed_cells, set()
        for first, second, name, cell in cells:
            windows = self._windows.get((first, second))
            number = windows[name].cell(cell) if windows else None
            documents[_SEPARATOR.join((first, second, name, cell))] = None if number is None else orjson.dumps(number)
        return documents

    def load(self, items: Iterable[tuple[str, bytes]]) -> None:
        for key, document in items:
            first, second, *cell = key.split(_SEPARATOR)
            loaded = orjson.loads(document)
            if cell:
                self._load_cell((first, second), cell[0], cell[1], loaded)
            else:
                record = array("d", [NEVER if value is None else value for value in loaded])
                self.records.setdefault(self._kept(first), {})[self._kept(second)] = record
                touched = self._touched(record)
                if touched > self.newest:
                    self.newest = touched

    def _load_cell(self, key: tuple[str, str], name: str, cell: str, number: int) -> None:
        windows = self._windows.get(key)
        if windows is None:
            windows = self._windows[key] = self._layout.windows()
        windows[name].load(cell, number)


def _as_it_is(text: str) -> str:
    return text


def _count(record: Record, steps: Steps, at: float) -> None:
    for slot in steps.counts:
        record[slot] += 1.0
    for slot, half_life in steps.decays:
        age = at - record[slot + 1]
        if age >= 0:
            record[slot] = record[slot] * 2.0 ** (-age / half_life) + 1.0
            record[slot + 1] = at
        else:  # a late one: it has faded by now
            record[slot] += 2.0 ** (age / half_life)
    for slot in steps.lasts:
        if at > record[slot]:
            record[slot] = at


def _count_towards(record: Record, steps: Steps, activity: Activity) -> None:
    if activity.other_user_id is not None:
        for slot in steps.towards:
            record[slot] += 1.0
    value = activity.value
    for slot, at_most in steps.means:
        if value is not None and value <= at_most:
            record[slot] += value
            record[slot + 1] += 1.0
