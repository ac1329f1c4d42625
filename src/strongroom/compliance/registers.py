"""The registers of scope, risks and laws, held against what the house really does [1, 1.5, 2, 2.2].

What receives Information is seen here, not asked for: a new app or destination that no review saw makes the findings
fail until somebody has said what it is. So does a country of a marketplace in traffic without a row.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from strongroom.compliance.cadence import day_end
from strongroom.compliance.overseen import Due, DutyId, Finding, Office, Verdict
from strongroom.compliance.register import Entry, Register
from strongroom.errors import Malformed
from strongroom.policy.holds import MARKETPLACES
from strongroom.terms import Caller, Category

SCOPE_EVERY: Final = timedelta(days=183)
"""How often the scope is reviewed, and where TLS ends [1.5]."""

RISKS_EVERY: Final = timedelta(days=365)
LAWS_EVERY: Final = timedelta(days=90)
SEEN_WITHIN: Final = timedelta(days=14)
"""How long somebody has to say what a new system is."""

ALL: Final = "all"
"""A risk to every system in scope."""

_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_CLAUSES: Final = re.compile(r"[1-3](?:\.[1-7])?(?:-[a-z])?")
_LONGEST: Final = {"title": 120}
_LONGEST_WORDS: Final = 4000
_SHOWN: Final = 5

KINDS: Final[Mapping[str, str]] = {
    "app": "App behind the gateway",
    "destination": "Destination of the relay",
    "feed": "Feed of the log or of notices",
    "paper": "Printed labels and slips",
    "import": "Files that are imported",
    "erp": "ERP",
    "wms": "Warehouse system",
    "spreadsheet": "Spreadsheets",
    "portal": "Downloads from the seller portal",
    "mailbox": "Mailbox",
    "other": "Something else",
}
TLS_ENDS: Final[Mapping[str, str]] = {
    "process": "In the system's own process",
    "own": "On a proxy of ours, on hardware that is ours alone",
    "shared": "On shared hardware of somebody else (CDN, shared load balancer, serverless)",
    "none": "It is reached over no network",
}
ANSWERS: Final[Mapping[str, str]] = {"yes": "Yes", "no": "No"}
TREATMENTS: Final[Mapping[str, str]] = {
    "reduce": "Reduce",
    "avoid": "Avoid",
    "share": "Share",
    "accept": "Accept",
}
FIVE: Final[Mapping[str, str]] = {
    "1": "1, hardly",
    "2": "2, little",
    "3": "3, some",
    "4": "4, much",
    "5": "5, most",
}


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that an entry answers. Without choices it is text, which is sealed."""

    name: str
    label: str
    choices: Mapping[str, str] | None = None
    long: bool = False
    required: bool = True
    hint: str = ""
    given: bool = False
    """Set when the entry is first written, and never changed."""


QUESTIONS: Final[Mapping[str, tuple[Question, ...]]] = {
    "scope": (
        Question("title", "System"),
        Question("kind", "Kind", KINDS),
        Question("hosting", "Who hosts it, and where", hint="Such as the name of a data centre."),
        Question("country", "Hosting country", hint="Two letters, such as DE."),
        Question("categories", "What it receives", {c.value: c.value for c in Category}),
        Question("pii", "Receives personal data in clear", ANSWERS),
        Question("tls", "Where does TLS end?", TLS_ENDS),
        Question("sealed", "Messages are sealed to the receiver's own key", ANSWERS),
        Question("owner", "Who answers for it"),
        Question("note", "Notes", long=True, required=False),
    ),
    "risk": (
        Question("title", "Risk"),
        Question("threat", "What could happen", long=True),
        Question("systems", "Systems", hint="all, or numbers of the scope register, such as 1 4."),
        Question("controls", "Controls", hint="Clauses that meet it, such as 1.2 2.6-h."),
        Question("likelihood", "Likelihood", FIVE),
        Question("impact", "Impact", FIVE),
        Question("treatment", "Treatment", TREATMENTS),
        Question("owner", "Who answers for it"),
        Question("note", "What is done about it", long=True, required=False),
    ),
    "law": (
        Question("country", "Country", hint="Two letters of a marketplace.", given=True),
        Question("laws", "Laws that apply", long=True),
        Question("sources", "Where that was looked up", long=True, required=False),
        Question("owner", "Who answers for it"),
    ),
}
"""What is asked in each register, in this order."""

_FACTS: Final = frozenset({"country", "systems", "controls"})
"""Texts of bounded form, which are no free words."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A system that the house itself sees receive Information."""

    ref: str
    title: str
    kind: str


