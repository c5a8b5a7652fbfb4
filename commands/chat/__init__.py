"""``sgl chat``: conversations with a model in a terminal."""
