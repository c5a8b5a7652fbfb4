"""Probes: from what a machine answers to typed facts. They judge nothing."""
