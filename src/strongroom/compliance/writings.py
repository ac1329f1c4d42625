"""Keeps what people write about incidents, risks and requests sealed: their words may name somebody [2.4, 2.6].

A text lies under a key of the keystore and is bound to its table, row and column, so that no copy of the database
shows it and none can be moved to stand elsewhere.
"""

import os
from typing import Final

from strongroom.crypto.derive import aad, derive
from strongroom.crypto.envelope import Entropy, open_, seal
from strongroom.errors import Malformed
from strongroom.terms import Environment

LONGEST_TEXT: Final = 20_000
"""Characters of one text."""


class Writings:
    """Seals and opens texts and files of one home."""

    def __init__(
        self, key: bytes, environment: Environment, *, entropy: Entropy = os.urandom
    ) -> None:
        self._key = derive(key, "strongroom/writing/v1", environment)
        self._environment = environment
        self._entropy = entropy

    def __repr__(self) -> str:
        return "<writings>"

    def seal(self, place: str, row: str | int, text: str) -> bytes:
        """Return a text sealed for one column of one row; `place` is `table.column`. Raises: Malformed: too long."""
        if len(text) > LONGEST_TEXT:
            raise Malformed(f"a text has up to {LONGEST_TEXT:,} characters")
        return self.seal_bytes(place, row, text.encode())

    def open(self, place: str, row: str | int, sealed: bytes) -> str:
        """Return what `seal` sealed. Raises: Tampered: altered, or from another place."""
        return self.open_bytes(place, row, sealed).decode()

    def seal_bytes(self, place: str, row: str | int, content: bytes) -> bytes:
        """Return a file's bytes sealed for one column of one row."""
        return seal(self._key, content, context=self._context(place, row), entropy=self._entropy)

    def open_bytes(self, place: str, row: str | int, sealed: bytes) -> bytes:
        """Return what `seal_bytes` sealed. Raises: Tampered."""
        return open_(self._key, sealed, context=self._context(place, row), name=f"a {place}")

    def _context(self, place: str, row: str | int) -> bytes:
        return aad("strongroom/writing/v1", self._environment, place, str(row))
