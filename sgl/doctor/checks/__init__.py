"""Checks: pure functions from facts to findings, one file for each noun."""
