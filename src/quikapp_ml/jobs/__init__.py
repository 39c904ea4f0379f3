"""One file a task of a workflow: `run(settings)`."""
