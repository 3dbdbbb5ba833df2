"""Carrying out: the one road, and what happens when something breaks on it."""
