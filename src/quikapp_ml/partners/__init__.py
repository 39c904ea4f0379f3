"""One file each for the tools beside the lakehouse; its room is kept, nothing is here yet."""
