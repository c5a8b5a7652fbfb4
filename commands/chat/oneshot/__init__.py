"""``sgl chat`` in pipes and scripts: one question, one answer; and the commands over stored conversations."""
