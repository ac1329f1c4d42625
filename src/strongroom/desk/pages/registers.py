"""The registers of scope, risks and laws: what is in them, what is still to be answered, and reviews on one's name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from strongroom.compliance.overseen import DutyId
from strongroom.compliance.register import Entry
from strongroom.compliance.registers import (
    KINDS,
    QUESTIONS,
    TLS_ENDS,
    TREATMENTS,
    open_questions,
    shipped_risks,
)
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.forms import Form
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.errors import Conflict, Denied, Malformed, StrongroomError

_LONGEST: Final = 5000
_SIDE: Final = range(1, 6)
_HIGH, _SOME = 15, 8


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the three registers as its pages show it."""

    name: str
    path: str
    title: str
    about: str
    one: str
    empty: str
    begin: str
    """What the button says that fills it with what is known."""
    duties: tuple[str, ...]
    columns: tuple[str, ...]


_REGISTERS: Final = (
    _Kind(
        "scope",
        "/scope",
        "Scope",
        "Every system that receives Information: seen by this house, or declared by you. Reviewed each "
        "six months, and after each new integration.",
        "system",
        "No system is in scope yet. Declare your ERP, warehouse system, spreadsheets and portal "
        "downloads; what the house sees by itself is offered here.",
        "Enter what was seen",
        ("0-a", "1.5-c", "2-c"),
        ("Kind", "Hosting", "Personal data", "TLS ends"),
    ),
    _Kind(
        "risk",
        "/risks",
        "Risks",
        "What could happen to Information, how likely and how grave, and which controls meet it. "
        "Reviewed each year by people on their names.",
        "risk",
        "The register is empty. Begin with the catalogue of threats that every seller's software meets.",
        "Take over the catalogue",
        ("1-b",),
        ("Controls", "Likelihood", "Impact", "Treatment"),
    ),
    _Kind(
        "law",
        "/laws",
        "Laws",
        "For each country you sell in, the laws on personal data and records. Reviewed each 90 days, "
        "with the sources that were looked at.",
        "country",
        "No country has a row. Rows begin with what ships for the countries your selling partners sell in.",
        "Begin the missing countries",
        ("2.2-d",),
        ("Laws", "Answers"),
    ),
)


def routes(rooms: Rooms) -> list[Route]:
    """Return list, form and reviews of each register for who oversees; the list for who fills an office, too."""
    found = []
    for kind in _REGISTERS:
        pages = _RegisterPages(rooms, kind)
        path = kind.path
        found += [
            Route("GET", path, pages.show, needs=OVERSEES, for_offices=True),
            Route("POST", f"{path}/begin", pages.begin, needs=OVERSEES),
            Route("POST", f"{path}/review", pages.review, needs=OVERSEES),
            Route("GET", f"{path}/new", pages.new, needs=OVERSEES),
            Route("POST", f"{path}/new", pages.write, needs=OVERSEES),
            Route("GET", f"{path}/{{id}}", pages.edit, needs=OVERSEES),
            Route("POST", f"{path}/{{id}}", pages.write, needs=OVERSEES),
            Route("POST", f"{path}/{{id}}/end", pages.end, needs=OVERSEES),
        ]
    return found


@dataclass(frozen=True, slots=True)
class _Row:
    entry: Entry
    cells: tuple[str, ...]
    open: list[str]


