"""Chat exports and the sample workspace, as events."""
