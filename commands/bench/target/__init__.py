"""The server under test: how to reach it, what it says about itself, its metrics and its cache."""
