"""What became of the data: profiles of tables by window and slice, and how far they have drifted."""
