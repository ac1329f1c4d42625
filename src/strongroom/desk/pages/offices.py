"""Who holds each office and who is its deputy; everybody accepts their own [1.6]."""

from strongroom.compliance.offices import TITLES, Part, Seat, part_named
from strongroom.compliance.overseen import Office
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.errors import Conflict, Denied, Malformed, NotFound, StrongroomError

_NAME = 64
_ADDRESS = 254


def routes(rooms: Rooms) -> list[Route]:
    """Return the table for who oversees, and one's own part for anybody."""
    pages = _OfficePages(rooms)
    return [
        Route("GET", "/offices", pages.show, needs=OVERSEES),
        Route("POST", "/offices", pages.appoint, needs=OVERSEES, proved="offices"),
        Route("GET", "/offices/mine", pages.mine),
        Route("POST", "/offices/mine", pages.accept),
        Route("POST", "/offices/mine/all", pages.take_all, needs=OVERSEES),
        Route("POST", "/offices/mine/address", pages.reach),
    ]


class _OfficePages:
    def __init__(self, rooms: Rooms) -> None:
        self._offices = rooms.compliance.offices
        self._people = rooms.compliance.people

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def appoint(self, exchange: Exchange) -> Answer:
        """Appoint the person to every office whose box is ticked."""
        form, caller, now = exchange.form, exchange.person.caller, exchange.now
        try:
            part = part_named(form.text("part"))
            chosen = [office for office in Office if form.text(office.value)]
            if not chosen:
                raise Malformed("choose at least one office")  # noqa: TRY301 - as the room would
            name = form.word("person", longest=_NAME)
            for office in chosen:
                self._offices.appoint(caller, office, part, name, now)
        except (Malformed, NotFound, Conflict, Denied) as exc:
            return self._page(exchange, exc)
        return exchange.go("/offices", Said.OFFICES_APPOINTED)

    def mine(self, exchange: Exchange) -> Answer:
        return self._mine(exchange)

    def accept(self, exchange: Exchange) -> Answer:
        """Accept every place whose box is ticked."""
        form, caller, now = exchange.form, exchange.person.caller, exchange.now
        try:
            chosen = [
                (office, part)
                for office in Office
                for part in Part
                if form.text(_box(office, part))
            ]
            if not chosen:
                raise Malformed("tick what you take on")  # noqa: TRY301 - as the room would
            address = form.word("address", longest=_ADDRESS) or None
            for office, part in chosen:
                self._offices.accept(caller, office, part, now, address)
        except (Malformed, Conflict, Denied) as exc:
            return self._mine(exchange, exc)
        return exchange.go("/offices/mine", Said.OFFICES_ACCEPTED)

    def take_all(self, exchange: Exchange) -> Answer:
        address = exchange.form.word("address", longest=_ADDRESS) or None
        try:
            self._offices.take_all(exchange.person.caller, address, exchange.now)
        except (Malformed, Conflict, Denied) as exc:
            return self._mine(exchange, exc)
        return exchange.go("/offices/mine", Said.OFFICES_ACCEPTED)

    def reach(self, exchange: Exchange) -> Answer:
        try:
            address = exchange.form.word("address", longest=_ADDRESS)
            self._offices.reach(exchange.person.caller, address, exchange.now)
        except Malformed as exc:
            return self._mine(exchange, exc)
        return exchange.go("/offices/mine", Said.CONTACT_GIVEN)

    def _page(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        now = exchange.now
        seats = self._offices.seats(now)
        by_office: dict[Office, dict[Part, Seat]] = {office: {} for office in Office}
        for seat in seats:
            by_office[seat.office][seat.part] = seat
        names = {
            seat.person: self._people.name_of(seat.person)
            for seat in seats
            if seat.person is not None
        }
        return exchange.form_page(
            "offices.html",
            exc,
            offices=by_office,
            titles=TITLES,
            names=names,
            filled=sum(seat.fault is None for seat in seats),
            places=len(seats),
            people=sorted(self._people.active(now).values()),
            one_person=self._offices.one_person,
            proved=exchange.person.proved_lately(now),
            person=exchange.form.text("person"),
            part=exchange.form.text("part"),
        )

    def _mine(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        person = exchange.person.caller.principal
        seats = self._offices.mine(person, exchange.now)
        return exchange.form_page(
            "offices_mine.html",
            exc,
            waiting=[seat for seat in seats if seat.accepted_at is None or seat.fault],
            held=[seat for seat in seats if seat.fault is None],
            box=_box,
            titles=TITLES,
            reached=self._offices.is_reached(person),
            alone=self._offices.one_person and bool(exchange.may & OVERSEES),
            address=exchange.form.text("address"),
        )


def _box(office: Office, part: Part) -> str:
    return f"{office}.{part}"
