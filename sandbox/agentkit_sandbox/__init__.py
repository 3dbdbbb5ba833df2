"""The walls an action runs inside."""
