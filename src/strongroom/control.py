"""How commands speak to the process that has the home open: one line of JSON each way, over a socket.

The socket lies in the home, mode 0600, and takes only the home's owner and root, by what the kernel
says of the peer. While an operation runs, lines `{"progress": [done, total]}` may come first; the
last line is `{"result": …}` or `{"error": {"kind", "message", "hint"}}`. Nothing of a line is logged.
"""

import asyncio
import os
import pwd
import socket
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any, Final

import orjson

from strongroom import errors, logs, operations
from strongroom.accounts import ANONYMOUS
from strongroom.app import System
from strongroom.audit import Event, EventType, ObjKind, Outcome, Reason
from strongroom.errors import Conflict, StrongroomError, Unavailable
from strongroom.home import Layout
from strongroom.operations import Json, Leaving, Progress, Request

MAX_REQUEST_BYTES: Final = 1024 * 1024
_MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024
_READ_SECONDS: Final = 10.0
_OPTIONAL: Final = ("as_name", "credential", "now")
_PROGRESS_SECONDS: Final = 0.1

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


class ControlServer:
    """Answers commands inside `serve`. Each runs in a thread: the rooms are safe between threads."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._owner = system.home.root.stat().st_uid
        self._server: asyncio.Server | None = None
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def start(self) -> None:
        """Listen. Raises: Unavailable."""
        listener = _listen(self._system.home)
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listener, limit=MAX_REQUEST_BYTES
        )

    async def stop(self) -> None:
        """Take no more commands, let those that run finish, and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        await self._idle.wait()
        with suppress(FileNotFoundError):
            self._system.home.control.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._running += 1
        self._idle.clear()
        try:
            uid = _peer(writer.get_extra_info("socket").fileno())
            if uid in (self._owner, 0):
                async with asyncio.timeout(_READ_SECONDS):
                    line = await reader.readline()
                answer, leaving = await self._answer(line, uid, writer)
                try:
                    writer.write(answer)
                    await writer.drain()
                finally:
                    if leaving is not None:
                        # The command waits with its end open; one that is gone has closed it.
                        left = not (reader.at_eof() or writer.is_closing())
                        await asyncio.to_thread(leaving.tell, left=left)
            else:
                await asyncio.to_thread(self._record_stranger, uid)
        except (OSError, TimeoutError, ValueError):
            pass  # the peer went away, said nothing, or too much
        except Exception as exc:  # noqa: BLE001 - one command's failure is not the others'
            logs.say_error(logs.Happening.CONTROL_FAILED, exc)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            self._running -= 1
            if self._running == 0:
                self._idle.set()

    async def _answer(
        self, line: bytes, uid: int, writer: asyncio.StreamWriter
    ) -> tuple[bytes, Leaving | None]:
        loop = asyncio.get_running_loop()
        told = 0.0

        def tell(done: int, total: int | None) -> None:
            nonlocal told
            if time.monotonic() - told >= _PROGRESS_SECONDS:
                told = time.monotonic()
                loop.call_soon_threadsafe(writer.write, _line({"progress": [done, total]}))

        try:
            request = _request(line)
            result, leaving = await asyncio.to_thread(self._run, request, uid, tell)
            return _line({"result": result}), leaving
        except StrongroomError as exc:
            return _line({"error": describe(exc)}), None
        except Exception as exc:  # noqa: BLE001 - told without its message
            logs.say_error(logs.Happening.CONTROL_FAILED, exc)
            failure = Unavailable("the command failed inside `serve`", hint="its log says where")
            return _line({"error": describe(failure)}), None

    def _record_stranger(self, uid: int) -> None:
        """Record that another user of the machine came this far: the home's mode should forbid it."""
        system = self._system
        event = Event(
            EventType.CREDENTIAL_CHECKED,
            Outcome.DENIED,
            ANONYMOUS,
            reason=Reason.WRONG_CREDENTIAL,
            obj_kind=ObjKind.PRINCIPAL,
            obj_ref=system.audit.pseudonym("uid", str(uid)),
        )
        system.audit.record(event, now=system.clock())

    def _run(self, request: Request, uid: int, tell: Progress) -> tuple[Json, Leaving]:
        return operations.begin(self._system, request, os_user(uid), tell)


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
            connection.sendall(_line(asdict(request)))
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


def _request(line: bytes) -> Request:
    try:
        fields: Any = orjson.loads(line)
        request = Request(**fields)
    except (orjson.JSONDecodeError, TypeError):
        raise errors.Malformed("this is not a control request") from None
    texts = [fields["operation"], *(fields.get(name) or "" for name in _OPTIONAL)]
    if not isinstance(fields["arguments"], dict) or not all(isinstance(t, str) for t in texts):
        raise errors.Malformed("this is not a control request")
    return request


def _line(document: Json) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)


def _listen(home: Layout) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Ours to remove: the home's lock is held, so nobody listens on it.
        home.control.unlink(missing_ok=True)
        with _short_path(home) as path:
            listener.bind(path)
        home.control.chmod(0o600)
        listener.listen(16)
        listener.setblocking(False)  # noqa: FBT003 - the standard library's own form
    except OSError as exc:
        listener.close()
        raise Unavailable(f"{home.control} cannot be made: {exc.strerror}") from None
    return listener


@contextmanager
def _connected(home: Layout) -> Iterator[socket.socket | None]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            with _short_path(home) as path:
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
def _short_path(home: Layout) -> Iterator[str]:
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


def _peer(handle: int) -> int:
    """Return the user at the other end, as the kernel knows it."""
    connection = socket.socket(fileno=os.dup(handle))
    with connection:
        if sys.platform.startswith("linux"):
            raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            _pid, uid, _gid = struct.unpack("3i", raw)
        else:
            # struct xucred of the BSDs: version, user, groups.
            _version, uid = struct.unpack("2I", connection.getsockopt(0, 1, 76)[:8])
    return int(uid)
