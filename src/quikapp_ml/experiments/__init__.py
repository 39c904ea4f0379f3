"""Models tested against each other: who gets what, and what the numbers say. Arrays in, arrays out; nothing is kept."""
