"""`features`: what is computed about people, channels and messages, and its values now."""

import math
import time
from collections.abc import Sequence
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
from quikapp_ml.serving.lineage import ModelSources, Source, sources_of_models
from quikapp_ml.serving.online_features import TABLES_OF_VIEWS
from quikapp_ml.settings import Settings
from quikapp_ml.stores.lake import open_lake
from quikapp_ml.stores.online import open_online_store
from quikapp_ml.training.user_vectors import USER_EMBEDDINGS

app = typer.Typer(help="What is computed about people, channels and messages.", no_args_is_help=True)


@app.command("list")
def list_views() -> None:
    """List the feature views and their features, and the table of what a model makes of people."""
    rows = [(view.name, ", ".join(view.entity_key), ", ".join(view.features), view.comment) for view in FEATURE_VIEWS]
    rows.append(("user_embeddings", "user_id", "embedding", USER_EMBEDDINGS.comment))
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
    """Show which model versions read or learnt from a view or table, or what the versions of a model are made of."""
    settings = Settings.from_environment()
    registry = open_model_registry(settings)
    models = sources_of_models(registry)
    if name in registry.names():
        wanted = [(one, source) for one in models if one.model == name for source in one.sources or (Source(""),)]
    else:
        names = _names_of(name, settings, models)
        wanted = [(one, source) for one in models for source in one.sources if source.source in names]
    show_table(
        ("source", "at version", "features", "feature service", "model version", "aliases"),
        [_lineage_row(*one) for one in wanted],
        empty=f"no model version reads or learnt from {name}",
    )


def _lineage_row(model: ModelSources, source: Source) -> tuple[str, ...]:
    version = "" if source.table_version is None else str(source.table_version)
    features, aliases = ", ".join(source.features), ", ".join(model.aliases)
    return source.source, version, features, model.feature_service or "", f"{model.model} {model.version}", aliases


def _names_of(name: str, settings: Settings, models: Sequence[ModelSources]) -> set[str]:
    """The source that is meant, of a view its table too. Raises NotFound for neither view, table nor model."""
    if name in {view.name for view in FEATURE_VIEWS}:
        return {name, TABLES_OF_VIEWS + name}
    is_used = any(source.source == name for one in models for source in one.sources)
    if not is_used and name not in open_lake(settings.lake_path).names():
        raise NotFound(f"there is no table, feature view or model {name!r}; see features list and models list")
    return {name}


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
def build(
    full: Annotated[bool, typer.Option(help="Make all tables anew, not only what new events have changed.")] = False,
) -> None:
    """Bring the silver tables, feature tables and labels up to date with the events: the pipeline's first task."""
    feature_engineering.run(Settings.from_environment(), full=full)
