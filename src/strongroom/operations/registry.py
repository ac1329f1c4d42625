"""The table of operations: who calls, whether the arguments fit, and which function it is.

The command line calls these itself when nothing serves the home, and through the control socket when
something does; both come through `run`, which finds out who calls and checks the arguments' types.
Rules are not here: each operation calls the room that holds them.
"""

import inspect
import types
import typing
import uuid
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

from strongroom.app import System
from strongroom.audit import Event, EventType, Outcome, Reason
from strongroom.errors import Denied, Malformed, Tampered
from strongroom.operations.witnessed import WITNESSED
from strongroom.request import TOLERANT, VERIFY, Json, Progress, Request, instant
from strongroom.terms import SYSTEM, Caller, RecordNumber, SellerId

_M = TypeVar("_M", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, when, and where progress is told: things done and, where known, in all."""

    system: System
    caller: Caller
    now: datetime
    progress: Progress
    leaving: "Leaving"


@dataclass(slots=True)
class Leaving:
    """An answer on its way out: which records it tells of, and what became of it [2.6]."""

    system: System
    caller: Caller
    op: str
    req: str
    """Names the request in the events of the vault's door, too."""
    opened: set[RecordNumber] = field(default_factory=set)
    at_door: bool = False
    """The vault was asked."""

    def tell(self, *, left: bool) -> None:
        """Record whether the answer left; durable on return. Does nothing where it tells of no record."""
        if not (self.opened or self.at_door):
            return
        event = Event(
            EventType.EGRESS_DELIVERED,
            Outcome.SUCCESS if left else Outcome.FAILURE,
            self.caller,
            reason=None if left else Reason.UNREACHABLE,
            op=self.op,
            n=len(self.opened) if left else 0,
            req=self.req,
        )
        with self.system.database.write() as tx:
            self.system.audit.append(tx, event, now=self.system.clock())


@dataclass(frozen=True, slots=True)
class _Operation:
    function: Callable[..., Json]
    hints: Mapping[str, Any]
    required: frozenset[str]


_TABLE: Final[dict[str, _Operation]] = {}

_LARGEST: Final = 999_999_999
"""Of any number an operation takes: beyond it neither a column nor a span of days holds it."""


def run(system: System, request: Request, os_user: str, progress: Progress | None = None) -> Json:
    """Run one operation as `begin` does, for whoever prints the answer in this very process: it has left with that."""
    answer, leaving = begin(system, request, os_user, progress)
    leaving.tell(left=True)
    return answer


def begin(
    system: System, request: Request, os_user: str, progress: Progress | None = None
) -> tuple[Json, Leaving]:
    """Run one operation for the machine's user `os_user`, or for whom the request proves to be.

    Whoever carries the answer out then says what became of it.

    Raises:
        Malformed: no such operation, or arguments of other names or types.
        Unauthenticated: the credential is not that principal's, or the principal is frozen.
        Denied: the request chooses the time in a production home.
        Unavailable: too few witnesses saw it, where log.synchronous asks for them.

    """
    operation = _TABLE.get(request.operation)
    if operation is None:
        raise Malformed("no such operation")
    _check(operation, request.arguments)
    now = system.at(None if request.now is None else instant(request.now))
    caller = _caller(system, request, os_user, now)
    leaving = Leaving(system, caller, f"command.{request.operation}", str(uuid.uuid4()))
    call = Call(system, caller, now, progress or (lambda _done, _total: None), leaving)
    is_witnessed = request.operation in WITNESSED
    quorum = (
        system.quorum.witnessed(request.operation, caller, now) if is_witnessed else nullcontext()
    )
    try:
        with quorum:
            return operation.function(call, **request.arguments), leaving
    except Denied:
        raise  # before anything was opened, and the door has recorded it
    except Exception:
        # The door may have recorded a record as read whose value then was not there, did not open or was of no use.
        leaving.tell(left=False)
        raise


def names() -> frozenset[str]:
    """Return the name of every operation."""
    return frozenset(_TABLE)


def operation(name: str) -> Callable[[Callable[..., Json]], Callable[..., Json]]:
    """Register a function under a name: its keyword arguments are the operation's."""

    def register(function: Callable[..., Json]) -> Callable[..., Json]:
        parameters = dict(inspect.signature(function).parameters)
        parameters.pop("call")
        hints = typing.get_type_hints(function)
        _TABLE[name] = _Operation(
            function,
            {name: hints[name] for name in parameters},
            frozenset(n for n, p in parameters.items() if p.default is inspect.Parameter.empty),
        )
        return function

    return register


def member(kind: type[_M], name: str, what: str, *, but: _M | None = None) -> _M:
    """Return the member of an enumeration that a text names; `but` can't be named. Raises: Malformed."""
    allowed = {member.value: member for member in kind if member is not but}
    if name not in allowed:
        raise Malformed(f"no such {what}", hint=f"one of {', '.join(allowed)}")
    return allowed[name]


def sellers_of(system: System, wanted: list[str]) -> list[SellerId]:
    """Return the numbers of selling partners. Raises: Malformed where none is named."""
    if not wanted:
        raise Malformed("no seller is named")
    return [system.sellers.by_name(name).id for name in wanted]


def reason_of(call: Call, reason: str | None) -> str | None:
    """Return what the log keeps of a stated reason."""
    # The log takes no free text: it keeps an HMAC, against which a stated reason can be held later.
    return None if reason is None else call.system.audit.pseudonym("reason", reason)


def iso(at: datetime | None) -> str | None:
    """Return an instant as text."""
    return None if at is None else at.isoformat()


def _caller(system: System, request: Request, os_user: str, now: datetime) -> Caller:
    if not system.sound:
        if request.operation not in TOLERANT:
            raise Tampered("the audit log is not the one its signer vouched for")
        # Nothing can be recorded, so nobody is registered or checked; the service itself looks.
        if request.operation == VERIFY:
            return SYSTEM
    if request.as_name is None:
        found = system.accounts.console(os_user, now)
        system.alarms.acting.admit_console(found, now)
        return found
    return system.accounts.check_credential(request.as_name, request.credential or "", now)


def _check(operation: _Operation, arguments: Mapping[str, Any]) -> None:
    if operation.required - arguments.keys() or arguments.keys() - operation.hints.keys():
        raise Malformed("the operation takes other arguments")
    for name, value in arguments.items():
        if not _fits(value, operation.hints[name]):
            raise Malformed(f"argument {name} has another type")


def _fits(value: object, hint: Any) -> bool:  # noqa: ANN401 - a type
    if isinstance(hint, types.UnionType):
        return any(_fits(value, option) for option in typing.get_args(hint))
    if typing.get_origin(hint) is list:
        (inner,) = typing.get_args(hint)
        return isinstance(value, list) and all(_fits(item, inner) for item in value)
    # bool is an int to Python, and an answer to another question.
    fits = isinstance(value, hint) and (hint is bool or not isinstance(value, bool))
    return fits and not (isinstance(value, int) and abs(value) > _LARGEST)
