"""The web page for operators; its room is kept, nothing is here yet."""
