"""Which version answered when: every move of an alias is a row, so any hour of the past can be asked about."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from quikapp_ml.errors import NotFound
from quikapp_ml.stores.lake.base import Lake, Table, Transaction
from quikapp_ml.stores.lake.constraints import given
from quikapp_ml.stores.lake.tables import CATALOG, OWNER, TIME
from quikapp_ml.stores.registry.base import ModelRegistry

ALIAS_MOVES = Table(
    name=f"{CATALOG}.models.alias_moves",
    columns=pa.schema(
        [
            ("moved_at", TIME),
            ("who", pa.string()),
            ("model", pa.string()),
            ("alias", pa.string()),
            ("from_version", pa.int64()),
            ("to_version", pa.int64()),
            ("why", pa.string()),
            ("evidence", pa.string()),
        ]
    ),
    key=("model", "alias", "moved_at"),
    comment="Every move of an alias from one version of a model to another: when, by whom, and why.",
    constraints=given("model", "alias", "moved_at", "to_version"),
    owner=OWNER,
)


@dataclass(frozen=True)
class Move:
    """An alias moves from the version that holds it, if any, to another."""

    moved_at: datetime
    who: str
    model: str
    alias: str
    from_version: int | None
    to_version: int
    why: str
    evidence: Mapping[str, object] = field(default_factory=dict)


def move_alias(registry: ModelRegistry, lake: Lake, move: Move, once: Transaction | None = None) -> None:
    """Record the move, then make it: no version answers without a row that says why.

    A retry under the same transaction adds no second row. Raises NotFound without the version.
    """
    if all(version.number != move.to_version for version in registry.versions(move.model)):
        raise NotFound(f"there is no version {move.to_version} of a model {move.model!r}")
    row = {**asdict(move), "evidence": orjson.dumps(dict(move.evidence), option=orjson.OPT_SORT_KEYS).decode()}
    lake.ensure(ALIAS_MOVES)
    lake.append(ALIAS_MOVES.name, pa.Table.from_pylist([row], schema=ALIAS_MOVES.columns), once)
    registry.set_alias(move.model, move.alias, move.to_version)


def moves_of(lake: Lake, model: str, alias: str) -> list[Move]:
    """The moves of one alias of a model, oldest first."""
    if not lake.exists(ALIAS_MOVES.name):
        return []
    rows = lake.read(ALIAS_MOVES.name)
    chosen = rows.filter(pc.and_(pc.equal(rows["model"], model), pc.equal(rows["alias"], alias)))
    moves = [Move(**{**row, "evidence": orjson.loads(row["evidence"])}) for row in chosen.to_pylist()]
    return sorted(moves, key=lambda move: move.moved_at)


def held_at(moves: Sequence[Move], time: datetime) -> int | None:
    """The version that held the alias at a time; before the first move, the one that it moved from."""
    past = [move.to_version for move in moves if move.moved_at <= time]
    if past:
        return past[-1]
    return moves[0].from_version if moves else None


def version_before(moves: Sequence[Move]) -> int | None:
    """Where a step back leads; None when nothing came before.

    A move to a version that held the alias earlier is a step back to then: two steps back never lead forward again.
    """
    held = [moves[0].from_version] if moves and moves[0].from_version is not None else []
    for move in moves:
        held = held[: held.index(move.to_version)] if move.to_version in held else held
        held.append(move.to_version)
    return held[-2] if len(held) > 1 else None
