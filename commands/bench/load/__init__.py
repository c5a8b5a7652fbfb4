"""Puts a load on a server: schedules, loops, processes, and whether the client itself was in the way."""
