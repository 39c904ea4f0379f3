"""Catalogs and schemas."""

from collections.abc import Mapping
from dataclasses import replace

from quikapp_ml.errors import AlreadyExists, Conflict, FeatureDisabled
from quikapp_ml.serving.catalog.access import CallerAccess
from quikapp_ml.serving.catalog.rules import METASTORE, Kind, Privilege, Securable
from quikapp_ml.serving.catalog.securables import Change, Securables, checked_comment, checked_name, full_name
from quikapp_ml.serving.catalog.tables import Tables
from quikapp_ml.serving.catalog.volumes import Volumes
from quikapp_ml.stores.lake.tables import CATALOG
from quikapp_ml.stores.state.catalog import CatalogRecord

_INSIDE = (Kind.TABLE, Kind.VOLUME, Kind.FUNCTION)


class Namespaces:
    """Makes, tells and drops catalogs and schemas."""

    def __init__(self, securables: Securables, tables: Tables, volumes: Volumes) -> None:
        self._securables = securables
        self._tables = tables
        self._volumes = volumes

    def catalogs(self, access: CallerAccess) -> list[CatalogRecord]:
        """All that the caller may know of."""
        return [each for each in self._securables.catalogs() if access.sees(Securable(Kind.CATALOG, each.name))]

    def schemas(self, access: CallerAccess, catalog: str) -> list[CatalogRecord]:
        """All of a catalog that the caller may know of. Raises NotFound, PermissionDenied."""
        inside = full_name(Kind.CATALOG, catalog)
        access.check_sees(inside)
        found = self._securables.schemas(inside.name)
        return [each for each in found if access.sees(Securable(Kind.SCHEMA, each.name))]

    def get(self, access: CallerAccess, kind: Kind, name: str) -> CatalogRecord:
        """One of them. Raises NotFound, PermissionDenied."""
        securable = full_name(kind, name)
        access.check_sees(securable)
        return self._securables.get(securable)

    def create_catalog(
        self, access: CallerAccess, name: str, comment: str = "", properties: Mapping[str, str] | None = None
    ) -> CatalogRecord:
        """An empty catalog, with a schema `default`. Raises AlreadyExists, PermissionDenied."""
        access.check(Privilege.CREATE_CATALOG, METASTORE)
        made = Securable(Kind.CATALOG, checked_name(Kind.CATALOG, name))
        record = self._created(access, made, comment, properties)
        default = Securable(Kind.SCHEMA, f"{made.name}.default")
        self._securables.state.catalog.add(self._securables.new(default, access.who.name, "Default schema"))
        return record

    def create_schema(
        self,
        access: CallerAccess,
        catalog: str,
        name: str,
        comment: str = "",
        properties: Mapping[str, str] | None = None,
    ) -> CatalogRecord:
        """An empty schema. Raises NotFound, AlreadyExists, PermissionDenied."""
        inside = full_name(Kind.CATALOG, catalog)
        access.check(Privilege.CREATE_SCHEMA, inside)
        self._securables.get(inside)
        made = Securable(Kind.SCHEMA, f"{inside.name}.{checked_name(Kind.SCHEMA, name)}")
        return self._created(access, made, comment, properties)

    def update(self, access: CallerAccess, kind: Kind, name: str, change: Change) -> CatalogRecord:
        """Change what is said of one, or its name. Raises FeatureDisabled for the names that tables are found by."""
        securable = full_name(kind, name)
        access.check_manages(securable)
        with self._securables.lock:
            record = self._securables.get(securable)
            if change.owner is not None:
                access.check_owns_new(change.owner)
            if change.new_name is not None:
                above = f"{securable.name.rpartition('.')[0]}." if kind is Kind.SCHEMA else ""
                change = replace(change, new_name=above + checked_name(kind, change.new_name))
                if change.new_name != record.name and (record.name + ".").startswith(f"{CATALOG}."):
                    raise FeatureDisabled(f"{securable} keeps its name: the files of its tables are found by it")
            return self._securables.change(record, change, access.who.name)

    def drop(self, access: CallerAccess, kind: Kind, name: str, *, force: bool = False) -> None:
        """Drop one that is empty; with `force`, with all that is in it. Raises NotFound, Conflict, PermissionDenied."""
        securable = full_name(kind, name)
        access.check_manages(securable)
        with self._securables.lock:
            self._securables.get(securable)
            if securable == Securable(Kind.CATALOG, CATALOG):
                raise FeatureDisabled(f"{securable} is the service's own; take away a home to begin anew")
            schemas = [securable.name] if kind is Kind.SCHEMA else self._schemas_inside(securable, force=force)
            if not force and any(self._holds_anything(schema) for schema in schemas):
                raise Conflict(f"{securable} is not empty; drop what is in it first, or ask for it by force or CASCADE")
            tables = [table for schema in schemas for table in self._tables.names_inside(schema)]
            for table in tables:
                self._tables.check_droppable(table)
            for table in tables:
                self._tables.drop_files(table)
            for schema in schemas:
                for volume in self._securables.state.catalog.all(Kind.VOLUME, schema):
                    self._volumes.drop_files(volume)
            self._securables.state.catalog.remove(kind, securable.name)

    def _created(
        self, access: CallerAccess, made: Securable, comment: str, properties: Mapping[str, str] | None
    ) -> CatalogRecord:
        with self._securables.lock:
            if self._securables.find(made) is not None:
                raise AlreadyExists(f"{made} already exists.")
            record = self._securables.new(made, access.who.name, checked_comment(comment), properties)
            self._securables.state.catalog.add(record, instead=True)
            return record

    def _schemas_inside(self, catalog: Securable, *, force: bool) -> list[str]:
        schemas = [each.name for each in self._securables.schemas(catalog.name)]
        own = f"{catalog.name}.default"
        if not force and any(name != own for name in schemas):
            raise Conflict(f"{catalog} is not empty; drop its schemas first, or ask for it by force or CASCADE")
        return schemas

    def _holds_anything(self, schema: str) -> bool:
        if self._tables.names_inside(schema):
            return True
        return any(self._securables.state.catalog.all(kind, schema) for kind in _INSIDE)
