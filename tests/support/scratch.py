"""Where tests keep their files: in memory where there is some, since most of a test's time was waiting for a disk."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ENOUGH_BYTES = 3 * 1024**3


def place() -> Path:
    """Return the directory below which tests make theirs; `PYTEST_DEBUG_TEMPROOT`, where set, is it."""
    if named := os.environ.get("PYTEST_DEBUG_TEMPROOT"):
        return Path(named)
    if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ENOUGH_BYTES:
        return _MEMORY
    return Path(tempfile.gettempdir())
