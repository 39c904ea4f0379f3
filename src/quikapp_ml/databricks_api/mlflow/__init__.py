"""MLflow as a Databricks workspace speaks it: runs, artefacts and registered models of the project's own store."""