class Registers:
    """The three registers of one home."""

    def __init__(
        self,
        scope: Register,
        risks: Register,
        laws: Register,
        *,
        seen: Callable[[datetime], list[Seen]],
        marketplaces: Callable[[], Iterable[str]],
    ) -> None:
        self.by_name: Mapping[str, Register] = {"scope": scope, "risk": risks, "law": laws}
        self._seen = seen
        self._marketplaces = marketplaces

    def seen(self, now: datetime) -> list[Seen]:
        """Return the systems that the house sees receive Information."""
        return self._seen(now)

    def unregistered(self, now: datetime) -> list[Seen]:
        """Return the systems that are seen and that the scope has no entry of."""
        known = {entry.ref for entry in self.by_name["scope"].entries()}
        return [one for one in self._seen(now) if one.ref not in known]

    def countries(self) -> frozenset[str]:
        """Return the countries of the marketplaces that selling partners sell in."""
        return frozenset(MARKETPLACES[m] for m in self._marketplaces() if m in MARKETPLACES)

    def missing_countries(self) -> list[str]:
        """Return the countries in traffic that have no row."""
        known = {entry.facts.get("country") for entry in self.by_name["law"].entries()}
        return sorted(self.countries() - known)

    def write(
        self,
        caller: Caller,
        register: str,
        answers: Mapping[str, str],
        now: datetime,
        id_: int | None = None,
    ) -> int:
        """Write an entry, a new one where no number is given; return its number.

        Raises:
            NotFound, Denied, Conflict: as `Register.write`.
            Malformed: an answer is missing or is none of those offered.

        """
        book = self.by_name[register]
        before = None if id_ is None else book.entry(id_)
        facts: dict[str, str] = {}
        words: dict[str, str] = {}
        for question in QUESTIONS[register]:
            given = answers.get(question.name, "").strip()
            if question.given and before is not None:
                given = before.facts[question.name]
            _check(question, given)
            if question.choices is not None or question.name in _FACTS:
                facts[question.name] = given
            elif given:
                words[question.name] = given
        if register == "scope":
            _check_scope(facts)
        ref = None if before is None else before.ref
        if register == "law" and before is None:
            ref = facts["country"]
        return book.write(caller, ref, facts, words, now)

    def take_seen(self, caller: Caller, now: datetime) -> int:
        """Give every system that is seen an entry, with all questions still open; return how many."""
        found = self.unregistered(now)
        for one in found:
            words = {"title": one.title}
            self.by_name["scope"].write(caller, one.ref, {"kind": one.kind}, words, now)
        return len(found)

    def take_catalogue(self, caller: Caller, register: str, now: datetime) -> int:
        """Begin a register with what ships, for what it has not yet: risks, or laws of countries in traffic."""
        book = self.by_name[register]
        known = {entry.ref for entry in book.entries()}
        begun = 0
        if register == "risk":
            for name, row in shipped_risks().items():
                if name not in known:
                    facts = {
                        "systems": ALL,
                        "controls": row["controls"],
                        "likelihood": str(row["likelihood"]),
                        "impact": str(row["impact"]),
                        "treatment": "reduce",
                    }
                    words = {"title": row["title"], "threat": row["threat"]}
                    book.write(caller, name, facts, words, now)
                    begun += 1
        for country in self.missing_countries() if register == "law" else ():
            book.write(
                caller, country, {"country": country}, {"laws": shipped_laws()[country]}, now
            )
            begun += 1
        return begun

    # -- what it tells ----------------------------------------------------------------------------

    def findings(self, now: datetime) -> dict[DutyId, Finding]:
        """Return how scope, risks and laws stand."""
        scope, risks, laws = (self.by_name[name].entries() for name in ("scope", "risk", "law"))
        seen = self.unregistered(now)
        return {
            DutyId("0-a"): _scope_finding(scope, seen, now),
            DutyId("1-b"): _risk_finding(risks, scope, seen, now),
            DutyId("1.5-c"): _tls_finding(scope, seen, now),
            DutyId("2-c"): _store_finding(scope, seen, now),
            DutyId("2.2-d"): _law_finding(laws, self.countries(), now),
        }

    def dues(self, now: datetime) -> Iterator[Due]:
        """Return what is to be answered; the reviews themselves are recurring work."""
        for one in self.unregistered(now):
            what = f"Say what this system is: {one.title}"
            yield Due(
                what,
                "/scope",
                day_end(now) + SEEN_WITHIN,
                Office.SECURITY_OWNER,
                duty=DutyId("0-a"),
            )
        for entry in self.by_name["scope"].entries():
            if open_questions("scope", entry):
                what, by = (
                    f"Answer for system {entry.id} of the scope",
                    entry.changed_at + SEEN_WITHIN,
                )
                yield Due(what, f"/scope/{entry.id}", by, Office.INFRA_ADMIN, duty=DutyId("1.5-c"))
        for country in self.missing_countries():
            what = f"Name the laws of {country}"
            yield Due(what, "/laws", day_end(now), Office.PRIVACY_OWNER, duty=DutyId("2.2-d"))


