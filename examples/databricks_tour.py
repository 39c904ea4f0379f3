"""A day at the workspace, by official clients only: the same lines run against `scripts/up` and on Databricks.

    scripts/up                                            # in one terminal
    eval "$(.venv/bin/quikapp-ml env)"                    # in another: DATABRICKS_HOST, DATABRICKS_TOKEN
    .venv/bin/python examples/databricks_tour.py

On Databricks set DATABRICKS_HOST, DATABRICKS_TOKEN and SPARK_REMOTE (sc://HOST:443/;token=…;x-databricks-cluster-id=…),
have the bundle deployed, and the catalog `quikapp_ml` be yours. Each step says what came back. What is made is named
`tour…`, and taken away by the next run, or by `--clean`.
"""

import argparse
import io
import json
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_TRACKING_URI", "databricks")
os.environ.setdefault("MLFLOW_REGISTRY_URI", "databricks-uc")

import delta_sharing  # type: ignore[import-untyped]
import mlflow
import numpy as np
import pandas as pd
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service import catalog, serving, sharing, sql
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

MODEL = "quikapp_ml.models.tour_clicks"
TABLE = "quikapp_ml.ml_features.tour_features"
ENDPOINT, SHARE, PARTNER, JOB = "tour-clicks", "tour_share", "tour_partner", "ml_pipeline"
PATIENCE = timedelta(minutes=20)


def main() -> None:
    """Do everything, or only take away what an earlier run has made."""
    parser = argparse.ArgumentParser(description="A day at the Databricks workspace, by official clients only.")
    parser.add_argument("--clean", action="store_true", help="only take away what an earlier run has made")
    only_clean = parser.parse_args().clean
    w = WorkspaceClient()
    told("workspace", w.config.host, "as", w.current_user.me().user_name)
    clean(w)
    if only_clean:
        return
    track_and_register(w)
    serve(w)
    write_features(w)
    grant_and_read(w)
    share(w)
    monitor(w)
    run_the_night(w)


def track_and_register(w: WorkspaceClient) -> None:
    """Two versions of a model, the second better; the alias moves to it."""
    mlflow.set_experiment(f"/Users/{w.current_user.me().user_name}/tour")
    draw = np.random.default_rng(7)
    seen = pd.DataFrame(draw.normal(size=(500, 2)), columns=["affinity", "recency"])
    clicked = (seen["affinity"] + 0.5 * seen["recency"] + draw.normal(size=500) > 0).astype(int)
    for columns in (["recency"], ["affinity", "recency"]):
        with mlflow.start_run(run_name="-".join(columns)) as run:
            model = LogisticRegression().fit(seen[columns], clicked)
            accuracy = float(model.score(seen[columns], clicked))
            mlflow.log_params({"columns": ",".join(columns)})
            mlflow.log_metric("accuracy", accuracy)
            signature = infer_signature(seen[columns], model.predict(seen[columns]))
            mlflow.sklearn.log_model(model, name="model", signature=signature, registered_model_name=MODEL)
        told("run", run.info.run_id, "accuracy", round(accuracy, 3))
    client = mlflow.MlflowClient()
    for version in ("1", "2"):
        client.set_registered_model_alias(MODEL, "champion", version)
        told("champion is version", client.get_model_version_by_alias(MODEL, "champion").version)
    loaded = mlflow.pyfunc.load_model(f"models:/{MODEL}@champion")
    told("loaded elsewhere", loaded.predict(seen.head(3)).tolist())


def serve(w: WorkspaceClient) -> None:
    """Both versions behind one endpoint, 90 to 10."""
    entities = [
        serving.ServedEntityInput(
            name=f"v{version}", entity_name=MODEL, entity_version=version, workload_size="Small",
            scale_to_zero_enabled=True,
        )
        for version in ("1", "2")
    ]  # fmt: skip
    routes = [serving.Route(served_entity_name="v1", traffic_percentage=10),
              serving.Route(served_entity_name="v2", traffic_percentage=90)]  # fmt: skip
    config = serving.EndpointCoreConfigInput(
        name=ENDPOINT, served_entities=entities, traffic_config=serving.TrafficConfig(routes=routes)
    )
    made = w.serving_endpoints.create_and_wait(ENDPOINT, config=config, timeout=PATIENCE)
    told("endpoint", made.name, "is", made.state and made.state.ready)
    record = {"affinity": 0.4, "recency": -0.1}
    answers = [
        w.serving_endpoints.query(ENDPOINT, dataframe_records=[record], client_request_id=f"tour-{n}")
        for n in range(100)
    ]
    told("predictions", answers[0].predictions, "by", dict(Counter(each.served_model_name for each in answers)))
    exported = w.serving_endpoints.export_metrics(ENDPOINT).contents or io.BytesIO()
    text = exported.read().decode()
    told("P50", quantile(text, 0.5), "ms, P99", quantile(text, 0.99), "ms")


