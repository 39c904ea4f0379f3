# Databricks notebook source
# MAGIC %md
# MAGIC # Feature engineering
# MAGIC Silver tables and feature views from the events as accepted.

# COMMAND ----------

from quikapp_ml.jobs import feature_engineering
from quikapp_ml.jobs.parameters import settings_from

# COMMAND ----------

parameters = dbutils.widgets.getAll()
feature_engineering.run(settings_from(parameters), full=parameters.get("full") == "true")
