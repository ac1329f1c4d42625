"""Remembers that a home refused to open, until its log can be told [2.6].

The log is signed with a key that a wrong passphrase does not open, so the refusal itself cannot be
recorded there. It is noted in a file, and the next opening records how many there were.
"""

import os
from contextlib import suppress
from datetime import datetime
from typing import Final

from strongroom.home.layout import FILE_MODE, Layout

_NAME: Final = "refused"
_MAX_BYTES: Final = 64 * 1024


def add(home: Layout, now: datetime) -> None:
    """Note one refusal; a full disk must not hide why the home did not open."""
    path = home.logs / _NAME
    with suppress(OSError):
        if path.exists() and path.stat().st_size >= _MAX_BYTES:
            return
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)
        with os.fdopen(handle, "wb") as file:
            file.write(now.isoformat().encode() + b"\n")
            file.flush()
            os.fsync(handle)


def count(home: Layout) -> int:
    """Return how many refusals are noted."""
    try:
        return (home.logs / _NAME).read_bytes().count(b"\n")
    except OSError:
        return 0


def clear(home: Layout) -> None:
    """Forget them, once the log holds their number."""
    with suppress(OSError):
        (home.logs / _NAME).unlink(missing_ok=True)
