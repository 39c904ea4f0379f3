"""Unity Catalog's records in the SQL database: a row a securable, with what only its kind has in a JSON document."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, replace

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.exc import IntegrityError

from quikapp_ml.errors import AlreadyExists, Conflict, Damaged, NotFound
from quikapp_ml.stores.state.catalog import CatalogRecord, CatalogRecords, Grant, Principal, Principals
from quikapp_ml.stores.state.database import METADATA, reading, transaction

_KIND = sa.String(32)
_NAME = sa.String(767)

_securables = sa.Table(
    "catalog_securables",
    METADATA,
    sa.Column("kind", _KIND, primary_key=True),
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("parent", _NAME, nullable=False, index=True),
    sa.Column("owner", sa.String(255), nullable=False),
    sa.Column("record_id", sa.String(64), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
)

_grants = sa.Table(
    "catalog_grants",
    METADATA,
    sa.Column("kind", _KIND, primary_key=True),
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("principal", sa.String(255), primary_key=True),
    sa.Column("privilege", sa.String(64), primary_key=True),
)

_principals = sa.Table(
    "principals",
    METADATA,
    sa.Column("kind", _KIND, primary_key=True),
    sa.Column("principal_id", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("display_name", sa.String(255), nullable=False),
    sa.Column("members", sa.JSON, nullable=False),
    sa.UniqueConstraint("kind", "name"),
)

_DOCUMENT = TypeAdapter(CatalogRecord)


class SqlCatalogRecords(CatalogRecords):
    """Securables and grants in two tables."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, record: CatalogRecord, *, instead: bool = False) -> None:
        """Insert one row."""
        with transaction(self._engine) as connection:
            if instead:
                _remove(connection, record.kind, record.name)
            try:
                connection.execute(_securables.insert().values(**_row(record)))
            except IntegrityError:
                raise AlreadyExists(f"there is a {record.kind} {record.name!r} already") from None

    def find(self, kind: str, name: str) -> CatalogRecord | None:
        """One row."""
        with reading(self._engine) as connection:
            return _find(connection, kind, name)

    def all(self, kind: str, parent: str = "") -> list[CatalogRecord]:
        """By name."""
        columns = _securables.c
        wanted = sa.select(columns.name, columns.document).where(columns.kind == kind, columns.parent == parent)
        with reading(self._engine) as connection:
            rows = connection.execute(wanted).all()
        return sorted((_record(*row) for row in rows), key=lambda each: each.name)

    def replace(self, record: CatalogRecord) -> CatalogRecord:
        """Update the row if it still is the one that was read."""
        changed = replace(record, revision=record.revision + 1)
        columns = _securables.c
        as_read = (
            (columns.kind == record.kind)
            & (columns.name == record.name)
            & (columns.revision == record.revision)
            & (columns.record_id == record.record_id)
        )
        with transaction(self._engine) as connection:
            if not connection.execute(_securables.update().where(as_read).values(**_row(changed))).rowcount:
                if _find(connection, record.kind, record.name) is None:
                    raise NotFound(f"there is no {record.kind} {record.name!r}")
                raise Conflict(f"{record.kind} {record.name!r} was changed by somebody else at the same time")
        return changed

    def rename(self, kind: str, name: str, new_name: str) -> None:
        """Update all rows at or below the name, in one transaction."""
        with transaction(self._engine) as connection:
            if _find(connection, kind, name) is None:
                raise NotFound(f"there is no {kind} {name!r}")
            if _find(connection, kind, new_name) is not None:
                raise AlreadyExists(f"there is a {kind} {new_name!r} already")
            columns = _securables.c
            rows = connection.execute(
                sa.select(columns.name, columns.document).where(_is_at_or_below(_securables, kind, name))
            ).all()
            connection.execute(_securables.delete().where(_is_at_or_below(_securables, kind, name)))
            for old, document in rows:
                moved = replace(_record(old, document), name=new_name + old.removeprefix(name))
                connection.execute(_securables.insert().values(**_row(moved)))
            renamed = sa.literal(new_name) + sa.func.substr(_grants.c.name, len(name) + 1)
            connection.execute(_grants.update().where(_is_at_or_below(_grants, kind, name)).values(name=renamed))

    def remove(self, kind: str, name: str) -> None:
        """Delete all rows at or below the name."""
        with transaction(self._engine) as connection:
            _remove(connection, kind, name)

    def owners(self) -> Mapping[tuple[str, str], str]:
        """Three columns of all rows."""
        columns = _securables.c
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(columns.kind, columns.name, columns.owner)).all()
        return {(kind, name): owner for kind, name, owner in rows}

    def grants(self) -> list[Grant]:
        """All rows."""
        with reading(self._engine) as connection:
            return sorted(Grant(**row) for row in connection.execute(sa.select(_grants)).mappings())

    def change_grants(self, added: Collection[Grant], removed: Collection[Grant]) -> None:
        """Take all out that are named, and put those in that are given, in one transaction."""
        columns = _grants.c
        with transaction(self._engine) as connection:
            for each in dict.fromkeys((*removed, *added)):
                this = sa.and_(*(columns[field] == value for field, value in asdict(each).items()))
                connection.execute(_grants.delete().where(this))
            for each in dict.fromkeys(added):
                connection.execute(_grants.insert().values(**asdict(each)))


