"""Where anything leaves to: third parties, collectors, channels, backups; each takes a second person [1.3, 2.2]."""

from hashlib import sha256

from strongroom.backups import Places
from strongroom.backups.places import Place
from strongroom.desk.exchange import ADMINISTERS, OVERSEES, Answer, Exchange, Route
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.errors import Conflict, Denied, NotFound, StrongroomError, Tampered
from strongroom.feeds.destinations import kind_of, place_of
from strongroom.feeds.parties import Party
from strongroom.feeds.targets import Role, Target
from strongroom.terms import PrincipalId

_REFUSALS = (Conflict, Denied, Tampered)
_TITLES = {
    Role.PARTY: "Third parties that the relay sends to",
    Role.FEED: "Collectors of the log",
    Role.CHANNEL: "Ways of notices to people",
}


def routes(rooms: Rooms) -> list[Route]:
    """Return the destinations for who oversees; deciding about one is for who administers."""
    pages = _DestinationPages(rooms)
    return [
        Route("GET", "/destinations", pages.show, needs=OVERSEES),
        Route("GET", "/destinations/{id}", pages.one, needs=OVERSEES),
        Route("GET", "/destinations/places/{id}", pages.place, needs=OVERSEES),
        *(
            Route("POST", path, handler, needs=ADMINISTERS, proved="destinations")
            for path, handler in (
                ("/destinations/{id}/approve", pages.approve),
                ("/destinations/{id}/reject", pages.reject),
                ("/destinations/{id}/remove", pages.remove),
                ("/destinations/places/{id}/approve", pages.approve_place),
                ("/destinations/places/{id}/reject", pages.reject_place),
                ("/destinations/places/{id}/remove", pages.remove_place),
            )
        ),
    ]


