"""The models that come with the package: what is known about them, and how the registry learns of them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from quikapp_ml.errors import Damaged
from quikapp_ml.features.services import tags_of
from quikapp_ml.models.base import Model
from quikapp_ml.stores.registry.base import CHALLENGER, CHAMPION, ModelRegistry, NewVersion

logger = logging.getLogger(__name__)

METADATA_FILE = "metadata.json"
STARTER_TAG = "starter"


@dataclass(frozen=True)
class StarterMetadata:
    """What `metadata.json` says about a starter model."""

    semantic_version: str
    alias: str
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Starter:
    """A model that was made to come with the package, and what its metadata will say."""

    model: Model
    semantic_version: str
    alias: str
    metrics: Mapping[str, float]


def read_metadata(folder: Path) -> StarterMetadata:
    """Read a starter's metadata. Raises Damaged when it is missing or is not what is needed."""
    try:
        given = orjson.loads((folder / METADATA_FILE).read_bytes())
        metrics = {str(name): float(value) for name, value in given.get("metrics", {}).items()}
        metadata = StarterMetadata(str(given["semantic_version"]), str(given["alias"]), metrics)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"{folder / METADATA_FILE} cannot be used: {error!r}; install the package again") from error
    if metadata.alias not in (CHAMPION, CHALLENGER):
        raise Damaged(f"{folder / METADATA_FILE}: alias {metadata.alias!r} is neither {CHAMPION} nor {CHALLENGER}")
    return metadata


def register_starters(
    registry: ModelRegistry, folders: Mapping[str, Path], classes: Mapping[str, type[Model]]
) -> list[str]:
    """Register each starter whose name has no version yet, under the alias that it says; return the names registered.

    Run twice, or after it was interrupted, it does only what is missing.
    """
    registered = []
    for name, folder in folders.items():
        versions = registry.versions(name)
        metadata = read_metadata(folder)
        if not versions:
            number = registry.register(_new_version(name, folder, classes[name], metadata)).number
        elif len(versions) == 1 and versions[0].tags.get(STARTER_TAG) == "true" and not versions[0].aliases:
            number = versions[0].number  # it was interrupted before the alias was set
        else:
            continue
        registry.set_alias(name, metadata.alias, number)
        registered.append(name)
        logger.info("registered the starter model %s %s as %s", name, metadata.semantic_version, metadata.alias)
    return registered


def _new_version(name: str, folder: Path, model_class: type[Model], metadata: StarterMetadata) -> NewVersion:
    return NewVersion(
        name=name,
        folder=folder,
        model_class=f"{model_class.__module__}:{model_class.__qualname__}",
        semantic_version=metadata.semantic_version,
        metrics=metadata.metrics,
        tags={STARTER_TAG: "true", **tags_of(name)},
    )
