"""``sgl doctor``: what can go wrong on this machine, and the one line that mends it."""
