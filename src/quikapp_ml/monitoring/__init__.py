"""Drift, quality and performance after the fact; its room is kept, nothing is here yet."""