@lru_cache(1)
def shipped_risks() -> Mapping[str, Any]:
    """Return the threats that a register begins with."""
    return _shipped("risks.toml")


@lru_cache(1)
def shipped_laws() -> Mapping[str, str]:
    """Return the laws that a register begins with, by country."""
    return _shipped("countries.toml")


def _shipped(name: str) -> dict[str, Any]:
    text = files("strongroom.compliance").joinpath(name).read_text(encoding="utf-8")
    return tomllib.loads(text)


def open_questions(register: str, entry: Entry) -> list[str]:
    """Return the labels of what an entry does not answer yet."""
    return [
        question.label
        for question in QUESTIONS[register]
        if question.required
        and not entry.facts.get(question.name)
        and not entry.words.get(question.name)
    ]


def _check(question: Question, given: str) -> None:
    label = question.label.lower()
    if not given:
        if question.required:
            raise Malformed(f"{label}: an answer is missing")
        return
    if len(given) > _LONGEST.get(question.name, _LONGEST_WORDS):
        raise Malformed(f"{label}: that is too long")
    if not question.long and any(not character.isprintable() for character in given):
        raise Malformed(f"{label}: that is one line of text")
    _check_form(question, given)


def _check_form(question: Question, given: str) -> None:
    match question.name:
        case "country" if not _COUNTRY.fullmatch(given):
            raise Malformed("a country is two capital letters, such as DE")
        case "country" if question.given and given not in set(MARKETPLACES.values()):
            raise Malformed("this is no country of a marketplace of Amazon's")
        case "categories":
            if not set(given.split()) <= {category.value for category in Category}:
                raise Malformed("what it receives: choose from the list")
        case "controls" if not all(_CLAUSES.fullmatch(part) for part in given.split()):
            raise Malformed("controls are clauses, such as 1.2 2.6-h")
        case "systems":
            if given != ALL and not all(part.isdigit() for part in given.split()):
                raise Malformed("systems: all, or numbers of the scope register")
        case _ if question.choices is not None and given not in question.choices:
            raise Malformed(f"{question.label.lower()}: choose from the list")


def _check_scope(facts: Mapping[str, str]) -> None:
    if facts["sealed"] == "yes" and facts["tls"] == "none":
        raise Malformed("what is reached over no network is not sealed on its way")


def _is_fresh(entry: Entry, now: datetime, span: timedelta) -> bool:
    return entry.reviewed_at is not None and now < entry.reviewed_at + span


def _faults(
    entries: list[Entry], seen: list[Seen], now: datetime, span: timedelta
) -> tuple[list[str], list[str]]:
    """Return the titles of what nobody entered, and of what no review in time saw as it is."""
    missing = [one.title for one in seen]
    return missing, [e.title for e in entries if not _is_fresh(e, now, span)]


def _some(titles: list[str]) -> str:
    return ", ".join(titles[:_SHOWN]) + (
        f" and {len(titles) - _SHOWN} more" if len(titles) > _SHOWN else ""
    )


def _proof(entries: list[Entry], what: str) -> tuple[str, ...]:
    dates = [entry.reviewed_at for entry in entries if entry.reviewed_at is not None]
    last = f", last reviewed {max(dates):%Y-%m-%d}" if dates else ""
    return (f"{what} register: {len(entries)} entries{last}",)


def _scope_finding(entries: list[Entry], seen: list[Seen], now: datetime) -> Finding:
    proof = _proof(entries, "scope")
    remedy = "enter every system on the page of scope, and review the register"
    missing, stale = _faults(entries, seen, now, SCOPE_EVERY)
    if missing:
        why = f"what receives Information and is in no scope: {_some(missing)}"
        return Finding(Verdict.FAIL, why, proof, remedy)
    if not entries:
        return Finding(Verdict.UNKNOWN, "no system is in the scope register", proof, remedy)
    if stale:
        why = f"no review of the last six months saw as they are: {_some(stale)}"
        return Finding(Verdict.FAIL, why, proof, remedy)
    return Finding(Verdict.PASS, "every system that is seen was reviewed", proof)


