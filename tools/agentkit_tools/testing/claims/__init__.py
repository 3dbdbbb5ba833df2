"""One check for each thing that a declaration promises."""