def quantile(metrics: str, q: float) -> float | None:
    """A quantile of the requests' time, from the buckets of a Prometheus histogram; none without a request."""
    buckets: Counter[float] = Counter()
    for bound, count in re.findall(r'^request_latency_ms_bucket\{.*?le="([^"]+)".*?\} (\S+)', metrics, re.MULTILINE):
        buckets[float(bound)] += float(count)  # type: ignore[assignment]
    total = max(buckets.values(), default=0)
    return next((bound for bound in sorted(buckets) if total and buckets[bound] >= q * total), None)


def write_features(w: WorkspaceClient) -> None:
    """A feature table, written with Spark."""
    asked(w, f"CREATE TABLE {TABLE} (user_id STRING, embedding ARRAY<DOUBLE>, score DOUBLE) USING DELTA")
    with spark_session(w) as spark:
        people = [(f"user-{k}", [0.1 * (k % 7), 0.2], (k % 10) / 10) for k in range(200)]
        frame = spark.createDataFrame(people, "user_id string, embedding array<double>, score double")
        frame.createOrReplaceTempView("tour_new")
        spark.sql(f"INSERT INTO {TABLE} SELECT user_id, embedding, score FROM tour_new")
        told("rows written with Spark", spark.sql(f"SELECT count(*) AS n FROM {TABLE}").toPandas()["n"][0])
    # From here on its changes are told; set now, since Sail writes to no table that has it.
    asked(w, f"ALTER TABLE {TABLE} SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')")


@contextmanager
def spark_session(w: WorkspaceClient) -> Iterator[Any]:
    """Of SPARK_REMOTE; without it Sail in this process, over the workspace's Unity Catalog."""
    from pyspark.sql.connect.session import SparkSession  # noqa: PLC0415 it takes a second

    remote = os.environ.get("SPARK_REMOTE", "")
    with nullcontext(remote) if remote else sail_over(str(w.config.host), str(w.config.token)) as url:
        spark = SparkSession.builder.remote(url).create()
        yield spark
        spark.stop()


@contextmanager
def sail_over(host: str, token: str) -> Iterator[str]:
    """The URL of an engine in this process. It takes what begins with DATABRICKS_ for settings of its own."""
    ours = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("DATABRICKS_")}
    unity = f'type="unity",name="quikapp_ml",default_catalog="quikapp_ml",token="{token}"'
    os.environ["SAIL_CATALOG__LIST"] = f'[{{{unity},uri="{host}/api/2.1/unity-catalog"}}]'
    from pysail.spark import SparkConnectServer  # noqa: PLC0415 it reads the environment when it is imported

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    try:
        yield "sc://{}:{}".format(*server.listening_address)
    finally:
        server.stop()
        os.environ.update(ours)


def grant_and_read(w: WorkspaceClient) -> None:
    """Grants, and the table by SQL."""
    asked(w, f"GRANT SELECT ON TABLE {TABLE} TO `account users`")
    granted = w.grants.get(catalog.SecurableType.TABLE.value, TABLE).privilege_assignments or []
    told("granted", [(each.principal, [str(one.value) for one in each.privileges or []]) for each in granted])
    told("by SQL", asked(w, f"SELECT user_id, score FROM {TABLE} ORDER BY user_id LIMIT 3"))
    told("history", [row[0] for row in asked(w, f"DESCRIBE HISTORY {TABLE}")])


def asked(w: WorkspaceClient, statement: str) -> list[list[str]]:
    """The rows of a statement."""
    warehouse = next(iter(w.warehouses.list())).id or ""
    done = w.statement_execution.execute_statement(statement, warehouse, wait_timeout="50s")
    while done.status and done.status.state in (sql.StatementState.PENDING, sql.StatementState.RUNNING):
        time.sleep(1)
        done = w.statement_execution.get_statement(done.statement_id or "")
    if not done.status or done.status.state is not sql.StatementState.SUCCEEDED:
        raise RuntimeError(f"{statement}: {done.status and done.status.error}")
    return (done.result and done.result.data_array) or []


