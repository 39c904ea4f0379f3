"""Tables and views: Delta tables of the lake by their names, others by their places, and texts of SQL."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import uuid4

import pyarrow as pa

from quikapp_ml.errors import AlreadyExists, FeatureDisabled, InvalidInput, NotFound
from quikapp_ml.serving.catalog.access import CallerAccess
from quikapp_ml.serving.catalog.columns import Column, read_schema, schema_text
from quikapp_ml.serving.catalog.rules import Kind, Privilege, Securable
from quikapp_ml.serving.catalog.securables import (
    UNITY_FOLDER,
    Change,
    Securables,
    checked_comment,
    checked_name,
    full_name,
)
from quikapp_ml.stores.lake.delta_folders import (
    DeltaFacts,
    HistoryEntry,
    create_delta,
    delta_facts,
    delta_history,
    is_delta,
    remove_delta,
    set_delta_properties,
)
from quikapp_ml.stores.lake.rows import is_name_part
from quikapp_ml.stores.lake.tables import CATALOG, TABLES
from quikapp_ml.stores.state.catalog import CatalogRecord

MANAGED = "MANAGED"
EXTERNAL = "EXTERNAL"
VIEW = "VIEW"

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OWN = frozenset(table.name for table in TABLES)


@dataclass(frozen=True)
class NewTable:
    """A table that is to be made; with a location it is external, with a view's text a view."""

    schema: str
    """Full name of the schema."""
    name: str
    columns: Sequence[Column]
    partition_by: Sequence[str] = ()
    comment: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    location: str = ""
    view_definition: str = ""
    session: str = ""
    """Of a view: the catalog and schema that names in its text are in."""
    staged: str = ""
    """URL that `stage` has named for a managed table."""


@dataclass(frozen=True)
class TableInfo:
    """What is known of a table or view."""

    record: CatalogRecord
    table_type: str
    location: str
    """URL of its files; empty for a view."""
    columns: Sequence[Column]
    partition_by: Sequence[str]
    properties: Mapping[str, str]
    comment: str
    table_id: str
    created_at: datetime
    view_definition: str = ""

    @property
    def name(self) -> str:
        """Full name."""
        return self.record.name


