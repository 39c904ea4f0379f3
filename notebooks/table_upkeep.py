# Databricks notebook source
# MAGIC %md
# MAGIC # Upkeep of tables
# MAGIC Small files become large ones; rows past their retention and versions that nobody needs any longer go.

# COMMAND ----------

from quikapp_ml.jobs import table_upkeep
from quikapp_ml.jobs.parameters import settings_from

# COMMAND ----------

table_upkeep.run(settings_from(dbutils.widgets.getAll()))
