"""Comparisons with peers and floors, one command each."""
