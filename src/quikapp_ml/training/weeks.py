"""Silver tables lie in weeks, so that a night writes only those of which something has changed."""


def week_of(time: str) -> str:
    """SQL of the Monday of a time's week (UTC)."""
    return f"CAST(date_trunc('WEEK', {time}) AS DATE)"
