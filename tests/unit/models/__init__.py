"""Tests of `sgl.models`."""
