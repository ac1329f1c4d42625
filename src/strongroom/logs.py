"""The process's own log: JSON lines of typed happenings, nothing that anybody typed or sent [2.6].

It is for operators and separate from the audit log. An event is a member of `Happening`, its fields
are those of `_FIELDS` with bounded values; anything else is dropped. An error is its type and its
place, never its message or locals. What libraries log keeps its logger, level and place only: their
texts carry URLs, headers and bodies. `harden` keeps memory out of core dumps and debuggers.
"""

import asyncio
import ctypes
import logging
import re
import resource
import sys
import threading
import traceback
from collections.abc import Mapping, MutableMapping
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TextIO

import orjson
import structlog

from strongroom.errors import StrongroomError

FILE_NAME: Final = "strongroom.log"


class Happening(StrEnum):
    """Everything the process says about itself."""

    SERVE_STARTED = "serve.started"
    SERVE_STOPPING = "serve.stopping"
    SERVE_STOPPED = "serve.stopped"
    SCHEDULE_FAILED = "schedule.failed"
    DATABASE_FAILED = "database.failed"
    CONTROL_FAILED = "control.failed"
    CERTIFICATE_RENEWED = "certificate.renewed"
    CERTIFICATE_REFUSED = "certificate.refused"
    ALARM_OUTSIDE = "alarm.outside"
    ERROR_UNCAUGHT = "error.uncaught"
    LIBRARY_SPOKE = "library.spoke"


class Task(StrEnum):
    """The scheduled work that a happening can name."""

    SWEEP = "sweep"
    GUARD = "guard"
    CHECKPOINT = "checkpoint"
    HEARTBEAT = "heartbeat"
    CLOCK = "clock"
    DRIFT = "drift"
    CERTIFICATE = "certificate"
    WATCH = "watch"
    ALARM = "alarm"
    """Not work, but that something was raised which the log could not tell of."""
    NOTICES = "notices"
    FEEDS = "feeds"
    ANCHORS = "anchors"
    CANARIES = "canaries"
    EGRESS = "egress"
    PRUNING = "pruning"
    REQUESTS = "requests"
    EVIDENCE = "evidence"
    INCIDENTS = "incidents"
    DOCUMENTS = "documents"
    SYNC = "sync"
    NOTIFICATIONS = "notifications"
    BACKUPS = "backups"
    COPIES = "copies"
    DATES = "dates"
    ROOT = "root"
    CHECKS = "checks"


_NAMES: Final = frozenset(happening.value for happening in Happening)
_FIELDS: Final = frozenset(
    {
        "level",
        "at",
        "event",
        "error",
        "place",
        "causes",
        "logger",
        "port",
        "pid",
        "task",
        "thread",
        "code",
        "alarm",
        "target",
    }
)
_BOUNDED: Final = re.compile(r"[A-Za-z0-9_.:/<> -]{1,200}")
_MAX_CAUSES: Final = 5
_PR_SET_DUMPABLE: Final = 4


def configure(stream: TextIO) -> None:
    """Send our own happenings and every library's log to `stream`, one JSON object a line."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            _typed_only,
            _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    root.addHandler(_Fence())
    root.setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(logging.WARNING)
    # Nothing below warnings exists, so no library spends time on, or keeps, a debug text.
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False
    sys.excepthook = _uncaught
    sys.unraisablehook = _unraisable
    threading.excepthook = _uncaught_in_thread


def say(happening: Happening, **fields: int | str) -> None:
    """Write one happening."""
    structlog.get_logger().info(happening.value, **fields)


def say_alarm(kind: str, target: str) -> None:
    """Write that an alarm was raised which the audit log may not be able to tell of."""
    structlog.get_logger().error(Happening.ALARM_OUTSIDE.value, alarm=kind, target=target)


def say_error(happening: Happening, error: BaseException, **fields: int | str) -> None:
    """Write one happening with the type and place of an error, and of what caused it."""
    structlog.get_logger().error(happening.value, **reduced(error), **fields)


def reduced(error: BaseException) -> dict[str, Any]:
    """Return what may be told of an error: types and places, outermost first; never a message."""
    found: dict[str, Any] = {"error": _type(error), "place": _place(error.__traceback__)}
    causes: list[str] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and len(causes) < _MAX_CAUSES:
        causes.append(f"{_type(cause)} at {_place(cause.__traceback__)}")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, BaseExceptionGroup):
        causes += [f"{_type(e)} at {_place(e.__traceback__)}" for e in error.exceptions]
    return {**found, "causes": causes[:_MAX_CAUSES]} if causes else found


def handle_loop_error(loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """Take what asyncio would print with its message and its repr of a task; for `loop`."""
    del loop
    error = context.get("exception")
    if isinstance(error, BaseException):
        say_error(Happening.ERROR_UNCAUGHT, error)
    else:
        structlog.get_logger().error(Happening.LIBRARY_SPOKE.value, logger="asyncio")


def harden(*, production: bool) -> None:
    """Forbid core dumps, and in production also ptrace and /proc reads by the same user.

    A debugger is of use where the data is made up, so homes for tests stay dumpable.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if production and sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


class _Fence(logging.Handler):
    """Lets a library say that it spoke, at which level and from where."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {
            "logger": record.name,
            "place": f"{Path(record.pathname).name}:{record.lineno}",
        }
        if record.exc_info and record.exc_info[1] is not None:
            fields |= reduced(record.exc_info[1])
        say_at = structlog.get_logger()
        method = say_at.error if record.levelno >= logging.ERROR else say_at.warning
        method(Happening.LIBRARY_SPOKE.value, **fields)


def _typed_only(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    if event.get("event") not in _NAMES:
        raise structlog.DropEvent
    return {key: _bounded(value) for key, value in event.items() if key in _FIELDS}


def _bounded(value: object) -> object:
    if isinstance(value, list):
        return [_bounded(item) for item in value]
    if isinstance(value, int) or (isinstance(value, str) and _BOUNDED.fullmatch(value)):
        return value
    return "<dropped>"


def _render(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return orjson.dumps(event, option=orjson.OPT_SORT_KEYS).decode()


def _type(error: BaseException) -> str:
    kind = type(error)
    # Ours are told by name alone; of others the module says whose they are.
    return (
        kind.__name__
        if isinstance(error, StrongroomError)
        else f"{kind.__module__}.{kind.__qualname__}"
    )


def _place(trace: TracebackType | None) -> str:
    """Return the innermost place, as our file where one of ours is on the stack."""
    frames = traceback.StackSummary.extract(traceback.walk_tb(trace), lookup_lines=False)
    if not frames:
        return "unknown"
    ours = [frame for frame in frames if "/strongroom/" in frame.filename]
    frame = (ours or list(frames))[-1]
    name = frame.filename.rpartition("/strongroom/")[2] if ours else Path(frame.filename).name
    return f"{name}:{frame.lineno} in {frame.name}"


def _uncaught(
    _kind: type[BaseException], error: BaseException, _trace: TracebackType | None
) -> None:
    try:
        say_error(Happening.ERROR_UNCAUGHT, error)
    except Exception:  # noqa: BLE001 - Python would print the first error, message and all
        sys.stderr.write("an error could not be logged\n")


def _unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    if unraisable.exc_value is not None:
        _uncaught(unraisable.exc_type, unraisable.exc_value, None)


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        _uncaught(args.exc_type, args.exc_value, None)
