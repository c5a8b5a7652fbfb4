"""Measurements: sgl beside other engines, and where its own time goes. See README.md in this folder."""
