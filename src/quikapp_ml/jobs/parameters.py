"""How the parameters of a job reach the settings: one way here and on Databricks."""

import os
from collections.abc import Mapping

from quikapp_ml.settings import Settings


def settings_from(parameters: Mapping[str, str]) -> Settings:
    """Settings of the environment, overridden by parameters that have a setting's name; empty ones override nothing."""
    return Settings.from_environment({**os.environ, **{name: value for name, value in parameters.items() if value}})
