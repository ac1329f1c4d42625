"""The duties of the policy as data: what each asks, who has it, by when, and what proves it [1, 2, 3]. Pure.

The files beside this one hold the 99 duties of the baseline text, the words the policy defines, and what later
revisions change. Numbers of several revisions in force never mix: the strictest rules.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from strongroom.compliance.overseen import DutyId, Office
from strongroom.errors import Malformed, NotFound
from strongroom.policy.laws import months_later

BASELINE: Final = "baseline"
_FILES: Final = (
    "general",
    "access",
    "incidents",
    "personal_data",
    "systems",
    "vulnerabilities",
    "audit",
)
_SPAN: Final = re.compile(
    r"P(?:(\d{1,3})Y)?(?:(\d{1,3})M)?(?:(\d{1,4})D)?(?:T(?:(\d{1,3})H)?(?:(\d{1,3})M)?)?"
)
_UNITS: Final = ("year", "month", "day", "hour", "minute")
_MONTHS: Final = 12


class Kind(StrEnum):
    """What a duty's state can come from; one duty may need several."""

    ENFORCE = "enforce"
    """Strongroom itself holds it, within its own boundary."""
    VERIFY = "verify"
    """A check or something imported says whether it holds."""
    ATTEST = "attest"
    """Only a named person can say so."""


class Edition(StrEnum):
    """Which revisions are in force: the baseline text alone, or all that are known."""

    BASELINE = "baseline"
    CURRENT = "current"

    @property
    def revisions(self) -> tuple[str, ...]:
        """Return the revisions, oldest first."""
        return (BASELINE,) if self is Edition.BASELINE else tuple(one.name for one in revisions())


SECTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "0": "Preamble",
        "1": "General security requirements",
        "1.1": "Network protection",
        "1.2": "Access management",
        "1.3": "Least privilege",
        "1.4": "Credential management",
        "1.5": "Encryption in transit",
        "1.6": "Incident response plan",
        "1.7": "Request for deletion or return",
        "2": "Additional requirements for personal data",
        "2.1": "Data retention",
        "2.2": "Data governance",
        "2.3": "Asset management",
        "2.4": "Encryption at rest",
        "2.5": "Secure coding practices",
        "2.6": "Logging and monitoring",
        "2.7": "Vulnerability management",
        "3": "Audit and assessment",
    }
)
"""The clauses of the policy in their order."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time; months are those of the calendar, as a policy that says six months means them."""

    text: str
    months: int
    rest: timedelta

    @classmethod
    def parse(cls, text: str) -> "Span":
        """Return the span of an ISO 8601 text such as `P6M`, `P90D` or `PT24H`. Raises: Malformed."""
        match = _SPAN.fullmatch(text)
        parts = [int(part or 0) for part in match.groups()] if match else []
        if not any(parts):
            raise Malformed("a span has the form P6M, P90D or PT24H")
        years, months, days, hours, minutes = parts
        return cls(
            text, years * _MONTHS + months, timedelta(days=days, hours=hours, minutes=minutes)
        )

    def after(self, at: datetime) -> datetime:
        """Return the instant this much later."""
        return months_later(at, self.months) + self.rest

    @property
    def words(self) -> str:
        """Return it as people say it: 72 hours are 72 hours."""
        match = _SPAN.fullmatch(self.text)
        counts = zip(match.groups() if match else (), _UNITS, strict=False)
        return " ".join(
            f"{int(count)} {unit}{'' if int(count) == 1 else 's'}"
            for count, unit in counts
            if count
        )


@dataclass(frozen=True, slots=True)
class Revision:
    """One text of the policy."""

    name: str
    effective: str
    known: str
    """Where we read it."""


@dataclass(frozen=True, slots=True)
class Number:
    """One number that revisions set differently."""

    name: str
    says: str
    unit: str
    more_is_stricter: bool
    by: Mapping[str, int]
    """The number of each revision that sets one."""
    sets_freshness: bool
    """It is also how old evidence may be, in days."""

    def ruling(self, edition: Edition) -> tuple[int, str] | None:
        """Return the strictest number in force and its revision; None where no revision in force has one."""
        found = [(self.by[name], name) for name in edition.revisions if name in self.by]
        if not found:
            return None
        pick = max if self.more_is_stricter else min
        # Of equal ones the oldest, which asked for it first.
        return pick(found, key=lambda pair: pair[0])


@dataclass(frozen=True, slots=True)
class Added:
    """What a later revision adds to a duty in words."""

    revision: str
    says: str


