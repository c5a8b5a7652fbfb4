"""``sgl chat`` line by line: for terminals without a screen, and for screen readers."""
