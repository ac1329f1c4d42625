"""Tells whether a password is one of those that are guessed first: breached ones and common ones [1.4].

`passwords.txt.gz` beside this file holds them, in lower case and sorted, a line each; SOURCES.md says where they come
from and under which licences. `scripts/breached_passwords.py` makes it. Read once, when the first password is judged.
"""

import gzip
from functools import cache
from importlib.resources import files
from typing import Final

FILE: Final = "passwords.txt.gz"


def is_breached(text: str) -> bool:
    """Tell whether this text, in lower case, is on the list."""
    return text in passwords()


@cache
def passwords() -> frozenset[str]:
    """Return the list."""
    packed = files(__package__).joinpath(FILE).read_bytes()
    return frozenset(gzip.decompress(packed).decode().splitlines())
