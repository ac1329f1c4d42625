"""Amazon's notices to delete or return: registered, planned, approved, run, verified, certified, closed [1.7].

What counts is what the log says: the plan that was approved is the one that is run, by who asked and another person,
and nothing is certified but what was read. Every step is durable by itself; asked for again, a run goes on where it was
ended.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Final, NoReturn

from strongroom.audit import AuditLog, Reason
from strongroom.crypto.age import Recipients
from strongroom.crypto.note import Signer
from strongroom.db.engine import Database
from strongroom.db.suspensions import suspended
from strongroom.deletion.facts import Fact, Facts
from strongroom.deletion.handing import Package
from strongroom.deletion.issuing import Certificate, issue
from strongroom.deletion.notice import Notice, Party, Who
from strongroom.deletion.parties import principal_of, received
from strongroom.deletion.stores import Copies, Finding, Looking, Store, listed, stores
from strongroom.deletion.working import Works
from strongroom.errors import Conflict, Denied, Malformed, NotFound, Tampered, Unavailable
from strongroom.policy.deletion import (
    Asked,
    Scope,
    Selectors,
    Verdict,
    check_reference,
    check_scope,
    clocks,
    words,
)
from strongroom.policy.grants import check_reason
from strongroom.relay import Disclosures
from strongroom.terms import Caller, PrincipalId, PrincipalKind, SellerId
from strongroom.vault.clearing import Clearing

_WAL_TRIES: Final = 50
_DECLARED: Final = re.compile(r"[A-Za-z0-9._-]{1,40}", re.ASCII)
_REASONS: Final = {
    Verdict.CLEAN: None,
    Verdict.FOUND: Reason.CONFLICT,
    Verdict.UNKNOWN: Reason.UNAVAILABLE,
}

Progress = Callable[[int], None]


class Notices:
    """The notices of one home. What a method did is durable on return, with its event. Safe between threads."""

    def __init__(  # noqa: PLR0913 - wired once, by name
        self,
        database: Database,
        audit: AuditLog,
        clearing: Clearing,
        *,
        disclosures: Disclosures,
        sweep: Callable[[datetime], object],
        copies: Copies,
        package: Package,
        signer: Signer,
        home_id: str,
        environment: str,
        sellers: Callable[[], Mapping[SellerId, str]],
        who: Callable[[PrincipalId], Who],
        one_person: bool,
    ) -> None:
        self._database = database
        self._audit = audit
        self._clearing = clearing
        self._disclosures = disclosures
        self._sweep = sweep
        self._copies = copies
        self._package = package
        self._signer = signer
        self._home = {"home": home_id, "environment": environment}
        self._sellers = sellers
        self._who = who
        self._one_person = one_person
        self._facts = Facts(database, audit)
        self.works = Works()

    @property
    def vkey(self) -> str:
        """The public key that certificates are checked with."""
        return self._signer.vkey

    # -- asking ------------------------------------------------------------------------------------------------------

    def all(self) -> list[Notice]:
        """Return every notice, oldest first. Raises: Tampered."""
        return [self.one(number) for number in self.numbers()]

    def numbers(self) -> list[int]:
        """Return the number of every notice, oldest first."""
        return self._facts.numbers()

    def one(self, id_: int) -> Notice:
        """Return one notice. Raises: NotFound, Tampered."""
        facts = {(fact.kind, fact.name): fact for fact in self._facts.of(id_)}
        told = facts["registered", ""].content
        received_at = datetime.fromisoformat(told["received_at"])
        parties = tuple(
            self._party(fact, facts.get(("confirmed", fact.name)))
            for fact in facts.values()
            if fact.kind == "asked"
        )
        return Notice(
            id_,
            Asked(told["asked"]),
            told["reference"],
            Scope.of(told["scope"]),
            received_at,
            clocks(received_at),
            facts,
            parties,
        )

    def words(self, notice: Notice) -> str:
        """Return what a notice is about, as a sentence."""
        return words(notice.scope, self._sellers())

    # -- asking for it -----------------------------------------------------------------------------------------------

    def register(
        self,
        asked: Asked,
        reference: str,
        scope: Scope,
        selectors: Selectors,
        received_at: datetime,
        caller: Caller,
        now: datetime,
    ) -> Notice:
        """Register a notice; its clocks count from `received_at`.

        Raises:
            Malformed: the scope means nothing, or the notice came in the future.
            Denied: no person registers it; recorded.

        """
        check_scope(scope, selectors)
        self._clearing.check_selectors(selectors)
        check_reference(reference)
        if received_at > now:
            raise Malformed("a notice came before it is registered")
        if self._is_barred(caller, now):
            self._refuse(0, "registered", caller, now)
        with self._database.write() as tx:
            number = self._facts.begin(tx)
            sealed = self._clearing.seal_selectors(number, selectors)
            self._facts.name(tx, number, sealed)
            told = {
                "asked": asked.value,
                "reference": reference,
                "scope": scope.plain(),
                "received_at": received_at.isoformat(),
                "selectors": sha256(sealed).hexdigest(),
            }
            seconds = int(received_at.timestamp())
            self._facts.add(number, "registered", told, caller, now, n=seconds, tx=tx)
        return self.one(number)

    def plan(
        self,
        id_: int,
        recipients: Sequence[str],
        declared: Sequence[str],
        caller: Caller,
        now: datetime,
    ) -> Notice:
        """List every store that may hold what the notice is about, and what is to happen; nothing happens yet.

        `declared` are further stores that nobody can read from here. In a home of one person it counts as approved.

        Raises:
            Conflict: it was begun already.
            Malformed: a return names no recipient, or a deletion one; a declared store has another form.
            Denied: no person plans, or a buyer or order is named and no grant lets the planner search; recorded.

        """
        notice = self._living(id_)
        if self._is_barred(caller, now):
            self._refuse(id_, "planned", caller, now)
        if notice.approved is not None and notice.step(notice.steps[0]) is not None:
            raise Conflict(f"notice {id_} was begun already", hint=f"strongroom notice run {id_}")
        if (notice.asked is Asked.RETURN) != bool(recipients):
            raise Malformed("a return names who can open it, a deletion nobody")
        names = Recipients(recipients).names if recipients else ()
        others = sorted({_declared(name) for name in declared})
        selectors = self._selectors(notice)
        self._clearing.admit(notice.scope, selectors, caller, now)
        within, records = self._clearing.within(notice.scope, selectors, now)
        parties = received(self._audit, self._disclosures, records)
        told = {
            "asked": notice.asked.value,
            "records": {str(seller): count for seller, count in sorted(within.live.items())},
            "gone_before": sum(within.gone.values()),
            "held": _held(within.held),
            "stores": [listed(s, within, self._copies) for s in stores(notice.asked, others)],
            "declared": others,
            "recipients": list(names),
            "parties": [{"party": one.name, "records": one.records} for one in parties],
        }
        with self._database.write() as tx:
            self._facts.add(id_, "planned", told, caller, now, n=sum(within.live.values()), tx=tx)
        if self._one_person:
            self._approve(self.one(id_), caller, now)
        return self.one(id_)

    def approve(self, id_: int, terms: str, caller: Caller, now: datetime) -> Notice:
        """Approve the plan as it was shown.

        Raises:
            Conflict: there is no plan, it is another one by now, or was approved.
            Denied: no other person approves; recorded.

        """
        notice = self._living(id_)
        if notice.plan is None:
            raise Conflict(f"notice {id_} has no plan", hint=f"strongroom notice plan {id_}")
        if notice.approved is not None:
            raise Conflict(f"the plan of notice {id_} was approved already")
        if notice.terms != terms.strip().lower():
            raise Conflict(
                f"the plan of notice {id_} is another one by now",
                hint=f"read it again: strongroom notice show {id_}",
            )
        same = caller.principal == notice.facts["planned", ""].by
        if self._is_barred(caller, now) or (same and not self._one_person):
            self._refuse(id_, "approved", caller, now)
        self._approve(notice, caller, now)
        return self.one(id_)

    # -- doing it ----------------------------------------------------------------------------------------------------

    def run(
        self,
        id_: int,
        caller: Caller,
        now: datetime,
        *,
        req: str,
        progress: Progress,
    ) -> Notice:
        """Do what the approved plan says; asked again, go on where it was ended, or do again what was found undone.

        Raises:
            Conflict: nobody approved a plan.
            Denied: no person runs it, or who runs a return has no grant to export; recorded.
            Unavailable: a file could not be cut because another program reads it; ask again.

        """
        notice = self._agreed(self._living(id_))
        if self._is_barred(caller, now):
            self._refuse(id_, "stepped", caller, now)
        again = notice.erased_at is not None and any(
            (found := notice.after_run("verified", store.name)) is not None
            and found.content["verdict"] == Verdict.FOUND
            for store in notice.stores
        )
        for name in notice.steps:
            if notice.step(name) is None or (again and name not in ("parties", "package")):
                self._step(notice, name, caller, now, req, progress)
                notice = self.one(id_)
        return notice

    def _step(
        self,
        notice: Notice,
        name: str,
        caller: Caller,
        now: datetime,
        req: str,
        progress: Progress,
    ) -> None:
        selectors, scope = self._selectors(notice), notice.scope
        told: dict[str, Any] = {}
        count: int | None = None
        match name:
            case "parties":
                self._ask_parties(notice, caller, now)
                return
            case "package":
                made = self._package.make(
                    notice.id,
                    (notice.plan or {})["recipients"],
                    lambda tell: self._clearing.hand_over(scope, selectors, caller, now, req, tell),
                    progress,
                )
                told = {"sha256": made.sha256, "records": made.records, "bytes": made.bytes}
                count = made.records
            case "erase":
                self._clearing.empty(notice.id, scope, selectors, caller, now, progress)
                kept, _numbers = self._clearing.within(scope, selectors, now)
                count = self._clearing.emptied(notice.id)
                told = {"records": count, "held": _held(kept.held)}
            case "keys":
                self._sweep(now)
            case _:
                self._cut_wal()
        with self._database.write() as tx:
            if name == "package":
                self._audit.append(
                    tx, self._package.left(notice.id, caller, count or 0, req), now=now
                )
            self._facts.add(
                notice.id, "stepped", told, caller, now,
                name=name, n=count, bytes_=told.get("bytes"), tx=tx,
            )  # fmt: skip

    def _ask_parties(self, notice: Notice, caller: Caller, now: datetime) -> None:
        _within, records = self._clearing.within(notice.scope, self._selectors(notice), now)
        found = received(self._audit, self._disclosures, records)
        with self._database.write() as tx:
            for one in found:
                told = {"records": one.records}
                self._facts.add(
                    notice.id, "asked", told, caller, now, name=one.name, n=one.records, tx=tx
                )
            told = {"parties": len(found)}
            self._facts.add(
                notice.id, "stepped", told, caller, now, name="parties", n=len(found), tx=tx
            )

    # -- looking afterwards ------------------------------------------------------------------------------------------

    def verify(self, id_: int, caller: Caller, now: datetime) -> Notice:
        """Read each store and look for what must be gone; what cannot be read is said to be unknown.

        Raises:
            Conflict: it was not run to its end.
            Denied: no person asks; recorded.

        """
        notice = self._agreed(self._living(id_))
        if self._is_barred(caller, now):
            self._refuse(id_, "verified", caller, now)
        keys = notice.step("keys")
        if keys is None or notice.erased_at is None:
            raise Conflict(
                f"notice {id_} was not run to its end", hint=f"strongroom notice run {id_}"
            )
        left = self._clearing.left(id_, notice.scope, self._selectors(notice), now)
        looking = Looking(
            left, self._copies, keys.at, self._database.is_sqlite, self._package.is_there(id_)
        )
        found = [(store, store.looks(looking)) for store in notice.stores]
        with self._database.write() as tx:
            for store, finding in found:
                self._facts.add(
                    id_, "verified", _told(store, finding), caller, now,
                    name=store.name, n=finding.counts.get("samples"),
                    reason=_REASONS[finding.verdict], tx=tx,
                )  # fmt: skip
        return self.one(id_)

    def state_store(
        self, id_: int, store: str, statement: str, caller: Caller, now: datetime
    ) -> Notice:
        """Keep what a person answers for of a store that nobody here can read.

        Raises:
            Conflict: it was not verified, or can be read and was.
            Malformed: the statement names somebody.
            Denied: no person states it; recorded.

        """
        notice = self._living(id_)
        statement = check_reason(statement)
        if self._is_barred(caller, now):
            self._refuse(id_, "stated", caller, now, store)
        if store not in {one.name for one in notice.stores}:
            raise NotFound(f"the plan of notice {id_} has no such store")
        found = notice.after_run("verified", store)
        if found is None or found.content["verdict"] != Verdict.UNKNOWN:
            raise Conflict(
                f"{store} is not one that can't be read from here",
                hint=f"strongroom notice verify {id_}",
            )
        self._facts.add(id_, "stated", {"words": statement}, caller, now, name=store)
        return self.one(id_)

    def confirm(
        self, id_: int, party: str, statement: str, caller: Caller, now: datetime
    ) -> Notice:
        """Keep that a party deleted what it received: said by whoever answers for it.

        Raises:
            NotFound: it received nothing of this.
            Conflict: it confirmed already.
            Denied: somebody else says it; recorded.

        """
        notice = self._living(id_)
        statement = check_reason(statement)
        found = next((one for one in notice.parties if one.name == party), None)
        if found is None:
            raise NotFound(f"notice {id_} has no such party", hint=f"strongroom notice show {id_}")
        if found.confirmed_by is not None:
            raise Conflict(f"{party} confirmed already")
        if not self.answers_for(party, caller):
            self._refuse(id_, "confirmed", caller, now, party)
        self._facts.add(id_, "confirmed", {"words": statement}, caller, now, name=party)
        return self.one(id_)

    def certificate(self, id_: int, caller: Caller, now: datetime) -> Certificate:
        """Sign what was done and found; each call signs anew, as things are now.

        Raises:
            Conflict: something was not read, is not clean, or is answered for by nobody.
            Tampered: something is not what was recorded.

        """
        notice = self._agreed(self.one(id_))
        if lacking := notice.lacks:
            raise Conflict(
                f"notice {id_} can't be certified: {lacking[0]}",
                hint=f"strongroom notice verify {id_}",
            )
        if self._is_barred(caller, now):
            self._refuse(id_, "certified", caller, now)
        made = issue(
            notice,
            {**self._home, "scope": self.words(notice), "issued_by": caller.name},
            self._audit,
            self._signer,
            lambda number: self._who(number).name,
            now,
        )
        told = {"sha256": sha256(made.document).hexdigest()}
        self._facts.add(id_, "certified", told, caller, now, n=len(notice.open_parties))
        return made

    def close(self, id_: int, caller: Caller, now: datetime) -> Notice:
        """Close a notice of which nothing is left to do; what was kept for looking afterwards goes.

        Raises:
            Conflict: something is not verified, or somebody has not confirmed.

        """
        notice = self._agreed(self._living(id_))
        left = notice.lacks + [f"{party.name} has not confirmed" for party in notice.open_parties]
        if left:
            raise Conflict(f"notice {id_} can't be closed: {left[0]}")
        if self._is_barred(caller, now):
            self._refuse(id_, "closed", caller, now)
        self._facts.add(id_, "closed", {}, caller, now)
        self._clearing.forget_needles(id_)
        return self.one(id_)

    # -- private -----------------------------------------------------------------------------------------------------

    def _approve(self, notice: Notice, caller: Caller, now: datetime) -> None:
        told = {"plan": notice.facts["planned", ""].seal}
        self._facts.add(notice.id, "approved", told, caller, now)

    def _living(self, id_: int) -> Notice:
        notice = self.one(id_)
        if ("closed", "") in notice.facts:
            raise Conflict(f"notice {id_} is closed")
        return notice

    def _agreed(self, notice: Notice) -> Notice:
        """Refuse what two people did not agree on, as the signed tree says. Raises: Conflict, Tampered."""
        approved = notice.approved
        if approved is None:
            raise Conflict(
                f"nobody approved the plan of notice {notice.id}",
                hint=f"strongroom notice show {notice.id}",
            )
        if approved.by == notice.facts["planned", ""].by and not self._one_person:
            raise Tampered(f"the plan of notice {notice.id} was approved by who made it")
        return notice

    def _selectors(self, notice: Notice) -> Selectors:
        sealed = self._facts.selectors(notice.id)
        told = notice.facts["registered", ""].content["selectors"]
        if sealed is None or sha256(sealed).hexdigest() != told:
            raise Tampered(f"notice {notice.id}: what it names is not what was registered")
        return self._clearing.open_selectors(notice.id, sealed)

    def _party(self, fact: Fact, confirmed: Fact | None) -> Party:
        # Asked once more after a second run: what was confirmed before does not speak of that.
        said = confirmed if confirmed is not None and confirmed.event > fact.event else None
        number = principal_of(fact.name)
        return Party(
            fact.name,
            fact.name if number is None else self._who(number).name,
            fact.content["records"],
            None if said is None else said.by,
            None if said is None else said.at,
            None if said is None else said.content["words"],
            fact.event if said is None else said.event,
        )

    def answers_for(self, party: str, caller: Caller) -> bool:
        """Say whether this person may confirm for a party."""
        if caller.kind is not PrincipalKind.PERSON:
            return False
        number = principal_of(party)
        if number is None or self._one_person:
            return True
        who = self._who(number)
        if who.kind is PrincipalKind.PERSON:
            # Of who left, somebody else has to find out.
            return who.ended or caller.principal == number
        return who.ended or who.owner is None or who.owner == caller.name

    def _is_barred(self, caller: Caller, now: datetime) -> bool:
        """Say whether who calls is no person, or one that is suspended."""
        with self._database.read() as tx:
            return caller.kind is not PrincipalKind.PERSON or caller.principal in suspended(tx, now)

    def _refuse(
        self, id_: int, kind: str, caller: Caller, now: datetime, name: str = ""
    ) -> NoReturn:
        self._facts.refuse(id_, kind, caller, now, name)
        raise Denied(_WORDS[kind])

    def _cut_wal(self) -> None:
        for _ in range(_WAL_TRIES):
            if self._database.truncate_wal():
                return
            time.sleep(0.02)
        raise Unavailable(
            "the database's log could not be cut: a reader holds it open",
            hint="close other programs on vault.db and run it again",
        )


_WORDS: Final = {
    "registered": "people register notices, programs do not",
    "planned": "people plan, programs do not",
    "approved": "a plan needs another person's approval",
    "stepped": "people have a plan run, programs do not",
    "verified": "people have stores read, programs do not",
    "stated": "a person answers for a store, no program does",
    "confirmed": "only who answers for a party confirms for it",
    "certified": "people certify, programs do not",
    "closed": "people close a notice, programs do not",
}


def _held(held: Mapping[Any, int]) -> list[dict[str, Any]]:
    found = sorted(held.items(), key=lambda one: (one[0].law, one[0].until))
    return [{"law": why.law, "until": _day(why.until), "records": count} for why, count in found]


def _day(day: date) -> str:
    return day.isoformat()


def _told(store: Store, finding: Finding) -> dict[str, Any]:
    return {
        "verdict": finding.verdict.value,
        "told": finding.told,
        "counts": finding.counts,
        "method": store.method.value,
    }


def _declared(name: str) -> str:
    """Return the name of a declared store. Raises: Malformed."""
    if not _DECLARED.fullmatch(name):
        raise Malformed("a store's name has letters, digits, dots and dashes, at most 40")
    return f"declared:{name}"
