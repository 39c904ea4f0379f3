# Databricks notebook source
# MAGIC %md
# MAGIC # Model deployment
# MAGIC The gate: a candidate that is good enough takes the alias of the version that answers.

# COMMAND ----------

from quikapp_ml.jobs import model_deployment
from quikapp_ml.jobs.parameters import settings_from

# COMMAND ----------

model_deployment.run(settings_from(dbutils.widgets.getAll()))
