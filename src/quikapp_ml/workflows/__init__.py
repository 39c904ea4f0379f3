"""The bundle's jobs, run here: reading, running, keeping their schedule."""