class SqlPrincipals(Principals):
    """Groups and service principals in a table."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, principal: Principal) -> None:
        """Insert one row."""
        with transaction(self._engine) as connection:
            try:
                connection.execute(_principals.insert().values(**_principal_row(principal)))
            except IntegrityError:
                raise AlreadyExists(f"there is a {principal.kind} {principal.name!r} already") from None

    def all(self, kind: str) -> list[Principal]:
        """By name."""
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(_principals).where(_principals.c.kind == kind)).mappings().all()
        return sorted(
            (Principal(**{**row, "members": tuple(row["members"])}) for row in rows), key=lambda each: each.name
        )

    def replace(self, principal: Principal) -> None:
        """Update one row."""
        columns = _principals.c
        this = (columns.kind == principal.kind) & (columns.principal_id == principal.principal_id)
        with transaction(self._engine) as connection:
            try:
                done = connection.execute(_principals.update().where(this).values(**_principal_row(principal)))
            except IntegrityError:
                raise AlreadyExists(f"there is a {principal.kind} {principal.name!r} already") from None
            if not done.rowcount:
                raise NotFound(f"there is no {principal.kind} {principal.principal_id!r}")

    def remove(self, kind: str, principal_id: str) -> None:
        """Delete one row."""
        columns = _principals.c
        this = (columns.kind == kind) & (columns.principal_id == principal_id)
        with transaction(self._engine) as connection:
            if not connection.execute(_principals.delete().where(this)).rowcount:
                raise NotFound(f"there is no {kind} {principal_id!r}")


def _is_at_or_below(table: sa.Table, kind: str, name: str) -> sa.ColumnElement[bool]:
    itself = (table.c.kind == kind) & (table.c.name == name)
    return itself | table.c.name.startswith(f"{name}.", autoescape=True)


def _remove(connection: sa.Connection, kind: str, name: str) -> None:
    for table in (_securables, _grants):
        connection.execute(table.delete().where(_is_at_or_below(table, kind, name)))


def _find(connection: sa.Connection, kind: str, name: str) -> CatalogRecord | None:
    columns = _securables.c
    wanted = sa.select(columns.document).where(columns.kind == kind, columns.name == name)
    document = connection.execute(wanted).scalar_one_or_none()
    return None if document is None else _record(name, document)


def _row(record: CatalogRecord) -> dict[str, object]:
    return {
        "kind": record.kind,
        "name": record.name,
        "parent": record.name.rpartition(".")[0],
        "owner": record.owner,
        "record_id": record.record_id,
        "revision": record.revision,
        "document": _DOCUMENT.dump_json(record).decode(),
    }


def _record(name: str, document: str) -> CatalogRecord:
    try:
        return _DOCUMENT.validate_json(document)
    except ValidationError as error:
        raise Damaged(f"the stored securable {name!r} cannot be read: {error}") from error


def _principal_row(principal: Principal) -> dict[str, object]:
    return {**asdict(principal), "members": list(principal.members)}
