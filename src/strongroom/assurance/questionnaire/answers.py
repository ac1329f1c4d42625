"""Answers of people to Amazon's questions: each version kept, approved by another, never yes against evidence [3]."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from strongroom.assurance.questionnaire.question import (
    LONGEST,
    Answer,
    Draft,
    Form,
    Question,
    draft,
    questions,
)
from strongroom.assurance.sealed import Content, SealedRows
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.compliance.duties import KEPT, Duties
from strongroom.compliance.people import People
from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, Malformed, NotFound
from strongroom.terms import Caller, PrincipalId

MOST: Final = 1000
"""Versions of one answer that are shown."""
_YES_NO: Final = frozenset({"yes", "no"})
_table: Final = schema.questionnaire_answer


@dataclass(frozen=True, slots=True)
class Shown:
    """One question with what the house drafts and what a person wrote last."""

    question: Question
    draft: Draft
    answer: Answer | None

    @property
    def state(self) -> str:
        """Return `drafted`, `outdated`, `written` or `approved`."""
        if self.answer is None:
            return "drafted"
        if self.answer.basis != self.draft.basis:
            return "outdated"
        return "written" if self.answer.approved_at is None else "approved"

    @property
    def text(self) -> str:
        """Return what would be handed in now: a yes ends with the duties it stood on, whoever wrote it."""
        if self.answer is None or (
            self.question.form is Form.YES_NO and self.answer.text == "yes" and not self.draft.kept
        ):
            return self.draft.text
        return self.answer.text


class Answers:
    """The questionnaire of one home. What a method changed is durable on return, with its event."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        people: People,
        writings: Writings,
        duties: Duties,
        *,
        one_person: bool,
    ) -> None:
        """Keep it; in a home of one person the same writes and approves."""
        self._database = database
        self._audit = audit
        self._people = people
        self._duties = duties
        self._rows = SealedRows(_table, writings, "answer")
        self.one_person = one_person

    def all(self, now: datetime) -> Sequence[Shown]:
        """Return every question as it stands. Raises: Tampered."""
        board = self._duties.board(now)
        last = self._last()
        return [Shown(one, draft(one, board), last.get(name)) for name, one in questions().items()]

    def show(self, name: str, now: datetime) -> tuple[Shown, Sequence[Answer]]:
        """Return one question, and all that was written of it, the newest first. Raises: NotFound, Tampered."""
        one = _question(name)
        with self._database.read() as tx:
            written = self._of(tx, name)
        found = Shown(one, draft(one, self._duties.board(now)), written[0] if written else None)
        return found, written

    def write(self, caller: Caller, name: str, text: str, now: datetime) -> Answer:
        """Write an answer; it stands on what the evidence says now.

        Raises:
            NotFound: no such question.
            Denied: the caller does not oversee.
            Malformed: it is empty, too long, or neither yes nor no where one of them is wanted.
            Conflict: it says yes while a duty it stands on is not kept; recorded.

        """
        self._people.refuse_strangers(caller, now)
        question = _question(name)
        said = " ".join(text.split())
        if not said:
            raise Malformed("an answer says something")
        if len(said) > LONGEST:
            raise Malformed(f"an answer has up to {LONGEST} characters, this one {len(said)}")
        if question.form is Form.YES_NO and said not in _YES_NO:
            raise Malformed("the answer is yes or no")
        stands = draft(question, self._duties.board(now))
        false = question.form is Form.YES_NO and said == "yes" and not stands.kept
        answer = Answer(0, name, said, stands.basis, caller.principal, now)
        with self._database.write() as tx:
            if not false:
                number = self._rows.add(tx, answer, question=name)
                answer = replace(answer, id=number)
                self._rows.save(tx, number, answer, question=name)
            self._record(tx, caller, name, "written", now, Reason.CONFLICT if false else None)
        if false:
            red = ", ".join(proof.duty for proof in stands.proofs if proof.status not in KEPT)
            raise Conflict(f"the evidence says no: {red}", hint="mend these duties first")
        return answer

    def approve(self, caller: Caller, name: str, number: int, now: datetime) -> Answer:
        """Approve the newest answer to a question: another person than wrote it.

        Raises:
            NotFound: no such question, or nothing was written.
            Denied: the caller does not oversee, or wrote it; the latter is recorded.
            Conflict: it is approved, was written anew since, or its evidence has changed.

        """
        self._people.refuse_strangers(caller, now)
        question = _question(name)
        stands = draft(question, self._duties.board(now))
        with self._database.write() as tx:
            written = self._of(tx, name)
            if not written:
                raise NotFound(f"nobody answered {name} yet")
            answer = written[0]
            if answer.id != number:
                raise Conflict("it was written anew since", hint="read it, and approve that one")
            if answer.approved_at is not None:
                raise Conflict("it is approved")
            if answer.basis != stands.basis:
                raise Conflict("its evidence has changed since", hint="write it anew")
            own = answer.by == caller.principal and not self.one_person
            if not own:
                answer = replace(answer, approved_by=caller.principal, approved_at=now)
                self._rows.save(tx, answer.id, answer, question=name)
            self._record(tx, caller, name, "approved", now, Reason.SELF_REVIEW if own else None)
        if own:
            raise Denied("nobody approves an answer of their own", hint="another person does")
        return answer

    def export(self, caller: Caller, now: datetime) -> Sequence[Shown]:
        """Return every question, for a file; recorded. Raises: Denied, Tampered."""
        self._people.refuse_strangers(caller, now)
        found = self.all(now)
        with self._database.write() as tx:
            self._record(tx, caller, "all", "exported", now, None)
        return found

    # -- private ---------------------------------------------------------------------------------

    def _last(self) -> Mapping[str, Answer]:
        with self._database.read() as tx:
            where = _table.c.id.in_(sa.select(sa.func.max(_table.c.id)).group_by(_table.c.question))
            rows = [_answer(n, c) for n, c in self._rows.listed(tx, where, most=MOST)]
        return {row.question: row for row in rows}

    def _of(self, tx: Transaction, name: str) -> list[Answer]:
        where = _table.c.question == name
        return [_answer(n, c) for n, c in self._rows.listed(tx, where, most=MOST)]

    def _record(
        self,
        tx: Transaction,
        caller: Caller,
        name: str,
        op: str,
        now: datetime,
        refused: Reason | None,
    ) -> None:
        event = Event(
            EventType.QUESTIONNAIRE_CHANGED,
            Outcome.SUCCESS if refused is None else Outcome.DENIED,
            caller,
            reason=refused,
            op=op,
            obj_kind=ObjKind.QUESTION,
            obj_ref=name,
        )
        self._audit.append(tx, event, now=now)


def _question(name: str) -> Question:
    found = questions().get(name)
    if found is None:
        raise NotFound("there is no such question")
    return found


def _answer(number: int, content: Content) -> Answer:
    by: Any = content["approved_by"]
    at = content["approved_at"]
    return Answer(
        number,
        content["question"],
        content["text"],
        content["basis"],
        PrincipalId(content["by"]),
        datetime.fromisoformat(content["at"]),
        None if by is None else PrincipalId(by),
        None if at is None else datetime.fromisoformat(at),
    )
