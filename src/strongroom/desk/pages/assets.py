"""The inventory: what is in it, one asset, how devices stand, media and paper, and how it leaves [1.1, 2.3]."""

from collections.abc import Mapping
from datetime import UTC, datetime, time
from enum import StrEnum
from typing import Final, TypeVar

from strongroom.assurance.assets import (
    CHECKS,
    DISPOSALS,
    KINDS,
    SOURCES,
    Cell,
    Check,
    Disposal,
    Filter,
    Kind,
    Source,
    State,
    Words,
    own_bom,
)
from strongroom.assurance.assets.kinds import LONGEST_NOTE
from strongroom.assurance.assets.posture import AGES, FLAGS, applies
from strongroom.assurance.assets.sbom import MOST_BYTES
from strongroom.assurance.assets.written import as_csv
from strongroom.compliance.duties import duty_of
from strongroom.compliance.overseen import DutyId
from strongroom.compliance.policies import Kind as Document
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route, attachment
from strongroom.desk.forms import Form
from strongroom.desk.paging import PAGE, PAGING, cursor_of, slice_of
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.desk.typed import chosen, day
from strongroom.errors import Conflict, Denied, Malformed, NotFound, StrongroomError
from strongroom.terms import PrincipalId, PrincipalKind

_E = TypeVar("_E", bound=StrEnum)
_REFUSALS: Final = (Malformed, Denied, Conflict, NotFound)
_FILTERS: Final = {
    Filter.ACTIVE: "In use",
    Filter.OPEN: "To confirm or retire",
    Filter.NO_OWNER: "Without an owner",
    Filter.RETIRED: "Retired",
    Filter.EVERY: "All",
}
_STATES: Final = {State.FAIL: "Fails", State.UNKNOWN: "Unknown", State.PASS: "Passes"}
_QUERY: Final = PAGING | {"show", "kind", "source", "owner", "pii", "q"}
_SHORT: Final = {
    Check.PRESENT: "Anti-malware",
    Check.RUNNING: "Running",
    Check.SIGNATURES: "Signatures",
    Check.GUARDED: "Cannot be ended",
    Check.DISK: "Disk",
    Check.LOCK: "Screen",
    Check.PATCHES: "Patches",
    Check.SCAN: "Scan",
    Check.OWNER: "Owner",
}
"""Heads of the matrix's columns."""

_DIGITS: Final = 18
_TICKED: Final = 30
"""Assets to confirm on one page: a form has no more fields."""

_STATED: Final = ("2.3-d", "2.3-f")
"""Duties about removable media and paper that people state [2.3]."""


def routes(rooms: Rooms) -> list[Route]:
    """Return the inventory and what can be done with it."""
    pages = _AssetPages(rooms)
    return [
        Route("GET", "/assets", pages.show, needs=OVERSEES, query=_QUERY),
        Route("POST", "/assets/confirm", pages.confirm_some, needs=OVERSEES),
        Route("GET", "/assets/new", pages.new, needs=OVERSEES),
        Route("POST", "/assets/new", pages.add, needs=OVERSEES),
        Route("GET", "/assets/posture", pages.posture, needs=OVERSEES, query=PAGING | {"state"}),
        Route("GET", "/assets/media", pages.media, needs=OVERSEES),
        Route("GET", "/assets/sbom", pages.sbom, needs=OVERSEES),
        Route("POST", "/assets/export", pages.export, needs=OVERSEES),
        Route("GET", "/assets/mine", pages.mine),
        Route("POST", "/assets/mine/{id}/state", pages.state_mine),
        Route("GET", "/assets/{id}", pages.one, needs=OVERSEES),
        Route("POST", "/assets/{id}/change", pages.change, needs=OVERSEES),
        Route("POST", "/assets/{id}/confirm", pages.confirm, needs=OVERSEES),
        Route("POST", "/assets/{id}/retire", pages.retire, needs=OVERSEES),
        Route("POST", "/assets/{id}/state", pages.state, needs=OVERSEES),
        Route("POST", "/assets/{id}/sbom", pages.attach, needs=OVERSEES, upload_bytes=MOST_BYTES),
        Route("POST", "/assets/{id}/sbom/take", pages.take, needs=OVERSEES),
    ]


