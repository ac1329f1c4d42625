"""What is asked, and what the house can say by itself: a draft from the duties, and what it rests on [3]. Pure."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Final

from strongroom.compliance.duties.board import KEPT, Board, Row, Status
from strongroom.compliance.overseen import DutyId
from strongroom.terms import PrincipalId

LONGEST: Final = 500
"""Characters of one answer, by Amazon's form."""


class Form(StrEnum):
    """What kind of answer is wanted."""

    YES_NO = "yes_no"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Question:
    """One question."""

    name: str
    form: Form
    asks: str
    duties: tuple[DutyId, ...]
    """What an answer stands on."""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """One duty that an answer stands on, as it is now."""

    duty: DutyId
    status: Status
    why: str
    proof: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """What the house would answer now."""

    text: str
    proofs: tuple[Proof, ...]
    kept: bool
    """Whether every duty it stands on is kept."""
    basis: str
    """SHA-256 of which duties stood how: another one means that an answer may not be true any more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person wrote, on what it stood then, and who approved it."""

    id: int
    question: str
    text: str = field(repr=False)
    basis: str
    by: PrincipalId
    at: datetime
    approved_by: PrincipalId | None = None
    approved_at: datetime | None = None


@cache
def questions() -> Mapping[str, Question]:
    """Return every question by its name, in the order of the form."""
    source = resources.files("strongroom.assurance.questionnaire") / "questions.toml"
    return {
        name: Question(
            name,
            Form(row["form"]),
            row["asks"],
            tuple(DutyId(duty) for duty in row["duties"]),
            row.get("hint", ""),
        )
        for name, row in tomllib.loads(source.read_text(encoding="utf-8")).items()
    }


def draft(question: Question, board: Board) -> Draft:
    """Return what the board lets the house answer: never yes while a duty is not kept."""
    rows = [board.row(duty) for duty in question.duties]
    kept = all(row.status in KEPT for row in rows)
    proofs = tuple(Proof(row.duty.id, row.status, row.why, row.proof) for row in rows)
    stands = " ".join(f"{row.duty.id}={row.status in KEPT}" for row in rows)
    text = ("yes" if kept else "no") if question.form is Form.YES_NO else _told(rows)
    return Draft(text, proofs, kept, sha256(stands.encode()).hexdigest())


def _told(rows: list[Row]) -> str:
    """Return whole sentences of what is kept, as many as an answer may have characters."""
    told = ""
    for row in rows:
        if row.status not in KEPT:
            continue
        for sentence in (f"{row.duty.title}.", row.why):
            longer = f"{told} {sentence}".strip()
            if len(longer) <= LONGEST:
                told = longer
    return told
