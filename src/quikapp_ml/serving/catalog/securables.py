"""Securables by name: their records, and what is there without one because the service or a job has made it."""

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any
from urllib.parse import urlparse

from quikapp_ml.errors import FeatureDisabled, InvalidInput, NotFound, PermissionDenied
from quikapp_ml.serving.access import Caller
from quikapp_ml.serving.catalog.access import CallerAccess, identity_of, read_policy
from quikapp_ml.serving.catalog.rules import Kind, Securable
from quikapp_ml.stores.lake.base import Lake
from quikapp_ml.stores.lake.delta_folders import folder_of_url
from quikapp_ml.stores.lake.roots import SCHEMES, Root, open_root
from quikapp_ml.stores.lake.tables import CATALOG
from quikapp_ml.stores.state.base import ControlState
from quikapp_ml.stores.state.catalog import CatalogRecord

SCHEMAS = ("access", "bronze", "default", "features", "ml", "ml_features", "models", "monitoring", "silver")
"""Schemas that the catalog of the service has from the start."""

UNITY_FOLDER = ".unity"
"""Below the lake's root, beside its schemas: what is not found by its name."""

_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,99}")
_MAX_TEXT = 10_000
_NAMESPACE = uuid.UUID("6f1c2f0e-60f4-4b0e-9a52-6a1f2b9f7c11")


@dataclass(frozen=True)
class Change:
    """What is to be said of a securable from now on; None leaves it as it is."""

    owner: str | None = None
    comment: str | None = None
    properties: Mapping[str, str] | None = None
    new_name: str | None = None