class _DestinationPages:
    def __init__(self, rooms: Rooms) -> None:
        self._targets = rooms.targets
        self._places: Places = rooms.places
        self._disclosures = rooms.disclosures
        self._accounts = rooms.accounts
        self._sellers = rooms.sellers

    def show(self, exchange: Exchange) -> Answer:
        listed = {role: self._targets.listed(role) for role in _TITLES}
        places = self._places.listed()
        names = self._accounts.names()
        return exchange.page(
            "destinations.html",
            listed=listed,
            titles=_TITLES,
            kind_of=kind_of,
            place_of=place_of,
            told={one.id: self._disclosures.count(one.id) for one in listed[Role.PARTY]},
            places=places,
            names=names,
            waiting=sum(
                one.state in ("pending", "leaving") for rows in listed.values() for one in rows
            )
            + sum(one.state in ("pending", "leaving") for one in places),
            tampered=self._targets.drift(),
        )

    def one(self, exchange: Exchange) -> Answer:
        return self._one(exchange, None)

    def approve(self, exchange: Exchange) -> Answer:
        """Approve what was shown: the form carries the terms of the page."""
        target, terms = self._target(exchange), exchange.form.word("terms", longest=64)
        try:
            self._targets.approve(
                target.role, target.name, exchange.person.caller, exchange.now, terms=terms
            )
        except _REFUSALS as exc:
            return self._one(exchange, exc)
        return exchange.go("/destinations", Said.DESTINATION_APPROVED)

    def reject(self, exchange: Exchange) -> Answer:
        target = self._target(exchange)
        try:
            self._targets.reject(target.role, target.name, exchange.person.caller, exchange.now)
        except _REFUSALS as exc:
            return self._one(exchange, exc)
        return exchange.go("/destinations", Said.DESTINATION_REJECTED)

    def remove(self, exchange: Exchange) -> Answer:
        target = self._target(exchange)
        try:
            self._targets.request_removal(
                target.role, target.name, exchange.person.caller, exchange.now
            )
        except _REFUSALS as exc:
            return self._one(exchange, exc)
        return exchange.go("/destinations", Said.DESTINATION_LEAVING)

    def place(self, exchange: Exchange) -> Answer:
        return self._one_place(exchange, None)

    def approve_place(self, exchange: Exchange) -> Answer:
        terms = exchange.form.word("terms", longest=64)
        try:
            self._places.approve(exchange.id, terms, exchange.person.caller, exchange.now)
        except _REFUSALS as exc:
            return self._one_place(exchange, exc)
        return exchange.go("/destinations", Said.DESTINATION_APPROVED)

    def reject_place(self, exchange: Exchange) -> Answer:
        try:
            self._places.reject(exchange.id, exchange.person.caller, exchange.now)
        except _REFUSALS as exc:
            return self._one_place(exchange, exc)
        return exchange.go("/destinations", Said.DESTINATION_REJECTED)

    def remove_place(self, exchange: Exchange) -> Answer:
        try:
            self._places.request_removal(exchange.id, exchange.person.caller, exchange.now)
        except _REFUSALS as exc:
            return self._one_place(exchange, exc)
        return exchange.go("/destinations", Said.DESTINATION_LEAVING)

    # -- private ---------------------------------------------------------------------------------

    def _one(self, exchange: Exchange, exc: StrongroomError | None) -> Answer:
        target = self._target(exchange)
        return exchange.form_page(
            "destination.html",
            exc,
            name=target.name,
            path=f"/destinations/{target.id}",
            what=_TITLES[target.role],
            state=target.state,
            pairs=[
                ("Kind", kind_of(target.destination)),
                ("Where", place_of(target.destination)),
                *self._party(target),
                ("Asked for by", self._accounts.name_of(target.requested_by)),
                ("Asked for", target.requested_at),
                ("Approved by", self._name(target.approved_by)),
                ("Its end asked for by", self._name(target.removal_by)),
                ("Terms", self._targets.terms(target)),
            ],
            terms=self._targets.terms(target),
            own=exchange.person.caller.principal == (target.removal_by or target.requested_by),
            administers=bool(exchange.may & ADMINISTERS),
            proved=exchange.person.proved_lately(exchange.now),
        )

    def _party(self, target: Target) -> list[tuple[str, object]]:
        """Return what a second person wants to know of a third party before agreeing to it."""
        party = target.destination
        if not isinstance(party, Party):
            return []
        names = self._sellers.names()
        partners = (
            "all, now and later"
            if party.sellers is None
            else ", ".join(names.get(one, str(one)) for one in party.sellers)
        )
        trust = (
            "public roots"
            if party.ca is None
            else f"its own CA, SHA-256 {sha256(party.ca.encode()).hexdigest()}"
        )
        return [
            ("Categories", ", ".join(one.value.replace("_", " ") for one in party.categories)),
            ("Purposes", ", ".join(one.value.replace("_", " ") for one in party.purposes)),
            ("Selling partners", partners),
            ("Trusted by", trust),
            ("Keys it may have", ", ".join(party.pins)),
            ("Networks of its own", ", ".join(party.networks)),
            ("What an app gets of its answers", party.answers.value),
            ("Requests a minute", party.per_minute),
            ("Records told", self._disclosures.count(target.id)),
        ]

    def _one_place(self, exchange: Exchange, exc: StrongroomError | None) -> Answer:
        place = self._place(exchange.id)
        return exchange.form_page(
            "destination.html",
            exc,
            name=f"{place.kind.value} {place.id}",
            path=f"/destinations/places/{place.id}",
            what="Backups and copies of the keystore",
            state=place.state,
            pairs=[
                ("Kind", place.kind.value),
                ("Says", place.value),
                ("Asked for by", self._accounts.name_of(place.requested_by)),
                ("Asked for", place.requested_at),
                ("Approved by", self._name(place.approved_by)),
                ("Its end asked for by", self._name(place.removal_by)),
                ("Terms", self._places.terms(place)),
            ],
            terms=self._places.terms(place),
            own=exchange.person.caller.principal == (place.removal_by or place.requested_by),
            administers=bool(exchange.may & ADMINISTERS),
            proved=exchange.person.proved_lately(exchange.now),
        )

    def _target(self, exchange: Exchange) -> Target:
        found = (one for role in _TITLES for one in self._targets.listed(role))
        target = next((one for one in found if one.id == exchange.id), None)
        if target is None:
            raise NotFound("there is no such destination")
        return target

    def _place(self, number: int) -> Place:
        place = next((one for one in self._places.listed() if one.id == number), None)
        if place is None:
            raise NotFound("there is no such place")
        return place

    def _name(self, id_: PrincipalId | None) -> str | None:
        return None if id_ is None else self._accounts.names().get(id_, "strongroom")
