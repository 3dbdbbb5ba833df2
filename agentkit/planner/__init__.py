"""Deciding what to do: a model proposes, one turn after another, and sees only outcomes."""
