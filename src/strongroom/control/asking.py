"""How a command speaks to the process that has the home open, and how both sides write a line.

While an operation runs, lines `{"progress": [done, total]}` may come first; the last line is `{"result": …}` or
`{"error": {"kind", "message", "hint"}}`. Nothing of a line is logged.
"""

import os
import pwd
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Final

import orjson

from strongroom import errors
from strongroom.errors import Conflict, StrongroomError, Unavailable
from strongroom.home.layout import Layout
from strongroom.request import Json, Progress, Request

_MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024

_KINDS: Final[dict[str, type[StrongroomError]]] = {
    kind.__name__: kind
    for kind in (
        errors.Malformed,
        errors.Unauthenticated,
        errors.Denied,
        errors.NotFound,
        errors.Conflict,
        errors.Gone,
        errors.Throttled,
        errors.Tampered,
        errors.Unavailable,
        errors.Misconfigured,
    )
}


def is_served(home: Layout) -> bool:
    """Say whether a process serves the home and listens to commands."""
    with _connected(home) as connection:
        return connection is not None


def ask(home: Layout, request: Request, progress: Progress) -> Json | None:
    """Return what the process serving the home answers; None where none listens.

    Raises:
        StrongroomError: the operation's own, of the same kind.
        Unavailable: the process went away before it answered; what was asked may have happened.

    """
    with _connected(home) as connection:
        if connection is None:
            return None
        try:
            connection.sendall(line_of(asdict(request)))
            with connection.makefile("rb") as answers:
                while line := answers.readline(_MAX_ANSWER_BYTES):
                    answer = orjson.loads(line)
                    if "progress" in answer:
                        progress(*answer["progress"])
                    elif "error" in answer:
                        raise _rebuilt(answer["error"])
                    else:
                        result: Json = answer["result"]
                        return result
        except OSError as exc:
            raise Unavailable(f"control socket: {exc.strerror}") from None
    raise Unavailable("the serving process went away before it answered")


def describe(error: StrongroomError) -> Json:
    """Return an error as the JSON that commands print."""
    kind = next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _KINDS)
    return {"kind": kind, "message": error.message, "hint": error.hint}


def os_user(uid: int) -> str:
    """Return the name of an operating system user."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid-{uid}"


def _rebuilt(described: Json) -> StrongroomError:
    kind = _KINDS.get(described["kind"], Unavailable)
    return kind(described["message"], hint=described["hint"])


def line_of(document: Json) -> bytes:
    """Return a document as one line of the protocol."""
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)


@contextmanager
def _connected(home: Layout) -> Iterator[socket.socket | None]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            with short_path(home) as path:
                connection.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            yield None
            return
        except PermissionError:
            raise Conflict(
                f"home {home.root} is served by another user", hint="become that user"
            ) from None
        except OSError as exc:
            raise Unavailable(f"control socket: {exc.strerror}") from None
        yield connection


@contextmanager
def short_path(home: Layout) -> Iterator[str]:
    """Give a path to the socket that fits its 108 bytes however deep the home lies."""
    plain = str(home.control)
    if len(plain.encode()) < 100 or not sys.platform.startswith("linux"):  # noqa: PLR2004
        yield plain
        return
    handle = os.open(home.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{home.control.name}"
    finally:
        os.close(handle)