class Tables:
    """Makes, tells and drops tables and views. `guarded` are URLs that no external table may be in."""

    def __init__(self, securables: Securables, guarded: tuple[str, ...]) -> None:
        self._securables = securables
        self._guarded = guarded

    def names(self, access: CallerAccess, schema: str) -> list[str]:
        """Full names of a schema's tables that the caller may know of. Raises NotFound, PermissionDenied."""
        inside = full_name(Kind.SCHEMA, schema)
        access.check_sees(inside)
        self._securables.get(inside)
        return [name for name in self.names_inside(inside.name) if access.sees(Securable(Kind.TABLE, name))]

    def names_inside(self, schema: str) -> list[str]:
        """Full names of all tables and views of a schema; records of tables that were never made are left out."""
        in_lake = set(self._lake_names(schema))
        recorded = self._securables.state.catalog.all(Kind.TABLE, schema)
        return sorted(in_lake | {each.name for each in recorded if not _is_in_lake(each)})

    def get(self, access: CallerAccess, name: str) -> TableInfo:
        """One table. Raises NotFound, PermissionDenied."""
        securable = full_name(Kind.TABLE, name)
        access.check_sees(securable)
        return self.described(securable.name)

    def exists(self, name: str) -> bool:
        """Whether there is a table or view of this full name."""
        return name in self.names_inside(name.rpartition(".")[0])

    def described(self, name: str) -> TableInfo:
        """One table, whoever asks. Raises NotFound."""
        record = self._securables.state.catalog.find(Kind.TABLE, name)
        if record is not None and record.details["table_type"] == VIEW:
            return _view(record)
        location = self._location(name, record)
        facts = delta_facts(location)
        known = record or self._securables.unrecorded(Securable(Kind.TABLE, name), facts.created_at)
        return TableInfo(
            known,
            record.details["table_type"] if record else MANAGED,
            location,
            read_schema(facts.schema),
            facts.partition_columns,
            {**facts.properties, **known.properties, **_of_delta(facts.properties)},
            known.comment or facts.comment,
            known.record_id if record else facts.table_id,
            known.created_at,
        )

    def create(self, access: CallerAccess, new: NewTable, rows: pa.Table | None = None) -> TableInfo:
        """Make a table, with its rows if given, or take one that is at its place already.

        Raises NotFound, AlreadyExists, PermissionDenied.
        """
        schema = full_name(Kind.SCHEMA, new.schema)
        access.check(Privilege.CREATE_TABLE, schema)
        self._securables.get(schema)
        securable = Securable(Kind.TABLE, f"{schema.name}.{checked_name(Kind.TABLE, new.name)}")
        with self._securables.lock:
            if self.exists(securable.name):
                raise AlreadyExists(f"{securable} already exists.")
            if new.view_definition:
                self._keep_view(access, securable, new)
            elif new.location:
                self._make_external(access, securable, new, rows)
            else:
                self._make_managed(access, securable, new, rows)
        return self.described(securable.name)

    def stage(self, access: CallerAccess, schema: str, name: str) -> tuple[Securable, str]:
        """A table that is to be made, and where a client may put its files. Nothing is kept of it."""
        inside = full_name(Kind.SCHEMA, schema)
        access.check(Privilege.CREATE_TABLE, inside)
        self._securables.get(inside)
        securable = Securable(Kind.TABLE, f"{inside.name}.{checked_name(Kind.TABLE, name)}")
        if self.exists(securable.name):
            raise AlreadyExists(f"{securable} already exists.")
        return securable, self._managed_place(securable)

    def update(self, access: CallerAccess, name: str, change: Change) -> TableInfo:
        """Change what is said of a table, or its name. Raises FeatureDisabled where files are found by the name."""
        securable = full_name(Kind.TABLE, name)
        access.check_manages(securable)
        with self._securables.lock:
            info = self.described(securable.name)
            if change.owner is not None:
                access.check_owns_new(change.owner)
            if change.new_name is not None:
                change = replace(change, new_name=self._new_name(access, info, change.new_name))
            record = info.record
            if "table_type" not in record.details:
                record = replace(record, details={"table_type": MANAGED}, record_id=info.table_id)
            return self.described(self._securables.change(record, change, access.who.name).name)

    def rewrite_view(
        self, access: CallerAccess, name: str, text: str, session: str, columns: Sequence[Column]
    ) -> TableInfo:
        """Give a view another text; who rewrites it owns it, for it is read by its owner's rights."""
        securable = full_name(Kind.TABLE, name)
        access.check_manages(securable)
        with self._securables.lock:
            record = self._securables.get(securable)
            details = {**record.details, "view_definition": text, "columns": schema_text(columns), "session": session}
            changed = replace(record, details=details)
            self._securables.change(changed, Change(owner=access.who.name), access.who.name)
        return self.described(securable.name)

    def set_delta_properties(self, access: CallerAccess, name: str, properties: Mapping[str, str]) -> None:
        """Change properties of the table's own log, such as `delta.enableChangeDataFeed`.

        Raises FeatureDisabled for tables that the service declares, InvalidInput for a view.
        """
        securable = full_name(Kind.TABLE, name)
        access.check_manages(securable)
        if securable.name in _OWN:
            raise FeatureDisabled(f"the properties of {securable.name} are declared by the service that writes it")
        info = self.described(securable.name)
        if info.table_type == VIEW:
            raise InvalidInput(f"{securable.name} is a view: it has no log")
        set_delta_properties(info.location, properties)

    def drop(self, access: CallerAccess, name: str) -> None:
        """Drop a table; the files of an external one stay. Raises NotFound, PermissionDenied."""
        securable = full_name(Kind.TABLE, name)
        access.check_manages(securable)
        with self._securables.lock:
            if not self.exists(securable.name):
                raise NotFound(f"{securable} does not exist.")
            self.check_droppable(securable.name)
            self.drop_files(securable.name)
            self._securables.state.catalog.remove(Kind.TABLE, securable.name)

    def check_droppable(self, name: str) -> None:
        """Raises FeatureDisabled for the tables that the service writes itself."""
        if name in _OWN:
            raise FeatureDisabled(f"table {name} is written by the service itself, which would make it again")

    def drop_files(self, name: str) -> None:
        """Delete what is managed of a table."""
        record = self._securables.state.catalog.find(Kind.TABLE, name)
        if record is None or _is_in_lake(record):
            self._securables.lake.drop(name)
        elif record.details["table_type"] == MANAGED:
            remove_delta(record.details["storage_location"])

    def history(self, name: str, limit: int) -> list[HistoryEntry]:
        """Newest commits of a table first. Raises NotFound, and InvalidInput for a view."""
        info = self.described(name)
        if info.table_type == VIEW:
            raise InvalidInput(f"{name} is a view, and has no history of its own")
        return delta_history(info.location, limit)

    def _location(self, name: str, record: CatalogRecord | None) -> str:
        if record is not None and not _is_in_lake(record):
            return str(record.details["storage_location"])
        if not self._is_lake_name(name) or not self._securables.lake.exists(name):
            raise NotFound(f"Table '{name}' does not exist.")
        self._securables.root()
        return self._securables.lake.uri(name)

    def _lake_names(self, schema: str) -> list[str]:
        if schema.partition(".")[0] != CATALOG:
            return []
        return [name for name in self._securables.lake.names() if name.rpartition(".")[0] == schema]

    def _is_lake_name(self, name: str) -> bool:
        parts = name.split(".")
        return parts[0] == CATALOG and all(map(is_name_part, parts))

    def _keep_view(self, access: CallerAccess, securable: Securable, new: NewTable) -> None:
        details = {
            "table_type": VIEW,
            "view_definition": new.view_definition,
            "columns": schema_text(new.columns),
            "session": new.session,
        }
        self._keep(access, securable, new, details)

    def _make_external(self, access: CallerAccess, securable: Securable, new: NewTable, rows: pa.Table | None) -> None:
        location = self._securables.external_url(access, new.location, self._guarded)
        if rows is not None or not is_delta(location):
            create_delta(location, _facts(new), rows)
        self._keep(access, securable, new, {"table_type": EXTERNAL, "storage_location": location})

    def _make_managed(self, access: CallerAccess, securable: Securable, new: NewTable, rows: pa.Table | None) -> None:
        """The record first: a table without one would be the administrator's, not its maker's."""
        facts, place = _facts(new), self._managed_place(securable)
        if new.staged and not self._is_place_of(new.staged, place):
            raise InvalidInput("a managed table has no storage_location but the one that staging-tables has named")
        location = new.staged or place
        kept = {} if self._is_lake_name(securable.name) else {"storage_location": location}
        if kept:
            create_delta(location, facts, rows)
            self._keep(access, securable, new, {"table_type": MANAGED, **kept})
            return
        record = self._keep(access, securable, new, {"table_type": MANAGED})
        try:
            create_delta(location, facts, rows)
        except AlreadyExists:
            if self._is_kept(record):  # whoever made a table of this name meanwhile did not make it for this caller
                self._securables.state.catalog.remove(Kind.TABLE, record.name)
            raise
        if not self._is_kept(record):  # another service has tried at the same time, and made nothing
            self._securables.state.catalog.add(record, instead=True)

    def _managed_place(self, securable: Securable) -> str:
        """Where a new managed table goes: by its name in the service's own catalog, elsewhere by an id."""
        if self._is_lake_name(securable.name):
            _, schema, table = securable.name.split(".")
            return self._securables.root().url(schema, table)
        if securable.name.startswith(f"{CATALOG}."):
            raise InvalidInput(f"names of tables in catalog {CATALOG} may hold a-z, 0-9 and _, not {securable.name!r}")
        return self._securables.managed_url(Kind.TABLE, str(uuid4()))

    @staticmethod
    def _is_place_of(staged: str, place: str) -> bool:
        """Whether a place is that of the table's name, or one named by another id and not used yet."""
        if staged == place:
            return True
        above, _, name = staged.rpartition("/")
        is_by_id = f"/{UNITY_FOLDER}/" in place and above == place.rpartition("/")[0]
        return is_by_id and _ID.fullmatch(name) is not None and not is_delta(staged)

    def _keep(
        self, access: CallerAccess, securable: Securable, new: NewTable, details: dict[str, str]
    ) -> CatalogRecord:
        record = self._securables.new(
            securable, access.who.name, checked_comment(new.comment), new.properties, details
        )  # fmt: skip
        self._securables.state.catalog.add(record, instead=True)
        return record

    def _is_kept(self, record: CatalogRecord) -> bool:
        found = self._securables.state.catalog.find(Kind.TABLE, record.name)
        return found is not None and found.record_id == record.record_id

    def _new_name(self, access: CallerAccess, info: TableInfo, given: str) -> str:
        schema = info.name.rpartition(".")[0]
        name = f"{schema}.{checked_name(Kind.TABLE, given.rpartition('.')[2])}"
        if "." in given and given.lower() != name:
            raise FeatureDisabled("a table stays in its schema")
        if name != info.name:
            if info.table_type == MANAGED and info.name.startswith(f"{CATALOG}."):
                raise FeatureDisabled(f"Table '{info.name}' keeps its name: its files are found by it")
            access.check(Privilege.CREATE_TABLE, Securable(Kind.SCHEMA, schema))
            if self.exists(name):
                raise AlreadyExists(f"Table '{name}' already exists.")
        return name


def _is_in_lake(record: CatalogRecord) -> bool:
    return record.details.get("table_type") == MANAGED and not record.details.get("storage_location")


def _view(record: CatalogRecord) -> TableInfo:
    return TableInfo(
        record, VIEW, "", read_schema(record.details["columns"]), (), record.properties, record.comment,
        record.record_id, record.created_at, str(record.details["view_definition"]),
    )  # fmt: skip


def _facts(new: NewTable) -> DeltaFacts:
    names = {column.name for column in new.columns}
    unknown = [name for name in new.partition_by if name not in names]
    if unknown:
        raise InvalidInput(f"partition column {unknown[0][:100]!r} is no column of the table")
    properties = _of_delta(new.properties)
    return DeltaFacts("", 0, schema_text(new.columns), tuple(new.partition_by), new.comment, properties)


def _of_delta(properties: Mapping[str, str]) -> dict[str, str]:
    """Properties that a table's own log decides on."""
    return {key: value for key, value in properties.items() if key.startswith("delta.")}
