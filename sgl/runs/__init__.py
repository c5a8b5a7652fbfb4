"""Servers that run on this machine: who they are, where they listen, what they log."""