class _AssetPages:
    def __init__(self, rooms: Rooms) -> None:
        self._assets = rooms.assurance.assets
        self._inventory = rooms.assurance.assets.inventory
        self._compliance = rooms.compliance
        self._accounts = rooms.accounts

    # -- the list --------------------------------------------------------------------------------

    def show(self, exchange: Exchange) -> Answer:
        return self._list(exchange)

    def confirm_some(self, exchange: Exchange) -> Answer:
        """Confirm what was ticked on a page of the list."""
        form, who = exchange.form, exchange.person.caller
        try:
            owner = form.word("owner", longest=64)
            self._inventory.confirm(who, ticked(form), exchange.now, owner=owner)
        except _REFUSALS as exc:
            return self._list(exchange, exc)
        return exchange.go("/assets?show=open", Said.ASSETS_CONFIRMED)

    def export(self, exchange: Exchange) -> Answer:
        """Hand out the whole inventory as CSV; that it left is recorded first."""
        who, now = exchange.person.caller, exchange.now
        rows = self._inventory.export(who, now)
        return exchange.file("assets.csv", "text/csv; charset=utf-8", as_csv(rows, self._names()))

    def sbom(self, exchange: Exchange) -> Answer:
        return exchange.file("strongroom.cdx.json", "application/json", own_bom())

    def _list(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        query, now, cursor = exchange.query, exchange.now, cursor_of(exchange.query)
        which = chosen(Filter, query.get("show") or "active", "from the list")
        if exc is not None:
            which = Filter.OPEN
        owner = _number(query.get("owner", ""))
        size = _TICKED if which is Filter.OPEN else PAGE
        found = self._inventory.page(
            which,
            now,
            kind=_picked(Kind, query.get("kind")),
            source=_picked(Source, query.get("source")),
            owner=None if owner is None else PrincipalId(owner),
            pii={"yes": True, "no": False}.get(query.get("pii", "")),
            text=query.get("q", "").strip()[:200],
            before=cursor.before,
            after=cursor.after,
            limit=size + 1,
        )
        names = {str(id_): name for id_, name in self._names().items()}
        return exchange.form_page(
            "assets.html",
            exc,
            slice=slice_of(found, cursor, lambda one: one.id, size),
            chosen=query,
            which=which.value,
            filters_=[(one.value, name) for one, name in _FILTERS.items()],
            kinds=_options(KINDS),
            sources=_options(SOURCES),
            names=self._names(),
            owners=[(id_, name) for id_, name in sorted(names.items(), key=lambda one: one[1])],
            people=self._people(exchange),
            counts=self._inventory.counts(now),
            waiting=len(self._inventory.waiting(now)),
            findings=self._assets.duties.findings(now),
            kind_names=KINDS,
            source_names=SOURCES,
            due_at=self._assets.campaigns.due_at(now),
            running=self._assets.campaigns.open(),
        )

    # -- one -------------------------------------------------------------------------------------

    def new(self, exchange: Exchange) -> Answer:
        return self._form(exchange, None)

    def add(self, exchange: Exchange) -> Answer:
        form, who = exchange.form, exchange.person.caller
        try:
            id_ = self._inventory.add(
                who,
                chosen(Kind, form.text("kind"), "a kind"),
                _words(form),
                exchange.now,
                owner=form.word("owner", longest=64),
                pii=form.text("pii") == "yes",
            )
        except _REFUSALS as exc:
            return self._form(exchange, exc)
        return exchange.go(f"/assets/{id_}", Said.ASSET_ADDED)

    def one(self, exchange: Exchange) -> Answer:
        return self._one(exchange)

    def change(self, exchange: Exchange) -> Answer:
        form, who = exchange.form, exchange.person.caller
        try:
            self._inventory.change(
                who,
                exchange.id,
                chosen(Kind, form.text("kind"), "a kind"),
                _words(form),
                exchange.now,
                owner=form.word("owner", longest=64),
                pii=form.text("pii") == "yes",
            )
        except (Malformed, Denied, Conflict) as exc:
            return self._one(exchange, exc)
        return exchange.go(f"/assets/{exchange.id}", Said.ASSET_CHANGED)

    def confirm(self, exchange: Exchange) -> Answer:
        who, owner = exchange.person.caller, exchange.form.word("owner", longest=64)
        try:
            self._inventory.confirm(who, [exchange.id], exchange.now, owner=owner)
        except (Malformed, Denied, Conflict) as exc:
            return self._one(exchange, exc)
        return exchange.go(f"/assets/{exchange.id}", Said.ASSETS_CONFIRMED)

    def retire(self, exchange: Exchange) -> Answer:
        form = exchange.form
        try:
            self._inventory.retire(
                exchange.person.caller,
                exchange.id,
                chosen(Disposal, form.text("disposal"), "how the data was destroyed"),
                exchange.now,
                digest=form.word("digest", longest=64),
            )
        except (Malformed, Denied, Conflict) as exc:
            return self._one(exchange, exc)
        return exchange.go(f"/assets/{exchange.id}", Said.ASSET_RETIRED)

    def state(self, exchange: Exchange) -> Answer:
        try:
            self._state(exchange)
        except (Malformed, Denied, Conflict) as exc:
            return self._one(exchange, exc)
        return exchange.go(f"/assets/{exchange.id}", Said.ASSET_STATED)

    def mine(self, exchange: Exchange) -> Answer:
        return self._mine(exchange)

    def state_mine(self, exchange: Exchange) -> Answer:
        """State how a device stands that the person answers for; nobody else's is told apart from none."""
        try:
            mine = self._inventory.devices_of(exchange.person.caller.principal, exchange.now)
            if exchange.id not in {one.id for one, _row in mine}:
                raise NotFound("there is no such asset of yours")
            self._state(exchange)
        except _REFUSALS as exc:
            return self._mine(exchange, exc)
        return exchange.go("/assets/mine", Said.ASSET_STATED)

    def _state(self, exchange: Exchange) -> None:
        form = exchange.form
        flags = {
            check: form.text(check.value) == "yes"
            for check in FLAGS
            if form.text(check.value) in ("yes", "no")
        }
        ages = {
            check: datetime.combine(told, time(), UTC)
            for check in AGES
            if (told := day(form.word(check.value, longest=10))) is not None
        }
        who, digest = exchange.person.caller, form.word("digest", longest=64)
        self._inventory.state(who, exchange.id, flags, ages, exchange.now, digest=digest)

    def _mine(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        now, me = exchange.now, exchange.person.caller.principal
        found = self._inventory.devices_of(me, now)
        return exchange.form_page(
            "asset_mine.html",
            exc,
            devices=[
                (
                    one,
                    _shown(row),
                    [check for check in FLAGS if check in applies(one.kind, current=True)],
                    [check for check in AGES if check in applies(one.kind, current=True)],
                )
                for one, row in found
            ],
            checks=CHECKS,
            kind_names=KINDS,
        )

    def attach(self, exchange: Exchange) -> Answer:
        upload = exchange.form.file("file")
        try:
            if upload is None:
                raise Malformed("choose a file")  # noqa: TRY301 - as the room would
            who = exchange.person.caller
            self._inventory.attach(who, exchange.id, upload.content, exchange.now)
        except (Malformed, Denied, Conflict) as exc:
            return self._one(exchange, exc)
        return exchange.go(f"/assets/{exchange.id}", Said.ASSET_BOM_ATTACHED)

    def take(self, exchange: Exchange) -> Answer:
        return attachment(f"asset-{exchange.id}.json", self._inventory.bom_content(exchange.id))

    def _form(self, exchange: Exchange, exc: StrongroomError | None) -> Answer:
        return exchange.form_page(
            "asset_new.html",
            exc,
            form=exchange.form,
            kinds=_options(KINDS),
            people=self._people(exchange),
            longest=LONGEST_NOTE,
        )

    def _one(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        now = exchange.now
        asset = self._inventory.show(exchange.id)
        names = self._names()
        return exchange.form_page(
            "asset.html",
            exc,
            asset=asset,
            names=names,
            kinds=_options(KINDS),
            kind_names=KINDS,
            source_names=SOURCES,
            disposals=_options(DISPOSALS),
            disposal_names=DISPOSALS,
            people=self._people(exchange),
            row=_shown(self._inventory.posture(asset, now)),
            checks=CHECKS,
            reports=self._inventory.reports(asset.id),
            flags=[one for one in FLAGS if one in applies(asset.kind, current=True)],
            ages=[one for one in AGES if one in applies(asset.kind, current=True)],
            bom=self._inventory.bom(asset.id),
            longest=LONGEST_NOTE,
            most=MOST_BYTES // 1024 // 1024,
        )

    # -- the matrix, and media and paper ---------------------------------------------------------

    def posture(self, exchange: Exchange) -> Answer:
        cursor = cursor_of(exchange.query)
        state = _picked(State, exchange.query.get("state"))
        found = self._inventory.matrix(
            exchange.now,
            state=state,
            before=cursor.before,
            after=cursor.after,
            limit=PAGE + 1,
        )
        columns = [one for one in CHECKS if self._inventory.current or one is not Check.GUARDED]
        return exchange.page(
            "asset_posture.html",
            slice=slice_of(found, cursor, lambda one: one[0].id),
            chosen=exchange.query,
            tally=self._inventory.tally(exchange.now),
            columns=[(one, _SHORT[one]) for one in columns],
            states=_options(_STATES),
            kind_names=KINDS,
            names=self._names(),
            findings=self._assets.duties.findings(exchange.now),
        )

    def media(self, exchange: Exchange) -> Answer:
        """Show who agreed to keep values off removable media, and what was stated of it and of paper."""
        now, duties = exchange.now, self._compliance.duties
        standing = self._compliance.policies.standing(Document.ACCEPTABLE_USE, now)
        active = self._compliance.people.active(now)
        people = []
        for id_, name in sorted(active.items(), key=lambda one: one[1]):
            at = None
            if standing.current is not None and id_ not in standing.missing:
                at = self._compliance.policies.acknowledged_at(standing.current, id_)
            people.append((name, at))
        last = duties.statements.last(now)
        return exchange.page(
            "asset_media.html",
            rows=[(duty_of(DutyId(id_)), last.get(DutyId(id_))) for id_ in _STATED],
            people=people,
            standing=standing,
            mediums=self._inventory.page(Filter.ACTIVE, now, kind=Kind.MEDIUM, limit=PAGE),
            printers=self._inventory.page(Filter.ACTIVE, now, kind=Kind.PRINTER, limit=PAGE),
            names=self._names(),
            now=now,
        )

    # -- private ---------------------------------------------------------------------------------

    def _names(self) -> dict[PrincipalId, str]:
        return {one.id: one.name for one in self._accounts.listed(PrincipalKind.PERSON)}

    def _people(self, exchange: Exchange) -> list[str]:
        return sorted(self._compliance.people.active(exchange.now).values())


def ticked(form: Form) -> list[int]:
    """Return the numbers of the assets that were ticked, of those a form showed."""
    shown = [_number(text) for text in form.text("shown").split(",")]
    return [id_ for id_ in shown if id_ is not None and form.text(f"a{id_}")]


def _number(text: str) -> int | None:
    """Return a number as it stands in a form; None for anything else."""
    plain = text.isascii() and text.isdigit() and len(text) <= _DIGITS
    return int(text) if plain else None


def _words(form: Form) -> Words:
    return Words(
        form.word("name"),
        form.word("serial"),
        form.word("place"),
        form.text("note", longest=LONGEST_NOTE * 2).strip(),
    )


def _shown(row: Mapping[Check, Cell]) -> list[tuple[Check, Cell]]:
    return [(check, cell) for check, cell in row.items() if cell.state is not State.NOT_APPLICABLE]


def _options(named: Mapping[_E, str]) -> list[tuple[str, str]]:
    return [(one.value, name) for one, name in named.items()]


def _picked(kind: type[_E], text: str | None) -> _E | None:
    return chosen(kind, text, "from the list") if text else None
