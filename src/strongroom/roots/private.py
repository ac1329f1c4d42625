"""Reads what opens a provider from its file: a PIN, a token, and the authority that a server's certificate needs."""

import os
import stat
from pathlib import Path
from typing import Final

from strongroom.errors import Misconfigured

_LONGEST: Final = 16 * 1024
_OTHERS: Final = 0o077


def read_private(path: Path, what: str) -> str:
    """Return the text of a secret's file without its line end; the file is for its owner alone.

    A link is followed, as whoever renews tokens lays them down by links; what it leads to is looked at.

    Raises:
        Misconfigured: it cannot be read, is open to others, empty, too long, or no text.

    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode) or mode & _OTHERS:
                raise Misconfigured(
                    f"{what}: {path} is open to others than its owner", hint=f"chmod 600 {path}"
                )
            raw = file.read(_LONGEST + 1)
    except OSError as exc:
        raise Misconfigured(f"{what}: {path} cannot be read: {exc.strerror}") from None
    try:
        text = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise Misconfigured(f"{what}: {path} is not UTF-8") from None
    if not text or len(raw) > _LONGEST or not text.isprintable():
        raise Misconfigured(f"{what}: {path} holds no single line of text")
    return text


def read_authority(path: Path | None) -> str | None:
    """Return the PEM text to trust alone, None for the public roots. Raises: Misconfigured."""
    if path is None:
        return None
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        raise Misconfigured(f"the authority in {path} cannot be read") from None
