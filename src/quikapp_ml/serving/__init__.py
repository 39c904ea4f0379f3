"""The online path: events in, questions answered, decisions kept."""
