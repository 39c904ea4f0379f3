"""Small trained models with their cards, so that a fresh machine answers at once."""