def share(w: WorkspaceClient) -> None:
    """The table to another organisation, which reads it and its changes."""
    w.shares.create(SHARE)
    shared = sharing.SharedDataObject(
        TABLE, data_object_type=sharing.SharedDataObjectDataObjectType.TABLE, shared_as="ml_features.tour_features",
        cdf_enabled=True,
        history_data_sharing_status=sharing.SharedDataObjectHistoryDataSharingStatus.ENABLED,
    )  # fmt: skip
    adding = sharing.SharedDataObjectUpdate(sharing.SharedDataObjectUpdateAction.ADD, shared)
    w.shares.update(SHARE, updates=[adding])
    partner = w.recipients.create(PARTNER, sharing.AuthenticationType.TOKEN)
    w.shares.update_permissions(SHARE, changes=[sharing.PermissionsChange(principal=PARTNER, add=["SELECT"])])
    with tempfile.TemporaryDirectory() as folder:
        url = f"{profile_of(w, partner, Path(folder))}#{SHARE}.ml_features.tour_features"
        told("the partner reads", len(delta_sharing.load_as_pandas(url)), "rows")
        asked(w, f"INSERT INTO {TABLE} VALUES ('late-1', array(0.5D), 0.9D), ('late-2', NULL, 0.1D)")
        newest = int(asked(w, f"DESCRIBE HISTORY {TABLE}")[0][0])
        changes = delta_sharing.load_table_changes_as_pandas(url, starting_version=newest)
        told("and what has changed since", changes[["user_id", "score", "_change_type"]].to_dict("records"))


def profile_of(w: WorkspaceClient, partner: sharing.RecipientInfo, folder: Path) -> Path:
    """What the partner downloads from the activation link, once."""
    link = partner.activation_url or next(iter(partner.tokens or [])).activation_url or ""
    found = w.recipient_activation.retrieve_token(link.rpartition("?")[2] if "databricks" in link else link)
    file = folder / "partner.share"
    file.write_text(json.dumps({
        "shareCredentialsVersion": found.share_credentials_version, "endpoint": found.endpoint,
        "bearerToken": found.bearer_token, "expirationTime": found.expiration_time,
    }))  # fmt: skip
    return file


def monitor(w: WorkspaceClient) -> None:
    """The table watched: new people score higher, and the drift table says so."""
    made = w.quality_monitors.create(
        TABLE, output_schema_name="quikapp_ml.monitoring", assets_dir="/Workspace/Shared/tour",
        snapshot=catalog.MonitorSnapshot(),
    )  # fmt: skip
    refreshed(w)
    asked(w, f"INSERT INTO {TABLE} SELECT concat('new-', id), array(0.5D), 5.0D + id % 3 FROM range(200)")
    w.quality_monitors.run_refresh(TABLE)
    refreshed(w)
    told("drift", asked(w, (
        "SELECT column_name, round(ks_test.statistic, 3), round(wasserstein_distance, 3), "
        f"round(population_stability_index, 3) FROM {made.drift_metrics_table_name} "
        "WHERE column_name = 'score' AND drift_type = 'CONSECUTIVE'"
    )))  # fmt: skip


def refreshed(w: WorkspaceClient) -> None:
    """Wait for the newest refresh."""
    going = {catalog.MonitorRefreshInfoState.PENDING, catalog.MonitorRefreshInfoState.RUNNING}
    while (newest := next(iter(w.quality_monitors.list_refreshes(TABLE).refreshes or []))).state in going:
        time.sleep(0.5)
    told("refresh", newest.refresh_id, newest.state.value)


def run_the_night(w: WorkspaceClient) -> None:
    """The nightly job, by hand."""
    job = next(iter(w.jobs.list(name=JOB)))
    run = w.jobs.run_now(job.job_id or 0).result(timeout=PATIENCE)
    for task in run.tasks or []:
        told("task", task.task_key, task.state and task.state.result_state)
    told("the night", run.state and run.state.result_state)


def clean(w: WorkspaceClient) -> None:
    """Take away what an earlier run has made."""
    names = [f"quikapp_ml.monitoring.tour_features_{kind}_metrics" for kind in ("profile", "drift")]
    attempts: list[Callable[[], object]] = [
        lambda: w.serving_endpoints.delete(ENDPOINT),
        lambda: w.shares.delete(SHARE),
        lambda: w.recipients.delete(PARTNER),
        lambda: w.quality_monitors.delete(TABLE),
        *(lambda name=name: w.tables.delete(name) for name in (TABLE, *names)),
        lambda: mlflow.MlflowClient().delete_registered_model(MODEL),
    ]
    for attempt in attempts:
        with suppress(DatabricksError, mlflow.exceptions.MlflowException):
            attempt()


def told(*words: object) -> None:
    """One line of what came back."""
    print(*words, flush=True)


if __name__ == "__main__":
    main()
