"""Answers commands inside the process that has the home open.

The socket lies in the home, mode 0600, and takes only the home's owner and root, by what the kernel
says of the peer. Nothing of a line is logged.
"""

import asyncio
import os
import socket
import struct
import sys
import time
from contextlib import suppress
from typing import Any, Final

import orjson

from strongroom import errors, logs, operations
from strongroom.accounts import ANONYMOUS
from strongroom.app import System
from strongroom.audit import Event, EventType, ObjKind, Outcome, Reason
from strongroom.control.asking import describe, line_of, os_user, short_path
from strongroom.errors import StrongroomError, Unavailable
from strongroom.home import Layout
from strongroom.operations import Leaving
from strongroom.request import Json, Progress, Request

MAX_REQUEST_BYTES: Final = 1024 * 1024
_READ_SECONDS: Final = 10.0
_OPTIONAL: Final = ("as_name", "credential", "now")
_PROGRESS_SECONDS: Final = 0.1


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
                loop.call_soon_threadsafe(writer.write, line_of({"progress": [done, total]}))

        try:
            request = _request(line)
            result, leaving = await asyncio.to_thread(self._run, request, uid, tell)
            return line_of({"result": result}), leaving
        except StrongroomError as exc:
            return line_of({"error": describe(exc)}), None
        except Exception as exc:  # noqa: BLE001 - told without its message
            logs.say_error(logs.Happening.CONTROL_FAILED, exc)
            failure = Unavailable("the command failed inside `serve`", hint="its log says where")
            return line_of({"error": describe(failure)}), None

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


def _listen(home: Layout) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Ours to remove: the home's lock is held, so nobody listens on it.
        home.control.unlink(missing_ok=True)
        with short_path(home) as path:
            listener.bind(path)
        home.control.chmod(0o600)
        listener.listen(16)
        listener.setblocking(False)  # noqa: FBT003 - the standard library's own form
    except OSError as exc:
        listener.close()
        raise Unavailable(f"{home.control} cannot be made: {exc.strerror}") from None
    return listener


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
