"""Reads tokens where an app sees them, and puts values back, to compare with Amazon's own answer.

Everything here follows docs/formats/token.md and uses no key: it is what anybody can read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TOKEN = re.compile(rf"ST[{ALPHABET}]{{18}}")
_EMAIL = re.compile(rf"(st[{ALPHABET.lower()}]{{18}})@token\.invalid")
_URL = re.compile(rf"https://token\.invalid/(ST[{ALPHABET}]{{18}})")


def token_of(value: object) -> str | None:
    """Return the token that a leaf is, in whatever rendering; None where it is something else."""
    if not isinstance(value, str):
        return None
    if _TOKEN.fullmatch(value):
        return value
    found = _EMAIL.fullmatch(value) or _URL.fullmatch(value)
    return found[1].upper() if found else None


def record_of(token: str) -> int:
    """Return the record number that a token carries."""
    return _number(token[2:10])


def slot_of(token: str) -> int:
    """Return the slot number that a token carries."""
    return _number(token[10:12])


def tokens_in(document: object) -> set[str]:
    """Return every token in a document."""
    return {token for _, leaf in leaves(document) if (token := token_of(leaf)) is not None}


def leaves(document: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Yield every leaf with its path; list positions are part of it."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield from leaves(value, f"{path}.{name}" if path else name)
    elif isinstance(document, list):
        for position, value in enumerate(document):
            yield from leaves(value, f"{path}[{position}]")
    else:
        yield path, document


def restored(document: Any, values: Mapping[str, object]) -> Any:
    """Return the document with each token replaced by its value; an unknown token stays."""
    if isinstance(document, dict):
        return {name: restored(value, values) for name, value in document.items()}
    if isinstance(document, list):
        return [restored(value, values) for value in document]
    token = token_of(document)
    return document if token is None else values.get(token, document)


def differences(ours: Any, amazons: Any, path: str = "") -> Iterator[str]:
    """Yield where a restored document is not Amazon's; a leaf that only Amazon shows as `-PATH`.

    Of two values that differ the message names the place only, unless ours is a token still.
    """
    if isinstance(ours, dict) and isinstance(amazons, dict):
        for name in ours.keys() | amazons.keys():
            here = f"{path}.{name}" if path else name
            if name not in ours:
                # A container that is gone for good reason is told by its leaves.
                yield from (f"-{inner}" for inner, _ in leaves(amazons[name], here))
            elif name not in amazons:
                yield f"+{here}"
            else:
                yield from differences(ours[name], amazons[name], here)
    elif isinstance(ours, list) and isinstance(amazons, list) and len(ours) == len(amazons):
        for position, (one, other) in enumerate(zip(ours, amazons, strict=True)):
            yield from differences(one, other, f"{path}[{position}]")
    elif ours != amazons:
        yield f"!{path}: {'unresolved token' if token_of(ours) else 'another value'}"


def plain_path(path: str) -> str:
    """Return a path without list positions, to hold it against what a model says."""
    return re.sub(r"\[\d+\]", "[]", path)


def _number(characters: str) -> int:
    number = 0
    for character in characters:
        number = number * 32 + ALPHABET.index(character)
    return number
