"""A home that nobody serves, to look around from."""

from tests.attacks.conftest import made_home, offline

__all__ = ["made_home", "offline"]
