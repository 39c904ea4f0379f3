# Databricks notebook source
# MAGIC %md
# MAGIC # Model training
# MAGIC A candidate version of every model, or of the one that the parameter `model` names.

# COMMAND ----------

from quikapp_ml.jobs import model_training
from quikapp_ml.jobs.parameters import settings_from

# COMMAND ----------

parameters = dbutils.widgets.getAll()
model_training.run(settings_from(parameters), parameters["model"])
