"""Where a copy of the log lies: a directory, or a server that takes files by PUT.

A place reads and writes files by name and knows nothing of what is in them. A file appears whole or not at all; on a
directory it is on the disk when `write` returns.
"""

import os
import stat
from pathlib import Path
from typing import Final, Protocol

from strongroom.anchors.rows import Failed
from strongroom.anchors.witness import send
from strongroom.audit import Reason
from strongroom.audit.export import put, sync
from strongroom.outbound import Outbound

MAX_FILE_BYTES: Final = 2 * 1024 * 1024
"""Of anything that is read there: 256 of the largest entries are half as much."""

_OK: Final = 200
_WRITTEN: Final = frozenset({200, 201, 204})
_ABSENT: Final = frozenset({404, 410})
_DENIED: Final = frozenset({401, 403})


class Place(Protocol):
    """Files by name. Every call raises `Failed` where the place can't be used."""

    def read(self, name: str) -> bytes | None:
        """Return a file, None where there is none."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Put a file there."""
        ...


class Directory:
    """A directory of this machine, or one that is mounted from another."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str) -> bytes | None:
        """Return a file, None where there is none. Raises: Failed."""
        try:
            # A pipe would have the one who opens it wait for a writer.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            handle = os.open(self._path / name, flags)
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise Failed(Reason.UNREACHABLE)
                return file.read(MAX_FILE_BYTES)
        except FileNotFoundError:
            # What is not mounted would otherwise look like a place that lost everything.
            if not self._path.is_dir():
                raise Failed(Reason.UNREACHABLE) from None
            return None
        except OSError as exc:
            raise Failed(Reason.UNREACHABLE) from exc

    def write(self, name: str, content: bytes) -> None:
        """Put a file there, for its owner alone. Raises: Failed."""
        path = self._path / name
        try:
            for parent in reversed(path.relative_to(self._path).parents[:-1]):
                (self._path / parent).mkdir(mode=0o700, exist_ok=True)
            put(path, content)
            sync(path.parent)
        except OSError as exc:
            raise Failed(Reason.UNREACHABLE) from exc


class Server:
    """A server of HTTPS that answers GET and takes PUT below one address."""

    def __init__(self, outbound: Outbound, address: str, token: str) -> None:
        self._outbound = outbound
        self._address = address
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    def __repr__(self) -> str:
        return "<server of files>"

    def read(self, name: str) -> bytes | None:
        """Return a file, None where there is none. Raises: Failed."""
        answer = send(self._outbound, "GET", f"{self._address}/{name}", None, self._headers)
        if answer.status in _ABSENT:
            return None
        self._refuse(answer.status, frozenset({_OK}))
        return answer.body

    def write(self, name: str, content: bytes) -> None:
        """Put a file there. Raises: Failed."""
        headers = {**self._headers, "content-type": "application/octet-stream"}
        answer = send(self._outbound, "PUT", f"{self._address}/{name}", content, headers)
        self._refuse(answer.status, _WRITTEN)

    def _refuse(self, status: int, wanted: frozenset[int]) -> None:
        if status not in wanted:
            denied = status in _DENIED
            raise Failed(Reason.NOT_AUTHORIZED if denied else Reason.UPSTREAM_ERROR)
