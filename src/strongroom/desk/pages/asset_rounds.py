"""Imports into the inventory, shown before they are done, and the quarter's campaign until it is signed [2.3]."""

from typing import Final

from strongroom.assurance.assets.mappings import MOST_BYTES as MOST_MAPPING
from strongroom.assurance.assets.mappings import shipped
from strongroom.assurance.assets.reading import MOST_BYTES
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.pages.assets import ticked
from strongroom.desk.paging import PAGING, cursor_of, slice_of
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.errors import Conflict, Denied, Gone, Malformed, NotFound, StrongroomError
from strongroom.terms import PrincipalId, PrincipalKind

_REFUSALS: Final = (Malformed, Denied, Conflict, NotFound, Gone)
_PAGE: Final = 30
_NAMED: Final = 200
"""Assets of a difference that a page names."""


def routes(rooms: Rooms) -> list[Route]:
    """Return imports and campaigns, and what can be done with them."""
    pages = _RoundPages(rooms)
    return [
        Route("GET", "/assets/imports", pages.imports, needs=OVERSEES),
        Route("POST", "/assets/imports", pages.upload, needs=OVERSEES, upload_bytes=MOST_BYTES),
        Route("GET", "/assets/imports/{id}", pages.one_import, needs=OVERSEES),
        Route("POST", "/assets/imports/{id}/apply", pages.apply, needs=OVERSEES),
        Route("POST", "/assets/imports/{id}/drop", pages.drop, needs=OVERSEES),
        Route("GET", "/assets/campaigns", pages.campaigns, needs=OVERSEES),
        Route("POST", "/assets/campaigns", pages.start, needs=OVERSEES),
        Route("GET", "/assets/campaigns/{id}", pages.campaign, needs=OVERSEES, query=PAGING),
        Route("POST", "/assets/campaigns/{id}/confirm", pages.confirm, needs=OVERSEES),
        Route("POST", "/assets/campaigns/{id}/sign", pages.sign, needs=OVERSEES),
        Route("POST", "/assets/campaigns/{id}/take", pages.take, needs=OVERSEES),
    ]


class _RoundPages:
    def __init__(self, rooms: Rooms) -> None:
        self._assets = rooms.assurance.assets
        self._people = rooms.compliance.people
        self._accounts = rooms.accounts

    # -- imports ---------------------------------------------------------------------------------

    def imports(self, exchange: Exchange) -> Answer:
        return self._imports(exchange)

    def upload(self, exchange: Exchange) -> Answer:
        form = exchange.form
        file, own = form.file("file"), form.file("mapping")
        try:
            if file is None:
                raise Malformed("choose a file")
            if own is not None and len(own.content) > MOST_MAPPING:
                raise Malformed("the mapping is too long")
            name = form.word("name", longest=40)
            feed = name if own is not None else form.word("feed", longest=40)
            mapping = b"" if own is None else own.content
            who, now = exchange.person.caller, exchange.now
            found = self._assets.imports.preview(who, feed, file.content, now, mapping=mapping)
        except _REFUSALS as exc:
            return self._imports(exchange, exc)
        return exchange.go(f"/assets/imports/{found.id}")

    def one_import(self, exchange: Exchange) -> Answer:
        return self._import(exchange)

    def apply(self, exchange: Exchange) -> Answer:
        leave_out = exchange.form.text("leave_out") == "yes"
        try:
            who, now = exchange.person.caller, exchange.now
            self._assets.imports.apply(who, exchange.id, now, leave_out=leave_out)
        except (Denied, Conflict, Gone, Malformed) as exc:
            return self._import(exchange, exc)
        return exchange.go(f"/assets/imports/{exchange.id}", Said.ASSETS_IMPORTED)

    def drop(self, exchange: Exchange) -> Answer:
        try:
            self._assets.imports.drop(exchange.person.caller, exchange.id, exchange.now)
        except (Denied, Conflict) as exc:
            return self._import(exchange, exc)
        return exchange.go("/assets/imports", Said.ASSETS_DROPPED)

    def _imports(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        return exchange.form_page(
            "asset_imports.html",
            exc,
            imports=self._assets.imports.listed(exchange.now),
            feeds=[(name, one.title) for name, one in shipped().items()],
            feed=exchange.form.text("feed"),
            names=self._names(),
            most=MOST_BYTES // 1024 // 1024,
        )

    def _import(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        found = self._assets.imports.show(exchange.id, exchange.now)
        return exchange.form_page("asset_import.html", exc, one=found, names=self._names())

    # -- campaigns -------------------------------------------------------------------------------

    def campaigns(self, exchange: Exchange) -> Answer:
        return self._campaigns(exchange)

    def start(self, exchange: Exchange) -> Answer:
        try:
            started = self._assets.campaigns.start(exchange.person.caller, exchange.now)
        except (Denied, Conflict) as exc:
            return self._campaigns(exchange, exc)
        return exchange.go(f"/assets/campaigns/{started.id}", Said.ASSETS_FROZEN)

    def campaign(self, exchange: Exchange) -> Answer:
        return self._campaign(exchange)

    def confirm(self, exchange: Exchange) -> Answer:
        """Confirm what was ticked on the page of a campaign."""
        form, who = exchange.form, exchange.person.caller
        try:
            ids = ticked(form)
            owner = form.word("owner", longest=64)
            self._assets.inventory.confirm(who, ids, exchange.now, owner=owner)
        except _REFUSALS as exc:
            return self._campaign(exchange, exc)
        return exchange.go(f"/assets/campaigns/{exchange.id}", Said.ASSETS_CONFIRMED)

    def sign(self, exchange: Exchange) -> Answer:
        try:
            self._assets.campaigns.close(exchange.person.caller, exchange.id, exchange.now)
        except (Denied, Conflict) as exc:
            return self._campaign(exchange, exc)
        return exchange.go(f"/assets/campaigns/{exchange.id}", Said.ASSETS_SIGNED)

    def take(self, exchange: Exchange) -> Answer:
        """Hand out the inventory of a quarter, as it was signed or frozen; that it left is recorded first."""
        found = self._assets.campaigns.show(exchange.id)
        content = self._assets.campaigns.take(exchange.person.caller, found, exchange.now)
        return exchange.file(f"inventory-{found.id}.json", "application/json", content)

    def _campaigns(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        campaigns = self._assets.campaigns
        listed = campaigns.listed()
        return exchange.form_page(
            "asset_campaigns.html",
            exc,
            campaigns=listed,
            running=next((one for one in listed if one.closed_at is None), None),
            due_at=campaigns.due_at(exchange.now),
            now=exchange.now,
            signed=campaigns.last_signed(),
            names=self._names(),
        )

    def _campaign(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        campaigns, cursor = self._assets.campaigns, cursor_of(exchange.query)
        found = campaigns.show(exchange.id)
        left = []
        if found.closed_at is None:
            left = campaigns.unsettled(
                found, before=cursor.before, after=cursor.after, limit=_PAGE + 1
            )
        me = exchange.person.caller.principal
        return exchange.form_page(
            "asset_campaign.html",
            exc,
            one=found,
            slice=slice_of(left, cursor, lambda asset: asset.id, _PAGE),
            left=campaigns.left(found) if found.closed_at is None else 0,
            difference=campaigns.difference(found),
            named=_NAMED,
            names=self._names(),
            people=sorted(self._people.active(exchange.now).values()),
            signs=me in campaigns.signers(exchange.now),
            chosen=exchange.query,
        )

    def _names(self) -> dict[PrincipalId, str]:
        return {one.id: one.name for one in self._accounts.listed(PrincipalKind.PERSON)}
