"""Builds evidence packs: reads the rooms at one instant, makes the files, checks them as an auditor would [3].

A pack leaves only after the same program that auditors use found it sound. A refusal is recorded too. Nothing is kept
here: whoever builds a pack takes it along, and the log has its SHA-256.
"""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from strongroom.assurance.packs import offline
from strongroom.assurance.packs.account import (
    LISTED_TYPES,
    MOST_LISTED,
    Account,
    Period,
    exceptions_first,
)
from strongroom.assurance.packs.pack import Pack, make
from strongroom.assurance.packs.registers import Registers
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.audit.reading import Entry
from strongroom.compliance.compliance import Compliance
from strongroom.crypto.note import Signer
from strongroom.errors import Conflict, Malformed, StrongroomError, Tampered
from strongroom.terms import Caller, PrincipalId

LONGEST: Final = timedelta(days=3 * 366)
"""The longest period of one pack."""
MOST_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class Built:
    """A pack that was built, or refused, as the log has it."""

    event: int
    at: datetime
    by: PrincipalId
    sha256: str
    """Empty where it was refused."""
    files: int


@dataclass(frozen=True, slots=True)
class Packs:
    """The packs of one home."""

    audit: AuditLog
    compliance: Compliance
    registers: Registers
    signer: Signer = field(repr=False)
    marked: Callable[[bytes], bool] = field(repr=False)
    """Tells whether bytes hold what only a canary has."""
    home_id: str
    environment: str

    @property
    def vkey(self) -> str:
        """Return the public key that packs are checked with."""
        return self.signer.vkey

    def build(
        self,
        caller: Caller,
        since: datetime,
        until: datetime,
        now: datetime,
        progress: Callable[[int, int], None] = lambda _done, _of: None,
    ) -> Pack:
        """Return a pack of a period, checked; its event is durable on return.

        Raises:
            Denied: the caller does not oversee.
            Malformed: the period is empty, too long, or ends after now.
            Conflict: kept evidence does not match its hash, or a file would hold personal data; recorded.
            Tampered: a room's rows, or the pack itself, are not what they should be; recorded.

        """
        self.compliance.people.refuse_strangers(caller, now)
        if not since < until <= now:
            raise Malformed("a pack is of a period that begins before it ends, and has ended")
        if until - since > LONGEST:
            raise Malformed(f"a pack is of up to {LONGEST.days} days")
        try:
            self._refuse_broken(now)
            pack = self._made(Period(since, until), caller, now, progress)
            self._refuse_unsound(pack)
        except StrongroomError as exc:
            tampered = isinstance(exc, Tampered)
            reason = Reason.TAMPERED if tampered else Reason.CONFLICT
            self._record(caller, Outcome.FAILURE, None, now, reason=reason)
            raise
        self._record(caller, Outcome.SUCCESS, pack, now)
        return pack

    def listed(self) -> list[Built]:
        """Return the newest packs that were built or refused."""
        found = list(self.audit.of_types([EventType.PACK_BUILT]))
        return [_built(entry) for entry in found[::-1][:MOST_SHOWN]]

    def reckoned(self, caller: Caller, now: datetime) -> Account:
        """Return how everything stands now, of no period, for a page of its own. Raises: Tampered."""
        return self._account(Period(now, now), caller, now)

    # -- private ---------------------------------------------------------------------------------

    def _made(
        self, period: Period, caller: Caller, now: datetime, progress: Callable[[int, int], None]
    ) -> Pack:
        account = self._account(period, caller, now)
        # Not around the account: a transaction that asks for a second one can wait for itself.
        with self.audit.prover() as prover:
            return make(account, prover, self.signer, self.marked, progress)

    def _account(self, period: Period, caller: Caller, now: datetime) -> Account:
        size, _ = self.audit.counts(None)
        with self.compliance.at_once():
            board = self.compliance.duties.board(now)
            registers = self.registers.read(now)
            milestones = self.registers.milestones(board)
        ends = period.until
        events = [
            entry
            for entry in self.audit.of_types(LISTED_TYPES, period.since)
            if entry.seq < size and _at(entry) < ends
        ]
        return Account(
            home=self.home_id,
            environment=self.environment,
            edition=board.edition.value,
            period=period,
            built_at=now,
            built_by=caller.name,
            log_size=size,
            rows=exceptions_first(board),
            counts={status.value: n for status, n in board.counts.items()},
            registers=registers,
            milestones=milestones,
            events=events[-MOST_LISTED:],
            totals=self.audit.totals(period.since, ends, size),
            left_out=max(0, len(events) - MOST_LISTED),
        )

    def _refuse_broken(self, now: datetime) -> None:
        """Refuse while something in the evidence store is not what was put there."""
        broken = sorted(self.compliance.evidence.check(now))
        if broken:
            raise Conflict(
                f"evidence {', '.join(map(str, broken[:5]))} does not match its hash",
                hint="look at it on its page; a pack that refers to it would prove nothing",
            )

    def _refuse_unsound(self, pack: Pack) -> None:
        """Refuse a pack that an auditor's own program would not pass."""
        with zipfile.ZipFile(io.BytesIO(pack.archive)) as archive:
            files = {
                name.removeprefix(f"{pack.name}/"): archive.read(name)
                for name in archive.namelist()
            }
        found = offline.check_files(files, self.vkey)
        if not found.ok:
            raise Tampered(f"the pack does not pass its own check: {found.faults[0]}")

    def _record(
        self,
        caller: Caller,
        outcome: Outcome,
        pack: Pack | None,
        now: datetime,
        *,
        reason: Reason | None = None,
    ) -> None:
        event = Event(
            EventType.PACK_BUILT,
            outcome,
            caller,
            reason=reason,
            obj_kind=ObjKind.PACK,
            obj_ref="none" if pack is None else pack.sha256,
            n=None if pack is None else pack.files,
        )
        self.audit.record(event, now=now)


def _at(entry: Entry) -> datetime:
    return datetime.fromisoformat(entry.body["t"])


def _built(entry: Entry) -> Built:
    ref = entry.body["obj"]["ref"]
    return Built(
        entry.seq,
        _at(entry),
        PrincipalId(entry.body["actor"]["id"]),
        "" if entry.outcome != Outcome.SUCCESS.value else ref,
        entry.body.get("n", 0),
    )
