"""Stories that run: each folder is one of them, and CI plays them all."""
