"""SQL as Databricks speaks it: the catalog answers what is about it, the engine the rest, after checks."""
