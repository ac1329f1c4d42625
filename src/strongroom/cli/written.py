"""Files that commands take along and bring back: texts people wrote, evidence, packages."""

import base64
import contextlib
import os
import sys
from pathlib import Path
from typing import Final

from strongroom.cli.session import Session
from strongroom.errors import Malformed
from strongroom.request import Json

_MOST: Final = 600 * 1024
"""Bytes of a file that a command takes along; a larger one goes through the desk."""


def file_of(path: Path) -> str:
    """Return a file in base64. Raises: Malformed: it is not there, or too long for a command."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST + 1)
    except OSError as exc:
        raise Malformed(f"the file can't be read: {os.strerror(exc.errno or 0)}") from None
    if len(content) > _MOST:
        raise Malformed("the file is longer than 600 KiB", hint="upload it on the desk")
    return base64.b64encode(content).decode("ascii")


def text_of(path: Path) -> str:
    """Return the text of a file; - is standard input. Raises: Malformed."""
    try:
        with (
            contextlib.nullcontext(sys.stdin.buffer) if path == Path("-") else path.open("rb") as f
        ):
            return f.read(_MOST).decode().strip()
    except OSError as exc:
        raise Malformed(f"the file can't be read: {os.strerror(exc.errno or 0)}") from None
    except UnicodeDecodeError:
        raise Malformed("the text is not valid Unicode") from None


def write_out(session: Session, out: Path, found: Json) -> None:
    """Write the file of an answer to a new one, and print the rest. Raises: Malformed."""
    content = base64.b64decode(found.pop("file"))
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    except OSError as exc:
        raise Malformed(f"the file of --out can't be made: {os.strerror(exc.errno or 0)}") from None
    session.say(found)
