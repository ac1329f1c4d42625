"""Keeps one kind of alarm from people for a while: raised, acted upon and recorded it is all the same [2.6].

Only what work itself can cause is muted, for days at most, and never what is critical. The log alone says what is
muted: no row that somebody could add silences anything. People are told of it as of any change of the alarms.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from strongroom.accounts.changes import changing
from strongroom.alarms import store
from strongroom.alarms.kinds import MUTE_OP, AlarmKind, Severity
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.db import suspensions
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Malformed
from strongroom.policy.grants import check_reason
from strongroom.policy.limits import LONGEST_MUTE, MUTE_WINDOW
from strongroom.terms import AuthMethod, Caller, PrincipalId, PrincipalKind

MUTABLE: Final = frozenset(
    {
        AlarmKind.UNAUTHORIZED_CALLS,
        AlarmKind.REQUEST_RATE,
        AlarmKind.SIGN_ON_ANOMALY,
    }
)
"""Never canaries, the boundary, the log and its witnesses, the clock, or the ways by which people hear of alarms. Nor
how much is read: that is how data leaves, whoever says that it is a test."""

_UNMUTE: Final = "unmute"


@dataclass(frozen=True, slots=True)
class Mute:
    """A kind of which nobody is told until then, and who said so, by number."""

    kind: AlarmKind
    since: datetime
    until: datetime
    by: PrincipalId


class Mutes:
    """What is muted in one home. Safe between threads; changes are durable on return, with their event.

    `administrators` returns the people who may administer at an instant, suspended ones left out.
    """

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        administrators: Callable[[datetime], Collection[PrincipalId]],
    ) -> None:
        self._database = database
        self._audit = audit
        self._administrators = administrators

    def mute(
        self, kind: AlarmKind, until: datetime, reason: str, caller: Caller, now: datetime
    ) -> Mute:
        """Tell nobody of this kind until then; said again, the later word counts.

        Raises:
            Conflict: alarms of this kind are never muted, or were for as long as may be of late.
            Malformed: the instant has passed or is too far off, or the reason could name a person.
            Denied: the caller may not, or an open alarm of this kind is about them or a program of theirs; recorded.

        """
        reason = check_reason(reason)
        if kind not in MUTABLE:
            raise Conflict(
                f"alarms of kind {kind} are never muted", hint=f"these may be: {_listed()}"
            )
        # The log has whole seconds.
        until = until.astimezone(UTC).replace(microsecond=0)
        if not now < until <= now + LONGEST_MUTE:
            raise Malformed(
                f"alarms are muted for {LONGEST_MUTE.days} days at most", hint="give --until"
            )
        self._change(kind, MUTE_OP, caller, now, until=until, reason=reason)
        return Mute(kind, now, until, caller.principal)

    def unmute(self, kind: AlarmKind, caller: Caller, now: datetime) -> None:
        """Tell people again from now on.

        Raises:
            Conflict: it is not muted.
            Denied: the caller may not; recorded.

        """
        if all(mute.kind is not kind for mute in self.listed(now)):
            raise Conflict(f"alarms of kind {kind} are not muted")
        self._change(kind, _UNMUTE, caller, now)

    def listed(self, now: datetime) -> list[Mute]:
        """Return what is muted at this instant."""
        with self._database.read() as tx:
            return self._listed(tx, now)

    def is_quiet(self, tx: Transaction, kind: AlarmKind, severity: Severity, now: datetime) -> bool:
        """Tell whether nobody is to hear of such an alarm at this instant."""
        if kind not in MUTABLE or severity is Severity.CRITICAL:
            return False
        return any(mute.kind is kind for mute in self._listed(tx, now))

    # -- private ---------------------------------------------------------------------------------

    def _listed(self, tx: Transaction, now: datetime) -> list[Mute]:
        # Whatever began before that has ended; a clock set back must not lengthen one.
        found = {ref: mute for ref, _, mute in self._said(tx, now - LONGEST_MUTE)}
        return [mute for mute in found.values() if mute and mute.since <= now < mute.until]

    def _said(
        self, tx: Transaction, since: datetime
    ) -> Iterator[tuple[str, datetime, Mute | None]]:
        """Give the kind that each change since then names, its instant, and the mute, where it is one."""
        for entry in self._audit.of_types([EventType.ALARM_CHANGED], since, tx):
            obj = entry.body.get("obj", {})
            if entry.outcome == Outcome.SUCCESS and obj.get("kind") == ObjKind.ALARM:
                at = datetime.fromisoformat(entry.body["t"])
                yield obj.get("ref", ""), at, _read(entry.body)

    def _refuse_without_end(
        self, tx: Transaction, kind: AlarmKind, now: datetime, until: datetime
    ) -> None:
        """Refuse a mute with which this kind would be muted for too long within `MUTE_WINDOW`."""
        begin = until - MUTE_WINDOW
        said = [(at, mute) for ref, at, mute in self._said(tx, begin - LONGEST_MUTE) if ref == kind]
        total = until - now
        # Each holds until its end, or until the next word.
        for (_, mute), (next_at, _) in pairwise([*said, (now, None)]):
            if mute is not None:
                held = min(mute.until, next_at) - max(mute.since, begin)
                total += max(held, timedelta())
        if total > LONGEST_MUTE:
            raise Conflict(
                f"alarms of kind {kind} would be muted for more than {LONGEST_MUTE.days} of"
                f" {MUTE_WINDOW.days} days",
                hint="give an earlier --until, or let people hear of them",
            )

    def _change(
        self,
        kind: AlarmKind,
        op: str,
        caller: Caller,
        now: datetime,
        *,
        until: datetime | None = None,
        reason: str | None = None,
    ) -> None:
        with changing(self._database, self._audit, caller, now) as change:
            refused = self._refusal(change.tx, kind, op, caller, now)
            if refused is None and until is not None:
                # Nobody else mutes between the look and the entry.
                self._audit.hold(change.tx)
                self._refuse_without_end(change.tx, kind, now, until)
            change.events.append(
                Event(
                    EventType.ALARM_CHANGED,
                    Outcome.SUCCESS if refused is None else Outcome.DENIED,
                    caller,
                    reason=refused,
                    op=op,
                    obj_kind=ObjKind.ALARM,
                    obj_ref=kind.value,
                    n=None if until is None else int(until.timestamp()),
                    req=None if reason is None else self._audit.pseudonym("reason", reason),
                )
            )
        if refused is not None:
            raise Denied(
                f"alarms of kind {kind} are muted by somebody else",
                hint="a person who may administer, about whom and whose programs none of this kind is open",
            )

    def _refusal(
        self, tx: Transaction, kind: AlarmKind, op: str, caller: Caller, now: datetime
    ) -> Reason | None:
        if caller.kind is not PrincipalKind.PERSON:
            return Reason.NOT_AUTHORIZED
        if caller.principal in suspensions.suspended(tx, now):
            return Reason.SUSPENDED
        if op == MUTE_OP and any(
            caller.principal in (alarm.principal, store.owner_of(tx, alarm.principal))
            for alarm in store.listed(tx, every=False)
            if alarm.kind is kind and alarm.principal is not None
        ):
            return Reason.SELF_REVIEW
        if caller.auth is AuthMethod.CONSOLE or caller.principal in self._administrators(now):
            return None
        return Reason.NOT_AUTHORIZED


def _read(body: Mapping[str, Any]) -> Mute | None:
    """Return what an entry mutes; None where it unmutes, or speaks of what is never muted."""
    kind = next((kind for kind in MUTABLE if kind == body["obj"].get("ref")), None)
    until = body.get("n")
    if kind is None or body.get("op") != MUTE_OP or not isinstance(until, int):
        return None
    since = datetime.fromisoformat(body["t"])
    longest = since + LONGEST_MUTE
    ends = longest if until > longest.timestamp() else datetime.fromtimestamp(until, UTC)
    return Mute(kind, since, ends, PrincipalId(body["actor"]["id"]))


def _listed() -> str:
    return ", ".join(sorted(kind.value for kind in MUTABLE))
