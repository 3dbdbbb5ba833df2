"""Asking a person: what they see, what they may answer, and what is open."""
