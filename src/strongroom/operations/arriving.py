"""What an import asks of the home: to take an app's own values in, and what stands for each now; and its events.

The command reads the source with the rights of whoever started it, and shows what it found: only the console may, the
owner of the home, who could put anything in anyway. An answer holds tokens and never a value.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.arriving.mapping import Target, target_of
from strongroom.audit import Event, EventType, ObjKind, Outcome, Reason
from strongroom.crypto.token import as_email
from strongroom.errors import Denied, Malformed
from strongroom.operations.registry import Call, operation
from strongroom.policy.retention import Progress, SightedFacts
from strongroom.policy.sighting import OLDEST, Sighting, SlotKey
from strongroom.request import Json
from strongroom.terms import AuthMethod, SellerId
from strongroom.vault.arrivals import Age, Arrived, Mark

_MOST_ROWS = 1000
_MODES = ("dry", "file", "table")
_FACTS = len(SightedFacts._fields)


@operation("import.begin")
def _begin(call: Call, *, seller: str, mode: str) -> Json:
    """Record that an import begins."""
    _refuse_others(call)
    _record(call, EventType.IMPORT_STARTED, seller, mode, Outcome.SUCCESS, None)
    return {}


@operation("import.bring")
def _bring(  # noqa: PLR0913 - a list each for what rows are made of
    call: Call,
    *,
    seller: str,
    fields: list[str],
    orders: list[str],
    facts: list[list[str]],
    idents: list[list[str]],
    values: list[list[str | None]],
    dry: bool,
    erase: bool,
) -> Json:
    """Take rows in, and say of each its age, what its values were, and what stands for them now.

    `erase` gives tokens of what is past its day, too: writing one over a value that was not stored destroys it.
    """
    _refuse_others(call)
    targets = [target_of(name) for name in fields]
    sizes = {len(orders), len(facts), len(idents), len(values)}
    if len(sizes) != 1 or len(orders) > _MOST_ROWS or {*map(len, values)} - {len(targets)}:
        raise Malformed("the rows do not go together")
    known = call.system.sellers.by_name(seller).id
    rows = [
        _row(call, targets, order, _facts(said), ids, cells)
        for order, said, ids, cells in zip(orders, facts, idents, values, strict=True)
    ]
    open_rows = [row for row in rows if row.sightings]
    ages = call.system.arrivals.ages(known, [row.sightings[0] for row in open_rows], call.now)
    for row, age in zip(open_rows, ages, strict=True):
        row.age = age.value
    if not dry:
        stored = {Age.LIVE.value, Age.PAST_DUE.value} if erase else {Age.LIVE.value}
        _store(call, known, [row for row in open_rows if row.age in stored], erase=erase)
    return {"rows": [row.to_json() for row in rows]}


@operation("import.finish")
def _finish(call: Call, *, seller: str, mode: str, replaced: int, left: int) -> Json:
    """Record what an import came to."""
    _refuse_others(call)
    outcome = Outcome.FAILURE if left else Outcome.SUCCESS
    _record(call, EventType.IMPORT_FINISHED, seller, mode, outcome, replaced)
    return {}


@dataclass(slots=True)
class _Row:
    """One row under way: its sightings, and for each value which of them holds it in which slot."""

    marks: str
    sightings: list[Sighting]
    places: list[tuple[int, SlotKey] | None]
    targets: Sequence[Target]
    tokens: list[str | None]
    age: str = "done"

    def take(self, arrived: Sequence[Arrived]) -> None:
        """Note the tokens that stand for the values."""
        for index, place in enumerate(self.places):
            token = None if place is None else arrived[place[0]].tokens.get(place[1])
            if token is not None:
                self.tokens[index] = as_email(token) if self.targets[index].is_email else token

    def to_json(self) -> Json:
        return {"age": self.age, "marks": self.marks, "tokens": self.tokens}


def _row(
    call: Call,
    targets: Sequence[Target],
    order: str,
    facts: SightedFacts,
    ids: Sequence[str],
    cells: Sequence[str | None],
) -> _Row:
    marks = ["-" if cell is None else call.system.arrivals.mark(cell).value[0] for cell in cells]
    row = _Row("".join(marks), [], [None] * len(cells), targets, [None] * len(cells))
    owners = dict(zip(("item", "package"), ids, strict=True))
    for index, cell in enumerate(cells):
        if cell is None or marks[index] != Mark.VALUE.value[0]:
            continue
        slot = targets[index].slot(owners.get(targets[index].owner) or "0")
        # Two columns of one field that say different things: a view of its own for the second.
        place = next(
            (n for n, one in enumerate(row.sightings) if one.slots.get(slot, cell) == cell),
            len(row.sightings),
        )
        if place == len(row.sightings):
            row.sightings.append(Sighting("order", order, {}, facts, OLDEST))
        row.sightings[place].slots[slot] = cell
        row.places[index] = (place, slot)
    return row


def _store(call: Call, seller: SellerId, rows: Sequence[_Row], *, erase: bool) -> None:
    sightings = [one for row in rows for one in row.sightings]
    arrived = iter(call.system.arrivals.bring(call.caller, seller, sightings, call.now))
    for row in rows:
        own = [next(arrived) for _ in row.sightings]
        if any(one.gone for one in own):
            row.age = Age.PAST_DUE.value
            if not erase:
                continue
        row.take(own)


def _facts(said: Sequence[str]) -> SightedFacts:
    try:
        status, *instants = said
        if len(instants) != _FACTS - 1:
            raise Malformed("an order's dates are incomplete")
        return SightedFacts(Progress(int(status)), *map(int, instants))
    except ValueError:
        raise Malformed("an order's dates have another form") from None


def _record(
    call: Call, type_: EventType, seller: str, mode: str, outcome: Outcome, n: int | None
) -> None:
    if mode not in _MODES:
        raise Malformed("no such import")
    known = call.system.sellers.by_name(seller).id
    event = Event(
        type_,
        outcome,
        call.caller,
        op=f"import.{mode}",
        obj_kind=ObjKind.SELLER,
        obj_ref=str(known),
        n=n,
        seller=known,
    )
    call.system.audit.record(event, now=call.now)


def _refuse_others(call: Call) -> None:
    if call.caller.auth is AuthMethod.CONSOLE:
        return
    event = Event(
        EventType.IMPORT_STARTED, Outcome.DENIED, call.caller, reason=Reason.NOT_AUTHORIZED
    )
    call.system.audit.record(event, now=call.now)
    raise Denied("only the console imports")
