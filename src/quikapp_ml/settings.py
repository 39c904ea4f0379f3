"""Every setting of the service, once. Values come from the environment; a misspelt name is refused."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic import ValidationError as PydanticValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from quikapp_ml.errors import InvalidInput, Problem

OWN_PREFIX = "QUIKAPP_ML_"
_SHARE = r"(recommendations|rank|spam-check|sentiment|invocation)=(0|1|0?\.[0-9]+|1\.0+)"


class Settings(BaseSettings):
    """The service's settings; each field's description is its manual.

    Empty URLs mean the embedded default inside `home`.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    home: Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())] = Field(
        default_factory=lambda: Path.home() / ".quikapp-ml",
        validation_alias="QUIKAPP_ML_HOME",
        description="Folder of all state: spool, tables, models, databases. One service owns a home at a time.",
    )
    host: str = Field("127.0.0.1", validation_alias="QUIKAPP_ML_BIND", description="Address to listen on.")
    port: int = Field(5008, ge=0, le=65535, validation_alias="PORT", description="Port to listen on; 0: a free one.")
    log_level: str = Field(
        "info",
        pattern="^(debug|info|warning|error)$",
        validation_alias="QUIKAPP_ML_LOG_LEVEL",
        description="debug, info, warning or error.",
    )

    databricks_host: str = Field(
        "", validation_alias="DATABRICKS_HOST", description="Databricks workspace URL; empty: this service itself."
    )
    databricks_token: SecretStr = Field(
        SecretStr(""), validation_alias="DATABRICKS_TOKEN", description="Token for the Databricks workspace."
    )
    spark_remote: str = Field(
        "", validation_alias="SPARK_REMOTE", description="Spark Connect URL (sc://host:port); empty: Sail, in process."
    )
    lakehouse_url: str = Field(
        "",
        validation_alias="QUIKAPP_ML_LAKEHOUSE_URL",
        description="Where tables live: a folder, file://, s3://, gs://, az:// or abfss://; empty: `home`/lakehouse.",
    )
    tracking_uri: str = Field(
        "",
        validation_alias="MLFLOW_TRACKING_URI",
        description="MLflow tracking and registry: sqlite:///…, http(s)://…, databricks; empty: `home`/mlflow.db.",
    )
    tracking_experiment: str = Field(
        "quikapp-ml", validation_alias="MLFLOW_EXPERIMENT_NAME", description="MLflow experiment that training logs to."
    )
    feature_store_uri: str = Field(
        "",
        validation_alias="FEATURE_STORE_URI",
        description="databricks://CATALOG: Databricks' own feature store, on its clusters; empty: ours, on the tables "
        "above.",
    )
    online_store_url: str = Field(
        "",
        validation_alias="QUIKAPP_ML_ONLINE_STORE_URL",
        description="Online features: sqlite:///path, redis://host:port/number?prefix=name (rediss:// with TLS; extra "
        "`redis`), postgresql://user:password@host/database?schema=name (extra `postgres`); empty: `home`/online.db. "
        "A store belongs to the first home that uses it: give each a prefix (else `quikapp-ml`) or schema (else "
        "`quikapp_ml`) of its own.",
    )
    state_url: str = Field(
        "",
        validation_alias="QUIKAPP_ML_STATE_URL",
        description="Control state (job runs, endpoints, shares, tokens): sqlite:///path or "
        "postgresql://user:password@host/database?schema=name (extra `postgres`; else schema `quikapp_ml`); empty: "
        "`home`/state.db. Services that name the same schema share all of it.",
    )

    alias_poll_seconds: float = Field(
        2.0,
        gt=0,
        validation_alias="QUIKAPP_ML_ALIAS_POLL_SECONDS",
        description="How often the service asks the registry whether an alias has moved.",
    )
    lake_flush_seconds: float = Field(
        1.0,
        gt=0,
        validation_alias="QUIKAPP_ML_LAKE_FLUSH_SECONDS",
        description="How long accepted events wait at most before they are moved to the Delta tables.",
    )
    table_history_days: int = Field(
        30,
        ge=1,
        validation_alias="QUIKAPP_ML_TABLE_HISTORY_DAYS",
        description="How many days a replaced version of a table can still be read; those that a registered model "
        "version learnt from stay for as long as it does.",
    )
    spool_max_bytes: int = Field(
        2 * 1024**3,
        ge=1024**2,
        validation_alias="QUIKAPP_ML_SPOOL_MAX_BYTES",
        description="Events are refused (503) while more bytes than this wait for the Delta tables.",
    )
    trust_loopback: bool = Field(
        True,
        validation_alias="QUIKAPP_ML_TRUST_LOOPBACK",
        description="Whether programs of this machine need no token for QuikApp's own endpoints and MLflow's pages. "
        "`false` behind a reverse proxy on this machine: one that adds no `X-Forwarded-For` makes everybody local.",
    )
    max_body_bytes: int = Field(
        8 * 1024**2, ge=1024, validation_alias="QUIKAPP_ML_MAX_BODY_BYTES", description="Largest request body accepted."
    )
    ledger_sampling: str = Field(
        "",
        pattern=rf"^({_SHARE}(,{_SHARE})*)?$",
        validation_alias="QUIKAPP_ML_LEDGER_SAMPLING",
        description="Share of the decisions of a kind that keep their inputs in the ledger, such as "
        "`invocation=0.1,rank=0.5`; every decision keeps its row. Empty: all keep them.",
    )
    decision_days: int = Field(
        0,
        ge=0,
        validation_alias="QUIKAPP_ML_DECISION_DAYS",
        description="How many days the rows of decisions are kept; the night's upkeep deletes older ones. 0: for good.",
    )
    list_diversity: float = Field(
        0.2,
        ge=0,
        le=1,
        validation_alias="QUIKAPP_ML_LIST_DIVERSITY",
        description="Share of its worth that an item loses where a recommendation list has one just like it: a message "
        "of the same channel and author, a person of the same team, a channel whose name begins with the same word.",
    )
    list_source_share: float = Field(
        0.6,
        gt=0,
        le=1,
        validation_alias="QUIKAPP_ML_LIST_SOURCE_SHARE",
        description="The most that one source takes of a recommendation list, while others have something to offer.",
    )
    list_exploration: float = Field(
        0.02,
        ge=0,
        le=0.5,
        validation_alias="QUIKAPP_ML_LIST_EXPLORATION",
        description="Share of the recommendation lists whose last place is drawn by lot among the next best, the same "
        "for a person within an hour; decisions keep how likely it was.",
    )
    promoted_channels: str = Field(
        "",
        validation_alias="QUIKAPP_ML_PROMOTED_CHANNELS",
        description="Ids of channels, with commas between: one of them has a place in the list of everybody who could "
        "join it.",
    )
    run_schedules: bool = Field(
        True,
        validation_alias="QUIKAPP_ML_RUN_SCHEDULES",
        description="Whether `serve` runs the bundle's jobs by their schedules.",
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings; an unknown QUIKAPP_ML_ name or a bad value is refused with the names allowed."""
        environment = os.environ if environment is None else environment
        known = {str(field.validation_alias) for field in cls.model_fields.values()}
        unknown = sorted(name for name in environment if name.startswith(OWN_PREFIX) and name not in known)
        if unknown:
            allowed = ", ".join(sorted(name for name in known if name.startswith(OWN_PREFIX)))
            raise InvalidInput(f"unknown setting {', '.join(unknown)}; known are {allowed}")
        given = {name: environment[name] for name in known if environment.get(name)}
        try:
            return cls.model_validate(given)
        except PydanticValidationError as error:
            problems = tuple(
                Problem(str(detail["loc"][0]), detail["type"], detail["msg"], "(hidden)")
                for detail in error.errors(include_url=False)
            )
            raise InvalidInput("; ".join(f"{p.path}: {p.message}" for p in problems), problems) from None

    @property
    def lake_path(self) -> str:
        """Root of the Delta tables."""
        return self.lakehouse_url or str(self.home / "lakehouse")

    @property
    def ledger_shares(self) -> dict[str, float]:
        """Kind of decision → share of them that keep their inputs."""
        pairs = (each.split("=") for each in self.ledger_sampling.split(",") if each)
        return {kind: float(share) for kind, share in pairs}

    @property
    def promoted(self) -> tuple[str, ...]:
        """Ids of the promoted channels."""
        return tuple(filter(None, (one.strip() for one in self.promoted_channels.split(","))))

    @property
    def mlflow_uri(self) -> str:
        """Tracking and registry URI."""
        return self.tracking_uri or f"sqlite:///{self.home / 'mlflow.db'}"

    @property
    def online_url(self) -> str:
        """URL of the online store."""
        return self.online_store_url or f"sqlite:///{self.home / 'online.db'}"

    @property
    def control_state_url(self) -> str:
        """URL of the control state."""
        return self.state_url or f"sqlite:///{self.home / 'state.db'}"


def manual() -> str:
    """The page `docs/settings.md`: every setting with its meaning and default."""
    lines = [
        "# Settings",
        "",
        "All settings are environment variables. A misspelt `QUIKAPP_ML_…` name is refused, and so is a bad value.",
        "Made from `src/quikapp_ml/settings.py` by `python -m quikapp_ml.settings > docs/settings.md`.",
        "",
        "| variable | meaning | default |",
        "|---|---|---|",
    ]
    for field in Settings.model_fields.values():
        if field.default_factory is not None:
            default = "`~/.quikapp-ml`"
        elif isinstance(field.default, SecretStr) or field.default == "":
            default = ""
        else:
            default = f"`{field.default}`"
        lines.append(f"| `{field.validation_alias}` | {field.description} | {default} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(manual())
