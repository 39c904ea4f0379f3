# Databricks notebook source
# MAGIC %md
# MAGIC # User embeddings
# MAGIC A vector for everybody, by the version of the model that passed the gate.

# COMMAND ----------

from quikapp_ml.jobs import user_embeddings
from quikapp_ml.jobs.parameters import settings_from

# COMMAND ----------

user_embeddings.run(settings_from(dbutils.widgets.getAll()))
