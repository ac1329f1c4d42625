"""Worlds and gateways to break into: those of the rooms' own tests, under their own names."""

from __future__ import annotations

from tests.gateway.conftest import clean_simulator, make_door, shop, simulator
from tests.vault.conftest import make_world, sqlite_world

__all__ = ["clean_simulator", "make_door", "make_world", "shop", "simulator", "sqlite_world"]
