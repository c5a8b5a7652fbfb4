"""A Hub on loopback for these tests."""

from __future__ import annotations

from tests.hub_fixtures import environ, hub, weights

__all__ = ["environ", "hub", "weights"]
