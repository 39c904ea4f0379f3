"""`features`: what is computed about people, channels and messages, and its values now."""

import math
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from quikapp_ml.bootstrap import open_model_registry
from quikapp_ml.cli.screen import answers, show_table
from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.feature_store.publishing import publish_newest
from quikapp_ml.feature_store.tables import read_newest
from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.jobs import feature_engineering
from quikapp_ml.serving.online_features import TABLES_OF_VIEWS, uses_of_tables
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.online import open_online_store
from quikapp_ml.stores.registry.base import ModelRegistry

app = typer.Typer(help="What is computed about people, channels and messages.", no_args_is_help=True)


@app.command("list")
def list_views() -> None:
    """List the feature views and their features."""
    rows = [(view.name, ", ".join(view.entity_key), ", ".join(view.features), view.comment) for view in FEATURE_VIEWS]
    show_table(("view", "of each", "features", ""), rows, empty="no feature view is declared")


@app.command("show")
def show(view: str, key: list[str]) -> None:
    """Show the values of one view now, such as: features show user_channel_affinity U0001 C0001."""
    declared = {found.name: found for found in FEATURE_VIEWS}
    if view not in declared:
        raise NotFound(f"there is no feature view {view!r}; there are {', '.join(declared)}")
    wanted = declared[view].entity_key
    if len(key) != len(wanted):
        raise InvalidInput(f"{view} is about each {' and '.join(wanted)}: give {len(wanted)} ids, not {len(key)}")
    store = open_online_store(Settings.from_environment().online_url)
    features = OnlineFeatures()
    for namespace in features.NAMESPACES:
        features.load(namespace, store.items(namespace))
    store.close()
    values = features.values(view, tuple(key), time.time())
    rows = [
        (name, "never" if math.isnan(value) else f"{value:g}")
        for name, value in zip(declared[view].features, values, strict=True)
    ]
    show_table(("feature", "value"), rows, empty="")


@app.command("lineage")
def lineage(name: str) -> None:
    """Show which model versions learnt from a table or view, or which tables the versions of a model learnt from."""
    registry = open_model_registry(Settings.from_environment())
    if name in registry.names():
        rows = [
            (table, str(number), f"{name} {version.number}", ", ".join(version.aliases))
            for version in registry.versions(name)
            for table, number in sorted(version.table_versions.items())
        ]
    else:
        rows = _learners(registry, name)
    show_table(("table", "at version", "model version", "aliases"), rows, empty=f"no model version learnt from {name}")


def _learners(registry: ModelRegistry, name: str) -> list[tuple[str, str, str, str]]:
    """Rows of the model versions that learnt from a table, or from that of a view. Raises NotFound for neither."""
    settings, uses = Settings.from_environment(), uses_of_tables(registry)
    table = TABLES_OF_VIEWS + name if name in {view.name for view in FEATURE_VIEWS} else name
    if table == name and table not in uses and table not in open_lake(settings.lake_path).names():
        raise NotFound(f"there is no table, feature view or model {name!r}; see features list and models list")
    return [
        (table, str(use.table_version), f"{use.model} {use.version}", ", ".join(use.aliases))
        for use in uses.get(table, ())
    ]


@app.command("publish")
def publish(
    table: str,
    overwrite: Annotated[bool, typer.Option(help="Take away entities that the table no longer has.")] = False,
) -> None:
    """Bring the newest values of a feature table to the online store; only what has changed is written."""
    settings = Settings.from_environment()
    lake = open_lake(settings.lake_path)
    with closing(open_online_store(settings.online_url)) as online:
        n_entities = publish_newest(lambda: read_newest(lake, table), online, lambda: datetime.now(UTC), overwrite)
    answers.print(f"{table} is published; entities written: {n_entities}", soft_wrap=True)


@app.command("build")
def build() -> None:
    """Rebuild the silver tables, feature tables and labels from the events: the pipeline's first task."""
    feature_engineering.run(Settings.from_environment())
