"""Finds known values where they must not be: in bytes, and in every file below a directory [2.6]."""

from strongroom.leaks.needles import SHORTEST_BYTES, Hit, Needles, Stream
from strongroom.leaks.search import FileHit, search_tree

__all__ = ["SHORTEST_BYTES", "FileHit", "Hit", "Needles", "Stream", "search_tree"]
