"""What both APIs do with monitors, for one caller: whoever manages a table watches it, whoever reads it may look.

A monitor reads its table and the baseline with the rights of who made or last changed it, as they are at each refresh.
What it writes is the administrator's, who grants it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from quikapp_ml.databricks_api.requests import caller_of
from quikapp_ml.errors import AlreadyExists, FeatureDisabled, NotFound
from quikapp_ml.monitoring.definition import MonitorDefinition
from quikapp_ml.monitoring.host import Monitor, MonitorHost
from quikapp_ml.serving.catalog.access import CallerAccess
from quikapp_ml.serving.catalog.rules import Kind, Privilege, Securable
from quikapp_ml.serving.catalog.securables import full_name
from quikapp_ml.serving.catalog.tables import MANAGED
from quikapp_ml.serving.catalog.unity import UnityCatalog
from quikapp_ml.stores.lake.tables import CATALOG
from quikapp_ml.stores.state.monitors import RefreshRecord

T = TypeVar("T")


@dataclass(frozen=True)
class Watching:
    """Monitors, seen with the rights of one caller."""

    host: MonitorHost
    unity: UnityCatalog
    access: CallerAccess

    def create(self, definition: MonitorDefinition) -> Monitor:
        """Keep a new monitor."""
        self._check_may_watch(definition)
        self._check_may_write(definition, ())
        return self.host.create(definition, self.access.who.name)

    def update(self, definition: MonitorDefinition) -> Monitor:
        """Watch a table in another way."""
        self._check_may_watch(definition)
        before = self.host.get(definition.table).definition
        self._check_may_write(definition, (before.profile_table, before.drift_table))
        return self.host.update(definition, self.access.who.name)

    def get(self, table: str) -> Monitor:
        """One monitor."""
        self.access.check(Privilege.SELECT, _table(table))
        return self.host.get(table)

    def all(self) -> list[Monitor]:
        """The monitors of tables that the caller may know of."""
        return [each for each in self.host.all() if self.access.sees(_table(each.definition.table))]

    def delete(self, table: str) -> None:
        """Forget a monitor; its tables stay."""
        self.access.check_manages(_table(table))
        self.host.delete(table)

    def refresh(self, table: str) -> RefreshRecord:
        """Ask for a refresh."""
        self.access.check_manages(_table(table))
        return self.host.refresh(table)

    def refreshes(self, table: str) -> list[RefreshRecord]:
        """The refreshes of a monitor, newest first."""
        self.access.check(Privilege.SELECT, _table(table))
        return self.host.refreshes(table)

    def one_refresh(self, table: str, refresh_id: int) -> RefreshRecord:
        """One refresh."""
        self.access.check(Privilege.SELECT, _table(table))
        return self.host.one_refresh(table, refresh_id)

    def cancel(self, table: str, refresh_id: int) -> RefreshRecord:
        """Ask a refresh to end."""
        self.access.check_manages(_table(table))
        return self.host.cancel(table, refresh_id)

    def table_of(self, table_id: str) -> str:
        """The table with this id. Raises NotFound, also when the caller may not know of it."""
        name = self.unity.table_ids.name(table_id)
        if not self.access.sees(_table(name)):
            raise NotFound(f"there is no table with the id {table_id[:80]!r}")
        return name

    def table_id(self, table: str) -> str:
        """The id of a table; empty when it was dropped."""
        return self.unity.table_ids.id(table)

    def schema_of(self, schema_id: str) -> str:
        """The schema with this id. Raises NotFound, also when the caller may not know of it."""
        for record in self.unity.namespaces.schemas(self.access, CATALOG):
            if record.record_id == schema_id:
                return record.name
        raise NotFound(f"there is no schema with the id {schema_id[:80]!r} in {CATALOG}")

    def schema_id(self, schema: str) -> str:
        """The id of a schema; empty when it was dropped."""
        found = self.unity.securables.find(Securable(Kind.SCHEMA, schema))
        return found.record_id if found else ""

    def _check_may_watch(self, definition: MonitorDefinition) -> None:
        self.access.check_manages(_table(definition.table))
        self.access.check(Privilege.SELECT, _table(definition.table))
        schema = full_name(Kind.SCHEMA, definition.output_schema)
        self.access.check(Privilege.CREATE_TABLE, schema)
        self.unity.securables.get(schema)
        if definition.baseline:
            self.access.check(Privilege.SELECT, _table(definition.baseline))
        outside = [
            name for name in (definition.table, definition.output_schema, definition.baseline)
            if name and name.partition(".")[0] != CATALOG
        ]  # fmt: skip
        if outside:
            raise FeatureDisabled(f"{outside[0][:200]} is not in {CATALOG}: monitors watch the tables of this service")

    def _check_may_write(self, definition: MonitorDefinition, own: tuple[str, ...]) -> None:
        """A table that is there, and not written by this monitor already, is somebody's: it needs MODIFY."""
        for name in (definition.profile_table, definition.drift_table):
            if name in own or not self.unity.tables.exists(name):
                continue
            self.access.check(Privilege.MODIFY, _table(name))
            if self.unity.tables.described(name).table_type != MANAGED:
                raise AlreadyExists(f"{name} exists, and is no table that a monitor can write to")


async def watching(request: Request, do: Callable[[Watching], T]) -> T:
    """Do something with monitors for the caller of a request, in a thread."""
    service, caller = request.app.state.service, caller_of(request)

    def done() -> T:
        return do(Watching(service.monitors, service.unity, service.unity.access(caller)))

    return await run_in_threadpool(done)


def _table(name: str) -> Securable:
    return full_name(Kind.TABLE, name)