class _RegisterPages:
    def __init__(self, rooms: Rooms, kind: _Kind) -> None:
        self._registers = rooms.compliance.registers
        self._book = self._registers.by_name[kind.name]
        self._people = rooms.compliance.people
        self._kind = kind

    def show(self, exchange: Exchange) -> Answer:
        return self._list(exchange)

    def begin(self, exchange: Exchange) -> Answer:
        caller, now = exchange.person.caller, exchange.now
        if self._kind.name == "scope":
            self._registers.take_seen(caller, now)
        else:
            self._registers.take_catalogue(caller, self._kind.name, now)
        return exchange.go(self._kind.path, Said.REGISTER_BEGUN)

    def review(self, exchange: Exchange) -> Answer:
        try:
            note = exchange.form.text("note", longest=_LONGEST)
            self._book.review(exchange.person.caller, note, exchange.now)
        except (Malformed, Conflict, Denied) as exc:
            return self._list(exchange, exc)
        return exchange.go(self._kind.path, Said.REGISTER_REVIEWED)

    def new(self, exchange: Exchange) -> Answer:
        return self._form(exchange, None, {})

    def edit(self, exchange: Exchange) -> Answer:
        entry = self._book.entry(exchange.id)
        return self._form(exchange, entry, {**entry.facts, **entry.words})

    def write(self, exchange: Exchange) -> Answer:
        id_ = exchange.id if "id" in exchange.parts else None
        entry = None if id_ is None else self._book.entry(id_)
        answers: dict[str, str] = {}
        try:
            answers = _answers(self._kind.name, exchange.form)
            self._registers.write(
                exchange.person.caller, self._kind.name, answers, exchange.now, id_
            )
        except (Malformed, Conflict, Denied) as exc:
            return self._form(exchange, entry, answers, exc)
        return exchange.go(self._kind.path, Said.REGISTER_WRITTEN)

    def end(self, exchange: Exchange) -> Answer:
        self._book.end(exchange.person.caller, exchange.id, exchange.now)
        return exchange.go(self._kind.path, Said.REGISTER_ENDED)

    def _list(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        name, now = self._kind.name, exchange.now
        entries = self._book.entries()
        reviews = self._book.reviews()
        findings = self._registers.findings(now)
        return exchange.form_page(
            "register.html",
            exc,
            kind=self._kind,
            writes=bool(exchange.may & OVERSEES),
            rows=[_Row(e, _cells(name, e), open_questions(name, e)) for e in entries],
            grid=_grid(entries) if name == "risk" else None,
            seen=self._registers.unregistered(now) if name == "scope" else [],
            missing=self._registers.missing_countries() if name == "law" else [],
            more=name == "risk" and not set(shipped_risks()) <= {e.ref for e in entries},
            kinds=KINDS,
            findings=[(duty, findings[DutyId(duty)]) for duty in self._kind.duties],
            reviews=reviews,
            names={one.by: self._people.name_of(one.by) for one in reviews},
            note=exchange.form.text("note", longest=_LONGEST),
        )

    def _form(
        self,
        exchange: Exchange,
        entry: Entry | None,
        answers: Mapping[str, str],
        exc: StrongroomError | None = None,
    ) -> Answer:
        return exchange.form_page(
            "register_entry.html",
            exc,
            kind=self._kind,
            entry=entry,
            questions=QUESTIONS[self._kind.name],
            answers=answers,
            chosen=set(answers.get("categories", "").split()),
        )


def _answers(register: str, form: Form) -> dict[str, str]:
    """Return what a form answers; the ticked boxes of one question as one text."""
    found = {}
    for question in QUESTIONS[register]:
        if question.name == "categories" and question.choices is not None:
            ticked = [one for one in question.choices if form.text(f"categories.{one}")]
            found[question.name] = " ".join(ticked)
        else:
            found[question.name] = form.text(question.name, longest=_LONGEST).replace("\r\n", "\n")
    return found


def _cells(register: str, entry: Entry) -> tuple[str, ...]:
    facts, words = entry.facts, entry.words
    match register:
        case "scope":
            place = " ".join((words.get("hosting", ""), facts.get("country", ""))).strip()
            pii = {"yes": "in clear", "no": "tokens only"}.get(facts.get("pii", ""), "")
            ends = TLS_ENDS.get(facts.get("tls", ""), "")
            return KINDS.get(facts.get("kind", ""), ""), place, pii, ends
        case "risk":
            treatment = TREATMENTS.get(facts.get("treatment", ""), "")
            return facts["controls"], facts["likelihood"], facts["impact"], treatment
    return words.get("laws", ""), words.get("owner", "")


def _grid(entries: list[Entry]) -> list[tuple[int, list[tuple[int, str, list[Entry]]]]]:
    """Return the risks by impact, greatest first, and likelihood, each cell with how grave it is."""
    return [
        (
            impact,
            [
                (
                    likelihood,
                    "bad"
                    if impact * likelihood >= _HIGH
                    else "heed"
                    if impact * likelihood >= _SOME
                    else "good",
                    [
                        e
                        for e in entries
                        if (e.facts["impact"], e.facts["likelihood"])
                        == (str(impact), str(likelihood))
                    ],
                )
                for likelihood in _SIDE
            ],
        )
        for impact in reversed(_SIDE)
    ]
