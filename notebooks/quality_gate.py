# Databricks notebook source
# MAGIC %md
# MAGIC # Quality gate
# MAGIC What models are to learn from is as expected, or training waits; odd rows go to quarantine.

# COMMAND ----------

from quikapp_ml.jobs import quality_gate
from quikapp_ml.jobs.parameters import settings_from

# COMMAND ----------

quality_gate.run(settings_from(dbutils.widgets.getAll()))
