"""What a load test asks: prompts drawn from a seed or read from a file.

`open.open_dataset` makes a `dataset.Dataset` of a `wish.DataWish`; everything in it is the same again for the same
seed, on every version of Python (`draw`).
"""
