"""Figures of a run, computed from its records and nothing else: pure functions, plain Python, no I/O.

`definitions` says in words what each figure is; `summary.summarize` computes them all.
"""
