"""Worlds on both engines: those of the vault's own tests."""

from tests.vault.conftest import make_world, sqlite_world, world

__all__ = ["make_world", "sqlite_world", "world"]
