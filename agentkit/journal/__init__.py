"""What happened: the single source of truth about effects."""