@dataclass(frozen=True, slots=True)
class Duty:
    """One duty of the policy."""

    id: DutyId
    title: str
    asks: str
    quote: str
    """A few words of the policy's own."""
    personal: bool
    """It is of personal data only; the others are of all Information."""
    kind: Kind
    also: tuple[Kind, ...]
    control: str
    office: Office
    """Who answers for it."""
    period: Span | None
    """How often it is done again."""
    deadline: Span | None
    """How long after the trigger it has to be done."""
    trigger: str | None
    set_by_policy: frozenset[str]
    """Which of period and deadline the policy sets; the others are ours."""
    fresh_for: Span
    """How old a finding may be; ours."""
    check: str
    """What is looked at, and when it passes."""
    evidence: tuple[str, ...]
    states: str | None
    """What a named person states; None where nobody has to."""
    renewed: Span | None
    """How long such a statement lives."""
    remedy: str
    page: str | None
    """Where the work is done."""
    rolls_up: tuple[str, ...]
    """It is reckoned from other duties: those whose number begins so, or `*` for all."""
    numbers: tuple[Number, ...]
    added: tuple[Added, ...]

    @property
    def clause(self) -> str:
        """Return the clause, as `1.2`."""
        return self.id.rpartition("-")[0]

    @property
    def parts(self) -> frozenset[Kind]:
        """Return all kinds of it."""
        return frozenset({self.kind, *self.also})

    @property
    def is_checked(self) -> bool:
        """Whether something besides a person's word has to hold."""
        return self.parts != {Kind.ATTEST}

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the statement's text, by which a statement says what was read."""
        return sha256((self.states or "").encode()).hexdigest()

    def is_fresh(self, seen_at: datetime, edition: Edition, now: datetime) -> bool:
        """Tell whether what was seen then still counts."""
        return seen_at <= now < self.fresh_until(seen_at, edition)

    def fresh_until(self, seen_at: datetime, edition: Edition) -> datetime:
        """Return until when something seen counts: our span, or the strictest of the revisions in force."""
        ends = [self.fresh_for.after(seen_at)]
        for number in self.numbers:
            ruling = number.ruling(edition) if number.sets_freshness else None
            if ruling is not None:
                ends.append(seen_at + timedelta(days=ruling[0]))
        return min(ends)


@dataclass(frozen=True, slots=True)
class Definition:
    """A word the policy defines, and what it is here."""

    id: str
    title: str
    quote: str
    here: str


@lru_cache(1)
def duties() -> Mapping[DutyId, Duty]:
    """Return every duty by its number, in the order of the policy."""
    changes = _read("revisions")
    found = [
        _duty(DutyId(id_), row, changes) for name in _FILES for id_, row in _read(name).items()
    ]
    order = list(SECTIONS)
    found.sort(key=lambda duty: (order.index(duty.clause), duty.id))
    return MappingProxyType({duty.id: duty for duty in found})


def duty_of(id_: str) -> Duty:
    """Return a duty. Raises: NotFound."""
    found = duties().get(DutyId(id_))
    if found is None:
        raise NotFound("there is no such duty", hint="strongroom duty list shows them all")
    return found


def number(duty: DutyId, name: str, edition: Edition) -> int | None:
    """Return the strictest number of the revisions in force; None where they set none. Raises: KeyError."""
    found = {one.name: one for one in duties()[duty].numbers}[name].ruling(edition)
    return None if found is None else found[0]


@lru_cache(1)
def definitions() -> tuple[Definition, ...]:
    """Return the words that the policy defines."""
    return tuple(Definition(id_, **row) for id_, row in _read("definitions").items())


@lru_cache(1)
def revisions() -> tuple[Revision, ...]:
    """Return the known revisions, oldest first."""
    return tuple(Revision(**row) for row in _read("revisions")["revision"])


def clocks(duty: Duty) -> list[str]:
    """Return a duty's clocks in words, each with who set it."""

    def whose(name: str) -> str:
        return "the policy's" if name in duty.set_by_policy else "ours"

    found = []
    if duty.period is not None:
        found.append(f"every {duty.period.words} ({whose('period')})")
    if duty.deadline is not None:
        after = "" if duty.trigger is None else f" after {duty.trigger}"
        found.append(f"within {duty.deadline.words}{after} ({whose('deadline')})")
    elif duty.trigger is not None:
        found.append(f"when {duty.trigger}")
    found.append(f"evidence counts for {duty.fresh_for.words}")
    if duty.renewed is not None:
        found.append(f"stated again after {duty.renewed.words}")
    return found


def _read(name: str) -> dict[str, Any]:
    text = files("strongroom.compliance.duties").joinpath(f"{name}.toml").read_text("utf-8")
    return tomllib.loads(text)


def _duty(id_: DutyId, row: Mapping[str, Any], changes: Mapping[str, Any]) -> Duty:
    def span(name: str) -> Span | None:
        return Span.parse(row[name]) if name in row else None

    return Duty(
        id_,
        row["title"],
        row["asks"],
        row["quote"],
        row["applies_to"] == "pii",
        Kind(row["kind"]),
        tuple(map(Kind, row.get("also", ()))),
        row["control"],
        Office(row["office"]),
        span("period"),
        span("deadline"),
        row.get("trigger"),
        frozenset(row.get("set_by_policy", ())),
        Span.parse(row["fresh_for"]),
        row["check"],
        tuple(row["evidence"]),
        row.get("states"),
        span("renewed"),
        row["remedy"],
        row.get("page"),
        tuple(row.get("rolls_up", ())),
        tuple(_number(one) for one in changes["number"] if one["duty"] == id_),
        tuple(
            Added(one["revision"], one["says"]) for one in changes["change"] if one["duty"] == id_
        ),
    )


def _number(row: Mapping[str, Any]) -> Number:
    return Number(
        row["name"],
        row["says"],
        row["unit"],
        row["stricter"] == "more",
        MappingProxyType(row["by"]),
        row.get("sets") == "fresh_for",
    )
