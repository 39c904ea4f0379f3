"""Where statements are asked: SQL over a Unity Catalog in a folder, by an engine in this process."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quikapp_ml.serving.access import Caller
from quikapp_ml.serving.catalog.unity import Places, UnityCatalog, open_unity_catalog
from quikapp_ml.serving.sql.answers import Answer
from quikapp_ml.serving.sql.asked import Parameter, Statement
from quikapp_ml.serving.sql.session import SqlSession
from quikapp_ml.serving.sql.statements import StatementRunner
from quikapp_ml.stores.lake.deltars import DeltaLake
from quikapp_ml.stores.lake.sql_sessions import SqlSessions
from quikapp_ml.stores.registry.memory import MemoryRegistry
from quikapp_ml.stores.state.memory import MemoryControlState


@dataclass
class Desk:
    """Asks statements for several people; `root` administers."""

    unity: UnityCatalog
    runner: StatementRunner

    def ask(self, text: str, who: str = "root", schema: str = "default", **parameters: Parameter) -> Answer:
        caller = Caller(who, ("all-apis",), who == "root")
        return self.runner.run(Statement(text, caller, SqlSession("quikapp_ml", schema), parameters))

    def rows(self, text: str, who: str = "root", **more: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask(text, who, **more).rows.to_pylist()
        return found


def open_desk(folder: Path, sessions: SqlSessions) -> Desk:
    """A desk over an empty lake in the folder."""
    home = folder / "höme"
    places = Places(str(home / "lakehouse"), str(home))
    unity = open_unity_catalog(MemoryControlState(), DeltaLake(places.root), MemoryRegistry(), places, "root")
    return Desk(unity, StatementRunner(unity, sessions.open))
