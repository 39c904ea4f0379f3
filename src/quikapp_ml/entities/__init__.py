"""What the domain talks about: events, activities, questions, decisions. Frozen, no I/O."""
