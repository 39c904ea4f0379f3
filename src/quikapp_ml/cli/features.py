"""`features`: what is computed about people, channels and messages, and its values now."""

import math
import time

import typer

from quikapp_ml.cli.screen import show_table
from quikapp_ml.errors import InvalidInput, NotFound
from quikapp_ml.features import FEATURE_VIEWS
from quikapp_ml.features.online import OnlineFeatures
from quikapp_ml.jobs import feature_engineering
from quikapp_ml.settings import Settings
from quikapp_ml.stores.online import open_online_store

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


@app.command("build")
def build() -> None:
    """Rebuild the silver tables, feature tables and labels from the events: the pipeline's first task."""
    feature_engineering.run(Settings.from_environment())
