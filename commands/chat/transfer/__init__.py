"""Threads to files and back: `export` writes one, `importing` reads ours and those of other programs."""
