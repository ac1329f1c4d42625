"""Trainings, and the checklists of joining and leaving, of everybody with an account [1.1, 1.2].

The account itself is ended where accounts are (`user end`); this asks what is left to do. Records are sealed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from strongroom.accounts import Accounts, Principal
from strongroom.assurance.sealed import Content, SealedRows
from strongroom.assurance.staff.member import (
    JOINING,
    LEAVING,
    LEFT_WITHIN,
    Member,
    Step,
    Topic,
    Training,
)
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.compliance.evidence import EvidenceStore
from strongroom.compliance.people import People
from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Malformed, NotFound
from strongroom.terms import Caller, PrincipalId, PrincipalKind

MOST: Final = 5000
"""People."""
LONGEST_BACK: Final = timedelta(days=365)
_table: Final = schema.staff_record

Counted = Callable[[PrincipalId, datetime], int]


class Staff:
    """The people of one home. What a method changed is durable on return, with its event."""

    def __init__(  # noqa: PLR0913 - wired once, by name
        self,
        database: Database,
        audit: AuditLog,
        people: People,
        writings: Writings,
        evidence: EvidenceStore,
        accounts: Accounts,
        *,
        unread: Counted,
        grants: Counted,
        one_person: bool,
    ) -> None:
        """Keep them; `unread` counts documents to acknowledge, `grants` those in force."""
        self._database = database
        self._audit = audit
        self._people = people
        self._evidence = evidence
        self._accounts = accounts
        self._rows = SealedRows(_table, writings, "record of a person")
        self._unread = unread
        self._grants = grants
        self.one_person = one_person

    def listed(self, now: datetime) -> list[Member]:
        """Return everybody who is there, and whoever left and is not done with it, by name. Raises: Tampered."""
        kept: dict[int, _Kept] = {}
        with self._database.read() as tx:
            for _, content in self._rows.listed(tx, most=MOST):
                # Two who began somebody's record in one instant made two rows.
                kept.setdefault(content["person"], _Kept()).add(content)
        found = [
            member
            for account in self._accounts.listed(PrincipalKind.PERSON)
            if (member := self._member(account, kept.get(account.id, _Kept()), now)) is not None
        ]
        return sorted(found, key=lambda one: (not one.is_late, not one.leaving, one.name))

    def show(self, person: PrincipalId, now: datetime) -> Member:
        """Return one of them. Raises: NotFound: nobody, or somebody who has left and is done with it."""
        people = self._accounts.listed(PrincipalKind.PERSON)
        account = next((one for one in people if one.id == person), None)
        kept = _Kept()
        with self._database.read() as tx:
            for _, content in self._rows.listed(tx, _table.c.person_id == person, most=MOST):
                kept.add(content)
        member = None if account is None else self._member(account, kept, now)
        if member is None:
            raise NotFound(f"there is no person {person}, or they have left")
        return member

    def train(
        self,
        caller: Caller,
        person: PrincipalId,
        topic: Topic,
        on: datetime,
        now: datetime,
        *,
        evidence: int | None = None,
    ) -> None:
        """Keep that a person was trained on a day.

        Raises:
            NotFound: no such person or item of evidence.
            Denied: the caller does not oversee, or was trained without evidence by their own word; recorded.
            Conflict: the person has left, or the item is spoilt.
            Malformed: the day lies ahead, or a year back.

        """
        self._people.refuse_strangers(caller, now)
        if self.show(person, now).has_left:
            raise Conflict("that person has left")
        if not now - LONGEST_BACK < on <= now:
            raise Malformed("a training was in the last year, not ahead")
        if evidence is not None:
            item, _ = self._evidence.show(evidence)
            if item.fault is not None or item.disposed_at is not None:
                raise Conflict(f"evidence {evidence} is spoilt or disposed of")
        own = person == caller.principal and evidence is None and not self.one_person
        made = Training(topic, on, evidence, caller.principal, now)
        self._keep(caller, person, made, f"training.{topic.value}", now, refused=own)
        if own:
            raise Denied(
                "nobody vouches for a training of their own", hint="keep a certificate as evidence"
            )

    def state(self, caller: Caller, person: PrincipalId, step: str, now: datetime) -> None:
        """State that a step of joining or leaving is done, on one's own name.

        Raises:
            NotFound: no such person.
            Denied: the caller does not oversee, or it is their own step; the latter is recorded.
            Malformed: it is no step of where the person stands.
            Conflict: it is done.

        """
        self._people.refuse_strangers(caller, now)
        member = self.show(person, now)
        steps = LEAVING if member.has_left else JOINING
        if step not in steps:
            raise Malformed(f"a step is one of {', '.join(steps)}")
        if step in {one.name for one in member.steps}:
            raise Conflict("that step is done")
        own = person == caller.principal and not self.one_person
        made = Step(step, caller.principal, now)
        self._keep(caller, person, made, f"step.{step}", now, refused=own)
        if own:
            raise Denied("nobody ticks a step of their own", hint="another person does")

    # -- private ---------------------------------------------------------------------------------

    def _member(self, account: Principal, kept: "_Kept", now: datetime) -> Member | None:
        """Return how somebody stands; None for who has left and is done with it."""
        ended = account.ended_at is not None and account.ended_at <= now
        if (
            ended
            and LEAVING.keys() <= {step.name for step in kept.steps}
            and _is_past(account, now)
        ):
            return None
        one = Member(
            account.id,
            account.name,
            account.created_at,
            account.ended_at,
            tuple(sorted(kept.trainings, key=lambda one: one.on, reverse=True)),
            tuple(kept.steps),
            0 if ended else self._unread(account.id, now),
            self._grants(account.id, now) if ended else 0,
            now,
        )
        return one if not one.has_left or one.leaving else None

    def _keep(
        self,
        caller: Caller,
        person: PrincipalId,
        made: Training | Step,
        op: str,
        now: datetime,
        *,
        refused: bool,
    ) -> None:
        event = Event(
            EventType.STAFF_RECORDED,
            Outcome.DENIED if refused else Outcome.SUCCESS,
            caller,
            reason=Reason.SELF_REVIEW if refused else None,
            op=op,
            obj_kind=ObjKind.PRINCIPAL,
            obj_ref=str(person),
        )
        with self._database.write() as tx:
            if not refused:
                self._add(tx, person, made)
            self._audit.append(tx, event, now=now)

    def _add(self, tx: Transaction, person: PrincipalId, made: Training | Step) -> None:
        """Write one thing more into a person's record, which is begun with the first."""
        where = _table.c.person_id == person
        number = next((number for number, _ in self._rows.listed(tx, where, most=1)), None)
        kept = _Kept()
        if number is not None:
            kept.add(self._rows.one(tx, number, to_change=True))
        if isinstance(made, Training):
            kept.trainings.append(made)
        else:
            kept.steps.append(made)
        said = {"person": person, "trainings": kept.trainings, "steps": kept.steps}
        if number is None:
            self._rows.add(tx, said, person_id=person)
        else:
            self._rows.save(tx, number, said, person_id=person)


@dataclass(slots=True)
class _Kept:
    """What is kept of one person."""

    trainings: list[Training] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def add(self, content: Content) -> None:
        """Take what a row says."""
        self.trainings += map(_training, content["trainings"])
        self.steps += map(_step, content["steps"])


def _is_past(account: Principal, now: datetime) -> bool:
    """Tell whether somebody left so long ago that nothing of theirs is looked for any more."""
    return account.ended_at is not None and now - account.ended_at > 2 * LEFT_WITHIN


def _training(content: Any) -> Training:  # noqa: ANN401 - what JSON can say
    return Training(
        Topic(content["topic"]),
        datetime.fromisoformat(content["on"]),
        content["evidence"],
        PrincipalId(content["by"]),
        datetime.fromisoformat(content["at"]),
    )


def _step(content: Any) -> Step:  # noqa: ANN401 - as above
    return Step(content["name"], PrincipalId(content["by"]), datetime.fromisoformat(content["at"]))
