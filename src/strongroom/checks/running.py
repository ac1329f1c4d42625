"""Runs the checks of an open home: those that are due, or those of one duty, and keeps what each found [2.2, 3].

Each looks in a thread of its own. One that raises or does not end is `unknown`, with the kind of its error and never
its words, and stops no other. They run one after the other, so that the doors stay quick.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from strongroom import logs
from strongroom.app import System
from strongroom.audit import Event, EventType, ObjKind, Outcome
from strongroom.checks.all import CHECKS
from strongroom.checks.check import Check, unknown
from strongroom.compliance.findings import Looked
from strongroom.compliance.overseen import DutyId, Finding, Verdict
from strongroom.errors import NotFound
from strongroom.request import Progress
from strongroom.terms import SYSTEM, Caller

SECONDS: Final = 30.0
"""How long one check may look."""

_SLICE_SECONDS: Final = 0.1

PAUSE_SECONDS: Final = 0.05
"""Between two scheduled checks: the doors come first."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run found: how many checks looked, and what each said."""

    checks: int
    found: tuple[Looked, ...]

    def of(self, verdict: Verdict) -> int:
        """Return how many checks found this."""
        return len({one.check for one in self.found if one.finding.verdict is verdict})


class Checks:
    """The checks of one open home. Safe between threads; what was found is durable on return, with an event a run."""

    def __init__(
        self,
        system: System,
        checks: Sequence[Check] = CHECKS,
        *,
        seconds: float = SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._system = system
        self._checks = tuple(checks)
        self._seconds = seconds
        self._sleep = sleep
        self._hanging: dict[str, threading.Thread] = {}
        self._turn = threading.Lock()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Begin no further check."""
        self._stopped.set()

    def follow(self, now: datetime) -> Ran:
        """Run the checks that are due by what was kept of them, one after the other with a pause."""
        seen = self._system.compliance.findings.seen()
        due = [one for one in self._checks if one.id not in seen or _is_due(one, seen[one.id], now)]
        return self._run(due, SYSTEM, now, "scheduled", pause=PAUSE_SECONDS)

    def run(
        self,
        caller: Caller,
        now: datetime,
        *,
        duty: DutyId | None = None,
        progress: Progress = lambda _done, _total: None,
    ) -> Ran:
        """Run every check, or those of one duty, at once. Raises: NotFound: no check looks at it."""
        wanted = [one for one in self._checks if duty is None or duty in one.duties]
        if not wanted:
            raise NotFound(f"no check looks at duty {duty}")
        return self._run(wanted, caller, now, "asked", progress=progress)

    def again(self, duty: DutyId, caller: Caller, now: datetime) -> None:
        """Run the checks of one duty, for `Findings.looks_with`. Raises: NotFound."""
        self.run(caller, now, duty=duty)

    # -- private ---------------------------------------------------------------------------------

    def _run(
        self,
        checks: Sequence[Check],
        caller: Caller,
        now: datetime,
        op: str,
        *,
        pause: float = 0.0,
        progress: Progress = lambda _done, _total: None,
    ) -> Ran:
        if not checks:
            return Ran(0, ())
        beside = _beside(self._checks)
        found: list[Looked] = []
        looked = 0
        with self._turn:
            for number, check in enumerate(checks):
                if self._stopped.is_set():
                    break
                progress(number, len(checks))
                finding = replace(self._look(check, now), seen_at=now)
                if self._stopped.is_set():
                    break
                kept = [
                    Looked(duty, check.id, finding, now + check.good_for, beside[duty])
                    for duty in check.duties
                ]
                # One by one: what was found is there even where the next one stops the machine.
                self._system.compliance.findings.keep(kept)
                found += kept
                looked += 1
                if pause:
                    self._sleep(pause)
        ran = Ran(looked, tuple(found))
        self._record(ran, caller, now, op)
        return ran

    def _look(self, check: Check, now: datetime) -> Finding:
        before = self._hanging.get(check.id)
        if before is not None and before.is_alive():
            return _unfinished(check, self._seconds)
        said: list[Finding] = []

        def look() -> None:
            try:
                said.append(check.look(self._system, now))
            except Exception as exc:  # noqa: BLE001 - whatever it is, nobody knows then
                logs.say_error(logs.Happening.SCHEDULE_FAILED, exc, task=logs.Task.CHECKS.value)
                why = f"{check.id} could not look: {type(exc).__name__}"
                said.append(unknown(why, "the process's log says where; `strongroom doctor`"))

        thread = threading.Thread(target=look, name=f"check {check.id}", daemon=True)
        thread.start()
        deadline = time.monotonic() + self._seconds
        while thread.is_alive() and time.monotonic() < deadline and not self._stopped.is_set():
            thread.join(_SLICE_SECONDS)
        if said:
            self._hanging.pop(check.id, None)
            return said[0]
        self._hanging[check.id] = thread
        return _unfinished(check, self._seconds)

    def _record(self, ran: Ran, caller: Caller, now: datetime, op: str) -> None:
        failing = ran.of(Verdict.FAIL)
        event = Event(
            EventType.DUTY_CHECKED,
            Outcome.FAILURE if failing else Outcome.SUCCESS,
            caller,
            op=f"{op}.{ran.checks}",
            obj_kind=ObjKind.HOME,
            obj_ref=self._system.settings.home_id,
            n=failing,
        )
        self._system.audit.record(event, now=now)


def _beside(checks: Iterable[Check]) -> dict[DutyId, tuple[str, ...]]:
    found: dict[DutyId, tuple[str, ...]] = {}
    for check in checks:
        for duty in check.duties:
            found[duty] = (*found.get(duty, ()), check.id)
    return found


def _is_due(check: Check, seen_at: datetime, now: datetime) -> bool:
    # A clock that was set back leaves findings of the future: they are looked at again.
    return seen_at > now or now - seen_at >= check.every


def _unfinished(check: Check, seconds: float) -> Finding:
    why = f"{check.id} did not end within {seconds:g} seconds"
    return unknown(why, "what it looks at may hang; `strongroom doctor`")
