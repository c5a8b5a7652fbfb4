"""Tests of `sgl.layers`."""
