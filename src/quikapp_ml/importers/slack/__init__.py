"""A Slack workspace export, read as Slack writes it."""

from quikapp_ml.importers.slack.export import ExportReport, Skipped, count_members, read_export

__all__ = ["ExportReport", "Skipped", "count_members", "read_export"]
