"""The recipe of the built-in demonstration model: its corpus, tokenizer, training and evaluation. See README.md."""
