"""Quality monitors by both of Databricks' APIs: `w.quality_monitors` by table names, `w.data_quality` by ids."""

from quikapp_ml.databricks_api.monitors import data_quality, quality_monitors

ROUTES = (*quality_monitors.ROUTES, *data_quality.ROUTES)
