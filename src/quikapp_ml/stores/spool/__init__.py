"""The durable queue between an acknowledgement and the tables."""
