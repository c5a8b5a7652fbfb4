"""How the weights of one product lie in a checkpoint, are held, and become a way to multiply."""