class Securables:
    """The records of one workspace. `admin` owns what nobody has made by name; `root` is the lake's URL."""

    def __init__(self, state: ControlState, lake: Lake, root: str, admin: str, clock: Callable[[], float]) -> None:
        self.state = state
        self.lake = lake
        self.admin = admin
        self.lock = RLock()
        """Held by what makes, drops and renames: looking whether a name is free, and taking it, are one step."""
        self._root_url = root
        self._clock = clock

    def access(self, caller: Caller) -> CallerAccess:
        """What a caller may do now."""
        return CallerAccess(identity_of(caller, self.state), read_policy(self.state))

    def own_catalog(self) -> CatalogRecord:
        """The catalog of the service itself; its record is made by the first use."""
        found = self.state.catalog.find(Kind.CATALOG, CATALOG)
        if found is None:
            with self.lock:
                found = self.state.catalog.find(Kind.CATALOG, CATALOG)
                if found is None:
                    comment = "Everything of QuikApp's ML service"
                    found = self.new(Securable(Kind.CATALOG, CATALOG), self.admin, comment)
                    self.state.catalog.add(found)
        return found

    def find(self, securable: Securable) -> CatalogRecord | None:
        """A catalog or schema; of other kinds only what has a record. None without it."""
        if securable == Securable(Kind.CATALOG, CATALOG):
            return self.own_catalog()
        found = self.state.catalog.find(securable.kind, securable.name)
        if found is None and securable.kind is Kind.SCHEMA and securable.name in self._unrecorded_schemas():
            return self.unrecorded(securable)
        return found

    def get(self, securable: Securable) -> CatalogRecord:
        """As `find`. Raises NotFound."""
        found = self.find(securable)
        if found is None:
            raise NotFound(f"{securable} does not exist.")
        return found

    def catalogs(self) -> list[CatalogRecord]:
        """By name."""
        self.own_catalog()
        return self.state.catalog.all(Kind.CATALOG)

    def schemas(self, catalog: str) -> list[CatalogRecord]:
        """Of a catalog, by name. Raises NotFound without it."""
        self.get(Securable(Kind.CATALOG, catalog))
        found = {each.name: each for each in self.state.catalog.all(Kind.SCHEMA, catalog)}
        if catalog == CATALOG:
            others = self._unrecorded_schemas() - set(found)
            found |= {name: self.unrecorded(Securable(Kind.SCHEMA, name)) for name in others}
        return [found[name] for name in sorted(found)]

    def new(
        self,
        securable: Securable,
        creator: str,
        comment: str = "",
        properties: Mapping[str, str] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> CatalogRecord:
        """A record of now."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        return CatalogRecord(
            securable.kind.value, securable.name, str(uuid.uuid4()), creator, now, creator, now, creator, comment,
            dict(properties or {}), dict(details or {}),
        )  # fmt: skip

    def unrecorded(self, securable: Securable, created_at: datetime | None = None) -> CatalogRecord:
        """What is said of a thing that no client has made: it is the administrator's, and its id is always the same."""
        at, owner = created_at or self.own_catalog().created_at, self.admin
        record_id = str(uuid.uuid5(_NAMESPACE, f"{securable.kind}:{securable.name}"))
        return CatalogRecord(securable.kind.value, securable.name, record_id, owner, at, owner, at, owner)

    def change(self, record: CatalogRecord, change: Change, by: str) -> CatalogRecord:
        """Say something else of a securable; one without a record gets one."""
        if self.state.catalog.find(record.kind, record.name) is None:
            self.state.catalog.add(record)
        said = {
            name: value for name in ("owner", "comment", "properties") if (value := getattr(change, name)) is not None
        }
        now = datetime.fromtimestamp(self._clock(), UTC)
        changed = self.state.catalog.replace(replace(record, **said, updated_at=now, updated_by=by))
        if change.new_name is None or change.new_name == changed.name:
            return changed
        self.state.catalog.rename(changed.kind, changed.name, change.new_name)
        return replace(changed, name=change.new_name)

    def managed_url(self, kind: Kind, record_id: str) -> str:
        """Where a managed table or volume that is not found by its name has its files."""
        return self.root().url(f"{UNITY_FOLDER}/{kind.value}s", record_id)

    def root(self) -> Root:
        """The lake's root. Raises FeatureDisabled when the lake is in memory."""
        if self._root_url.startswith("memory:"):
            raise FeatureDisabled("the lake of this service is in memory: Unity Catalog needs files")
        return open_root(self._root_url)

    def external_url(self, access: CallerAccess, location: str, guarded: tuple[str, ...]) -> str:
        """The URL of a place outside the lake. Only administrators may name one: it may be any folder of this machine.

        Raises PermissionDenied, and InvalidInput for places inside the lake or the home of the service, or around them.
        """
        if not access.who.is_admin:
            raise PermissionDenied("only an administrator can name a storage_location: the service may read all of it")
        url = _location(location)
        if url.startswith("file://"):
            place = folder_of_url(url).resolve()
            roots = [folder_of_url(_location(each)).resolve() for each in guarded if _is_folder(each)]
            if any(place.is_relative_to(each) or each.is_relative_to(place) for each in roots):
                raise InvalidInput(f"storage_location {location[:200]!r} overlaps with the folders of this service")
            _make_folder(place, location)
        elif any(url.startswith(each.rstrip("/") + "/") or url == each for each in guarded if not _is_folder(each)):
            raise InvalidInput(f"storage_location {location[:200]!r} is inside the lake")
        return url

    def _unrecorded_schemas(self) -> set[str]:
        return {
            *(f"{CATALOG}.{name}" for name in SCHEMAS),
            *(name.rpartition(".")[0] for name in self.lake.names()),
        }


def checked_name(kind: Kind, given: str) -> str:
    """One part of a name in lower case. Raises InvalidInput."""
    name = given.lower()
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{kind.value} name {given[:200]!r} must be 1 to 100 letters, digits, _ and -")
    return name


def full_name(kind: Kind, given: str) -> Securable:
    """The securable of a full name, in lower case. Raises InvalidInput on a name with too few or too many parts."""
    parts = given.lower().split(".")
    wanted = {Kind.METASTORE: 0, Kind.CATALOG: 1, Kind.SCHEMA: 2}.get(kind, 3)
    if wanted == 0:
        return Securable(Kind.METASTORE)
    if len(parts) != wanted or not all(parts):
        form = ".".join(("catalog", "schema", kind.value)[:wanted])
        raise InvalidInput(f"{given[:300]!r} is no full name of a {kind.value}: it must be {form}")
    return Securable(kind, given.lower())


def checked_comment(text: str) -> str:
    """Raises InvalidInput when it is too long."""
    if len(text) > _MAX_TEXT:
        raise InvalidInput(f"a comment has {_MAX_TEXT} characters at most")
    return text


def _location(given: str) -> str:
    scheme = urlparse(given).scheme.lower()
    if scheme in SCHEMES:
        return given.rstrip("/")
    path = folder_of_url(given) if scheme == "file" else None
    if path is None and given.startswith("/"):
        path = folder_of_url(f"file://{given}")
    if path is None or not path.is_absolute() or "\0" in given or ".." in path.parts:
        raise InvalidInput(f"storage_location {given[:200]!r} must be file:///folder or a URL of {', '.join(SCHEMES)}")
    return path.as_uri()


def _make_folder(place: Path, location: str) -> None:
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"storage_location {location[:200]!r} cannot be used: {error.strerror}") from error


def _is_folder(url: str) -> bool:
    return urlparse(url).scheme in ("", "file")
