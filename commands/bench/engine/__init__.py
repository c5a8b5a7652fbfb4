"""Measurements of sgl's own engine, without a load on a server: offline throughput, single steps, starts.

The only part of the bench that computes: torch is imported when `one_batch` runs, and nowhere else in it.
"""