def _tls_finding(entries: list[Entry], seen: list[Seen], now: datetime) -> Finding:
    proof = _proof(entries, "scope")
    remedy = "answer where TLS ends for each system, seal to the receiver's key where it ends on shared hardware"
    unanswered = [one.title for one in seen] + [e.title for e in entries if not e.facts.get("tls")]
    if unanswered:
        why = f"nobody answered where TLS ends for {_some(unanswered)}"
        return Finding(Verdict.FAIL, why, proof, remedy)
    if not entries:
        return Finding(Verdict.UNKNOWN, "no system is in the scope register", proof, remedy)
    bare = [
        e.title for e in entries if e.facts["tls"] == "shared" and e.facts.get("sealed") != "yes"
    ]
    if bare:
        why = f"TLS ends on shared hardware and messages are not sealed: {_some(bare)}"
        return Finding(Verdict.FAIL, why, proof, remedy)
    _missing, stale = _faults(entries, [], now, SCOPE_EVERY)
    if stale:
        why = f"answers are older than six months or changed since: {_some(stale)}"
        return Finding(Verdict.FAIL, why, proof, "review the scope register")
    return Finding(Verdict.PASS, "for every system somebody answered where TLS ends", proof)


def _store_finding(entries: list[Entry], seen: list[Seen], now: datetime) -> Finding:
    proof = _proof(entries, "scope")
    remedy = (
        "say for each system whether it receives personal data in clear, and who answers for it"
    )
    open_ = [one.title for one in seen]
    open_ += [e.title for e in entries if not e.facts.get("pii") or not e.words.get("owner")]
    if open_:
        why = f"it is not said whether personal data lies in {_some(open_)}"
        return Finding(Verdict.FAIL, why, proof, remedy)
    if not entries:
        return Finding(Verdict.UNKNOWN, "no system is in the scope register", proof, remedy)
    _missing, stale = _faults(entries, [], now, SCOPE_EVERY)
    if stale:
        why = f"no review of the last six months saw as they are: {_some(stale)}"
        return Finding(Verdict.FAIL, why, proof, "review the scope register")
    holding = sum(entry.facts["pii"] == "yes" for entry in entries)
    why = f"{holding} of {len(entries)} systems receive personal data in clear, each with an owner"
    return Finding(Verdict.PASS, why, proof)


def _risk_finding(
    risks: list[Entry], scope: list[Entry], seen: list[Seen], now: datetime
) -> Finding:
    proof = _proof(risks, "risk")
    remedy = (
        "begin with the catalogue on the page of risks, answer each entry, and review the register"
    )
    if not risks:
        return Finding(Verdict.FAIL, "the risk register is empty", proof, remedy)
    undone = [e.title for e in risks if open_questions("risk", e)]
    if undone:
        why = f"{len(undone)} of {len(risks)} risks have no owner or treatment: {_some(undone)}"
        return Finding(Verdict.FAIL, why, proof, remedy)
    _missing, stale = _faults(risks, [], now, RISKS_EVERY)
    if stale:
        why = f"{len(stale)} of {len(risks)} risks were not reviewed within a year as they are: {_some(stale)}"
        return Finding(Verdict.FAIL, why, proof, "review the risk register")
    covered = {part for e in risks for part in e.facts["systems"].split()}
    bare = [one.title for one in seen] + [e.title for e in scope if str(e.id) not in covered]
    if ALL not in covered and bare:
        why = f"no risk is about these systems in scope: {_some(bare)}"
        return Finding(Verdict.FAIL, why, proof, "link a risk to each system, or to all")
    return Finding(Verdict.PASS, "each system in scope has reviewed risks with controls", proof)


def _law_finding(laws: list[Entry], countries: frozenset[str], now: datetime) -> Finding:
    proof = _proof(laws, "law")
    missing = sorted(countries - {entry.facts["country"] for entry in laws})
    if missing:
        why = f"countries in traffic without a row: {', '.join(missing)}"
        return Finding(Verdict.FAIL, why, proof, "name their laws on the page of laws")
    if not laws:
        why = "no selling partner sells anywhere yet, and no law is named"
        return Finding(Verdict.UNKNOWN, why, proof, "name the laws of the countries you sell in")
    rows = [entry for entry in laws if entry.facts["country"] in countries] or laws
    undone = [e.facts["country"] for e in rows if open_questions("law", e)]
    if undone:
        why = f"nobody answers for the laws of {', '.join(undone)}"
        return Finding(Verdict.FAIL, why, proof, "answer every question of these rows")
    stale = [e.facts["country"] for e in rows if not _is_fresh(e, now, LAWS_EVERY)]
    if stale:
        why = f"not reviewed within 90 days as they are: {', '.join(stale)}"
        return Finding(Verdict.FAIL, why, proof, "review the law register, and note the sources")
    return Finding(
        Verdict.PASS, "every country in traffic has its laws, reviewed in 90 days", proof
    )
