"""Models tested against each other; its room is kept, nothing is here yet."""
