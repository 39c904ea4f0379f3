"""How a workspace names the artefacts of runs and logged models, and how MLflow's own store names the same."""

import re
from dataclasses import dataclass

ROOT = "dbfs:/databricks/mlflow-tracking"
RUN = "run"
LOGGED_MODEL = "logged_model"

_MODEL = re.compile(rf"{ROOT}/(?P<experiment>[^/]+)/logged_models/(?P<item>[^/]+)(?P<rest>/.*)?")
_RUN = re.compile(rf"{ROOT}/(?P<experiment>[^/]+)/(?P<item>[^/]+)/artifacts(?P<rest>/.*)?")
_KEPT_MODEL = re.compile(r"file:.*/models/(m-[^/]+)/artifacts(/.*)?")
_KEPT_RUN = re.compile(r"file:.*/([0-9a-f]{32})/artifacts(/.*)?")


@dataclass(frozen=True)
class Place:
    """What a URI of a workspace names."""

    kind: str
    experiment_id: str
    item_id: str
    rest: str


def shown(kind: str, experiment_id: str, item_id: str) -> str:
    """The URI that clients are told."""
    if kind == LOGGED_MODEL:
        return f"{ROOT}/{experiment_id}/logged_models/{item_id}"
    return f"{ROOT}/{experiment_id}/{item_id}/artifacts"


def parse(uri: str) -> Place | None:
    """What a URI that clients are told names; None when it has another form."""
    for kind, form in ((LOGGED_MODEL, _MODEL), (RUN, _RUN)):
        found = form.fullmatch(uri)
        if found:
            return Place(kind, found["experiment"], found["item"], (found["rest"] or "").strip("/"))
    return None


def split_kept(uri: str) -> tuple[str, str, str]:
    """Kind, id and the path below it of a URI of MLflow's own store; empty where it is neither run nor model."""
    for kind, form in ((LOGGED_MODEL, _KEPT_MODEL), (RUN, _KEPT_RUN)):
        found = form.fullmatch(uri)
        if found:
            return kind, found[1], found[2] or ""
    return "", "", ""
