"""Findings about a model's files: its config, its weights, its tokenizer. Weights are never read, headers are."""
