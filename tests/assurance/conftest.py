"""Worlds on both engines: those of the vault's own tests."""

from tests.vault.conftest import world

__all__ = ["world"]
