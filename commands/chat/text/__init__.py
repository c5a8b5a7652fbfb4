"""What is done to a model's text while it streams; every tool here gives the same for any cut into chunks."""
