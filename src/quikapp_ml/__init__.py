"""The intelligence of a team chat, on the lakehouse."""

__version__ = "1.0.0"
