"""One call of ``sgl bench`` from its first look for a server to its exit code."""
