"""From tables to a registered version: labels, replay, recipes, evaluation, promotion."""
