"""Volumes: folders of files. No path leads out of its volume."""

from pathlib import Path
from uuid import uuid4

from quikapp_ml.errors import AlreadyExists, FeatureDisabled, NotFound
from quikapp_ml.serving.catalog.access import CallerAccess
from quikapp_ml.serving.catalog.rules import Kind, Privilege, Securable
from quikapp_ml.serving.catalog.securables import Change, Securables, checked_comment, checked_name, full_name
from quikapp_ml.stores.lake.delta_folders import folder_of_url, remove_delta
from quikapp_ml.stores.state.catalog import CatalogRecord

MANAGED = "MANAGED"
EXTERNAL = "EXTERNAL"


class Volumes:
    """Makes, tells and drops volumes, and finds their folders."""

    def __init__(self, securables: Securables, guarded: tuple[str, ...]) -> None:
        self._securables = securables
        self._guarded = guarded

    def all(self, access: CallerAccess, schema: str) -> list[CatalogRecord]:
        """All of a schema that the caller may know of. Raises NotFound, PermissionDenied."""
        inside = full_name(Kind.SCHEMA, schema)
        access.check_sees(inside)
        self._securables.get(inside)
        found = self._securables.state.catalog.all(Kind.VOLUME, inside.name)
        return [each for each in found if access.sees(Securable(Kind.VOLUME, each.name))]

    def get(self, access: CallerAccess, name: str) -> CatalogRecord:
        """One volume. Raises NotFound, PermissionDenied."""
        securable = full_name(Kind.VOLUME, name)
        access.check_sees(securable)
        return self._securables.get(securable)

    def create(
        self, access: CallerAccess, schema: str, name: str, comment: str = "", location: str = ""
    ) -> CatalogRecord:
        """An empty volume; with a location, one over the files there.

        Raises NotFound, AlreadyExists, PermissionDenied, and FeatureDisabled for one in an object store.
        """
        inside = full_name(Kind.SCHEMA, schema)
        access.check(Privilege.CREATE_VOLUME, inside)
        self._securables.get(inside)
        securable = Securable(Kind.VOLUME, f"{inside.name}.{checked_name(Kind.VOLUME, name)}")
        with self._securables.lock:
            if self._securables.find(securable) is not None:
                raise AlreadyExists(f"{securable} already exists.")
            if location:
                kind, url = EXTERNAL, self._securables.external_url(access, location, self._guarded)
            else:
                kind, url = MANAGED, self._securables.managed_url(Kind.VOLUME, str(uuid4()))
            if not url.startswith("file://"):
                raise FeatureDisabled("volumes are folders here, and this one would be in an object store")
            folder_of_url(url).mkdir(mode=0o700, parents=True, exist_ok=True)
            details = {"volume_type": kind, "storage_location": url}
            record = self._securables.new(securable, access.who.name, checked_comment(comment), details=details)
            self._securables.state.catalog.add(record)
        return record

    def update(self, access: CallerAccess, name: str, change: Change) -> CatalogRecord:
        """Change what is said of a volume, or its name."""
        securable = full_name(Kind.VOLUME, name)
        access.check_manages(securable)
        with self._securables.lock:
            record = self._securables.get(securable)
            if change.owner is not None:
                access.check_owns_new(change.owner)
            if change.new_name is not None:
                schema = record.name.rpartition(".")[0]
                new_name = f"{schema}.{checked_name(Kind.VOLUME, change.new_name)}"
                change = Change(change.owner, change.comment, change.properties, new_name)
            return self._securables.change(record, change, access.who.name)

    def drop(self, access: CallerAccess, name: str) -> None:
        """Drop a volume; the files of an external one stay. Raises NotFound, PermissionDenied."""
        securable = full_name(Kind.VOLUME, name)
        access.check_manages(securable)
        with self._securables.lock:
            self.drop_files(self._securables.get(securable))
            self._securables.state.catalog.remove(Kind.VOLUME, securable.name)

    def drop_files(self, record: CatalogRecord) -> None:
        """Delete what is managed of a volume."""
        if record.details["volume_type"] == MANAGED:
            remove_delta(record.details["storage_location"])

    def folder(self, access: CallerAccess, name: str, *, writes: bool) -> Path:
        """The folder of a volume's files. Raises NotFound, PermissionDenied."""
        securable = full_name(Kind.VOLUME, name)
        access.check(Privilege.WRITE_VOLUME if writes else Privilege.READ_VOLUME, securable)
        folder = folder_of_url(str(self._securables.get(securable).details["storage_location"]))
        if not folder.is_dir():
            raise NotFound(f"the folder of {securable} is gone")
        return folder
