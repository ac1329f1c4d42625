"""Recurring work over the next twelve months, and a person's word that a piece of it was done."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from strongroom.compliance.agenda import Item
from strongroom.compliance.cadence import MONTHS, Stage, month_start, occurrences, stage
from strongroom.compliance.offices import TITLES
from strongroom.compliance.overseen import Due
from strongroom.compliance.work import Standing
from strongroom.compliance.writings import LONGEST_TEXT
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.errors import Conflict, Malformed, NotFound, StrongroomError

_MOST: Final = 200
_DIGEST: Final = 80


def routes(rooms: Rooms) -> list[Route]:
    """Return the grid, and a page for each kind of work."""
    pages = _CadencePages(rooms)
    return [
        Route("GET", "/cadence", pages.show, needs=OVERSEES),
        # For who fills the work's office too, whom no grant names: the room asks.
        Route("GET", "/cadence/{name}", pages.one),
        Route("POST", "/cadence/{name}", pages.state),
    ]


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the grid."""

    standing: Standing
    stage: Stage
    who: str | None
    cells: list[list[datetime]]


class _CadencePages:
    def __init__(self, rooms: Rooms) -> None:
        self._compliance = rooms.compliance

    def show(self, exchange: Exchange) -> Answer:
        with self._compliance.at_once():
            return self._grid(exchange)

    def _grid(self, exchange: Exchange) -> Answer:
        now, compliance = exchange.now, self._compliance
        starts = [month_start(now, number) for number in range(MONTHS + 1)]
        items = compliance.agenda.items(now)
        whose = {(i.due.what, i.due.path): i.whose for i in items}
        names = {w: compliance.people.name_of(w) for w in {i.whose for i in items} if w}
        rows, happening, paths = [], [], set()
        for one in compliance.work.standing(now):
            work = one.work
            paths.add((work.title, work.path))
            if one.due_at is None:
                happening.append(one)
                continue
            when = list(occurrences(one.due_at, one.period, now))
            cells = [
                [at for at in when if start <= at < end or (at < start and index == 0)]
                for index, (start, end) in enumerate(pairwise(starts))
            ]
            due = Due(work.title, work.path, one.due_at)
            who = whose.get((work.title, work.path))
            rows.append(_Row(one, stage(due, now), names.get(who) if who else None, cells))
        others: list[Item] = [
            item
            for item in items
            if (item.due.what, item.due.path) not in paths and item.due.due_at < starts[-1]
        ]
        return exchange.page(
            "cadence.html",
            now=now,
            months=starts[:-1],
            rows=rows,
            happening=happening,
            others=others[:_MOST],
            more=max(0, len(others) - _MOST),
            names=names,
            titles=TITLES,
        )

    def one(self, exchange: Exchange) -> Answer:
        return self._one(exchange)

    def state(self, exchange: Exchange) -> Answer:
        form = exchange.form
        try:
            self._compliance.work.state(
                exchange.person.caller,
                exchange.parts["name"],
                exchange.now,
                done_at=_day(form.word("day", longest=10), exchange.now),
                note=form.text("note", longest=LONGEST_TEXT),
                evidence=form.word("evidence", longest=_DIGEST),
            )
        except (Malformed, Conflict) as exc:
            return self._one(exchange, exc)
        return exchange.go(f"/cadence/{exchange.parts['name']}", Said.WORK_STATED)

    def _one(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        name, now, compliance = exchange.parts["name"], exchange.now, self._compliance
        found = [one for one in compliance.work.standing(now) if one.work.name == name]
        if not found:
            raise NotFound("there is no such work")
        compliance.work.refuse_others(exchange.person.caller, found[0].work, now)
        done = compliance.work.done(name)
        form = exchange.form
        return exchange.form_page(
            "cadence_work.html",
            exc,
            one=found[0],
            oversees=bool(exchange.may & OVERSEES),
            done=done,
            now=now,
            names={one.by: compliance.people.name_of(one.by) for one in done},
            titles=TITLES,
            day=form.text("day") or f"{now:%Y-%m-%d}",
            note=form.text("note", longest=LONGEST_TEXT),
            evidence=form.text("evidence"),
        )


def _day(text: str, now: datetime) -> datetime:
    """Return a day as an instant: this one for today, or that day's noon. Raises: Malformed."""
    if not text or text == f"{now:%Y-%m-%d}":
        return now
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(hour=12, tzinfo=UTC)
    except ValueError:
        raise Malformed("a day is written as 2026-03-31") from None
