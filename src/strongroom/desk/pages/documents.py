"""The house's own documents: what holds, what each person has to read, drafts and their approval [1.6, 2.2, 2.7].

Whoever is signed on reads what holds and acknowledges it, for themselves alone. Drafts and earlier versions are for who
oversees. Anybody at all sees the privacy policy that holds, and never a draft of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from strongroom.compliance.duties import all_duties
from strongroom.compliance.policies import BLANKS, SPECS, Kind, Standing, Version, kind_of, markup
from strongroom.compliance.policies import text as texts
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.errors import Conflict, Denied, Malformed, NotFound, StrongroomError
from strongroom.paper import draw_statement
from strongroom.terms import Caller, PrincipalId

MARKDOWN = "text/markdown; charset=utf-8"
_BLANK = "blank-"


def routes(rooms: Rooms) -> list[Route]:
    """Return the pages of documents, and the public one."""
    pages = _DocumentPages(rooms)
    drafts = (
        ("POST", "/documents/{kind}/begin", pages.begin),
        ("POST", "/documents/{kind}/begin-anew", pages.begin_anew),
        ("POST", "/documents/versions/{id}/fill", pages.fill),
        ("POST", "/documents/versions/{id}/write", pages.write),
        ("POST", "/documents/versions/{id}/submit", pages.submit),
        ("POST", "/documents/versions/{id}/return", pages.give_back),
        ("POST", "/documents/versions/{id}/drop", pages.drop),
        ("POST", "/documents/compare", pages.compare),
    )
    return [
        Route("GET", "/documents", pages.listed),
        Route("GET", "/documents/{kind}", pages.of_kind),
        Route("GET", "/documents/versions/{id}", pages.version),
        Route("GET", "/documents/versions/{id}/pdf", pages.pdf),
        Route("GET", "/documents/versions/{id}/text", pages.plain),
        Route("POST", "/documents/versions/{id}/acknowledge", pages.acknowledge),
        *(Route(method, path, handler, needs=OVERSEES) for method, path, handler in drafts),
        Route(
            "POST",
            "/documents/versions/{id}/approve",
            pages.approve,
            needs=OVERSEES,
            proved="documents",
        ),
        Route("GET", "/policy/{name}", pages.public, open=True),
        Route("GET", "/policy/{name}/text", pages.public_plain, open=True),
    ]


@dataclass(frozen=True, slots=True)
class _Row:
    """One document as the list shows it."""

    standing: Standing
    state: str
    approver: str


class _DocumentPages:
    def __init__(self, rooms: Rooms) -> None:
        self._policies = rooms.compliance.policies
        self._published = rooms.compliance.published
        self._accounts = rooms.accounts

    # -- reading ---------------------------------------------------------------------------------

    def listed(self, exchange: Exchange) -> Answer:
        return self._list(exchange)

    def of_kind(self, exchange: Exchange) -> Answer:
        kind, now = _kind(exchange), exchange.now
        standing = self._policies.standing(kind, now)
        oversees = _oversees(exchange)
        if standing.current is None and not (oversees or exchange.in_office):
            raise NotFound("nothing is approved of this document yet")
        return self._kind_page(exchange, standing)

    def version(self, exchange: Exchange) -> Answer:
        return self._version_page(exchange, self._readable(exchange))

    def pdf(self, exchange: Exchange) -> Answer:
        version = self._readable(exchange)
        drawn = draw_statement(
            SPECS[version.kind].title,
            [("", self._colophon(version, exchange.now)), *markup.parts(version.text)],
            exchange.now,
        )
        return _file(drawn.content, "application/pdf", version, "pdf")

    def plain(self, exchange: Exchange) -> Answer:
        version = self._readable(exchange)
        return _file(version.text.encode(), MARKDOWN, version, "md")

    def public(self, exchange: Exchange) -> Answer:
        version = self._shown_to_anybody(exchange)
        return exchange.page(
            "policy.html",
            title=SPECS[version.kind].title,
            version=version,
            body=Markup(markup.html(version.text)),  # noqa: S704 - made by markup.html, which lets no HTML through
            text_path=f"/policy/{exchange.parts['name']}/text",
        )

    def public_plain(self, exchange: Exchange) -> Answer:
        version = self._shown_to_anybody(exchange)
        return _file(version.text.encode(), MARKDOWN, version, "md")

    # -- writing ---------------------------------------------------------------------------------

    def acknowledge(self, exchange: Exchange) -> Answer:
        who, now = exchange.person.caller, exchange.now
        digest = exchange.form.word("digest")
        version = self._readable(exchange)
        try:
            self._policies.acknowledge(exchange.id, digest, who, now)
        except (Conflict, Denied) as exc:
            return self._kind_page(exchange, self._policies.standing(version.kind, now), exc)
        return exchange.go("/documents", Said.DOCUMENT_ACKNOWLEDGED)

    def begin(self, exchange: Exchange) -> Answer:
        return self._begin(exchange)

    def begin_anew(self, exchange: Exchange) -> Answer:
        return self._begin(exchange, from_template=True)

    def fill(self, exchange: Exchange) -> Answer:
        version = self._policies.version(exchange.id)
        values = {
            name: exchange.form.text(f"{_BLANK}{name}") for name in texts.blanks(version.text)
        }
        try:
            self._policies.fill(version.id, values, exchange.person.caller, exchange.now)
        except (Conflict, Denied, Malformed) as exc:
            return self._version_page(exchange, version, exc)
        return exchange.go(f"/documents/versions/{version.id}", Said.DOCUMENT_SAVED)

    def write(self, exchange: Exchange) -> Answer:
        version = self._policies.version(exchange.id)
        # Lines come with two letters at their end, and the room says how long a text may be.
        written = exchange.form.text("text", longest=2 * texts.LONGEST)
        try:
            self._policies.write(version.id, written, exchange.person.caller, exchange.now)
        except (Conflict, Denied, Malformed) as exc:
            return self._version_page(exchange, version, exc, written=written)
        return exchange.go(f"/documents/versions/{version.id}", Said.DOCUMENT_SAVED)

    def submit(self, exchange: Exchange) -> Answer:
        return self._done(exchange, self._policies.submit, Said.DOCUMENT_SUBMITTED)

    def give_back(self, exchange: Exchange) -> Answer:
        return self._done(exchange, self._policies.give_back, Said.DOCUMENT_RETURNED)

    def drop(self, exchange: Exchange) -> Answer:
        return self._done(exchange, self._policies.drop, Said.DOCUMENT_DROPPED)

    def approve(self, exchange: Exchange) -> Answer:
        version, digest = self._policies.version(exchange.id), exchange.form.word("digest")
        try:
            self._policies.approve(version.id, digest, exchange.person.caller, exchange.now)
        except (Conflict, Denied, Malformed) as exc:
            return self._version_page(exchange, version, exc)
        return exchange.go(f"/documents/{version.kind.slug}", Said.DOCUMENT_APPROVED)

    def compare(self, exchange: Exchange) -> Answer:
        try:
            self._published.compare(exchange.now, exchange.person.caller)
        except StrongroomError as exc:
            standing = self._policies.standing(Kind.PRIVACY_POLICY, exchange.now)
            return self._kind_page(exchange, standing, exc)
        slug = Kind.PRIVACY_POLICY.slug
        return exchange.go(f"/documents/{slug}", Said.DOCUMENT_COMPARED)

    # -- private ---------------------------------------------------------------------------------

    def _begin(self, exchange: Exchange, *, from_template: bool = False) -> Answer:
        kind, who, now = _kind(exchange), exchange.person.caller, exchange.now
        try:
            version = self._policies.begin(kind, who, now, from_template=from_template)
        except (Conflict, Denied) as exc:
            return self._kind_page(exchange, self._policies.standing(kind, now), exc)
        return exchange.go(f"/documents/versions/{version.id}", Said.DOCUMENT_BEGUN)

    def _done(
        self, exchange: Exchange, act: Callable[[int, Caller, datetime], Version], said: Said
    ) -> Answer:
        version = self._policies.version(exchange.id)
        try:
            act(version.id, exchange.person.caller, exchange.now)
        except (Conflict, Denied, Malformed) as exc:
            return self._version_page(exchange, version, exc)
        dropped = said is Said.DOCUMENT_DROPPED
        path = version.kind.slug if dropped else f"versions/{version.id}"
        return exchange.go(f"/documents/{path}", said)

    def _readable(self, exchange: Exchange) -> Version:
        """Return the version in the path: what holds, or any for who oversees. Raises: NotFound."""
        version = self._policies.version(exchange.id)
        if not _oversees(exchange):
            holds = self._policies.current(version.kind, exchange.now)
            if holds is None or holds.id != version.id:
                raise NotFound(f"there is no version {exchange.id}")
        return version

    def _shown_to_anybody(self, exchange: Exchange) -> Version:
        """Return what holds of a public document. Raises: NotFound; Tampered where it is not what was approved."""
        name = exchange.parts["name"]
        kind = next((spec.kind for spec in SPECS.values() if spec.public_as == name), None)
        version = None if kind is None else self._policies.current(kind, exchange.now)
        if version is None:
            raise NotFound("there is no such page")
        return version

    def _list(self, exchange: Exchange) -> Answer:
        now, who = exchange.now, exchange.person.caller.principal
        standings = self._policies.standings(now)
        oversees = _oversees(exchange)
        return exchange.page(
            "documents.html",
            rows=[
                _Row(one, _state(one, now), self._approver(one.current))
                for one in standings
                if oversees or one.current is not None
            ],
            yours=[one for one in standings if one.sound and one.current and who in one.missing],
            waiting=[one.open for one in standings if one.open] if oversees else [],
            specs=SPECS,
            oversees=oversees,
        )

    def _kind_page(
        self, exchange: Exchange, standing: Standing, exc: StrongroomError | None = None
    ) -> Answer:
        now, who = exchange.now, exchange.person.caller.principal
        version, oversees = standing.current, _oversees(exchange)
        return exchange.form_page(
            "document.html",
            exc,
            standing=standing,
            spec=standing.spec,
            version=version,
            state=_state(standing, now),
            approver=self._approver(version),
            body=_body(exchange, version),
            todo=version is not None and standing.sound and who in standing.missing,
            read_at=version and self._policies.acknowledged_at(version, who),
            versions=[(one, one.state(now)) for one in self._policies.versions(standing.spec.kind)]
            if oversees
            else [],
            oversees=oversees,
            published=self._published.last() if standing.spec.public_as else None,
            address=self._published.address if standing.spec.public_as else "",
        )

    def _version_page(
        self,
        exchange: Exchange,
        version: Version,
        exc: StrongroomError | None = None,
        *,
        written: str | None = None,
    ) -> Answer:
        before = self._policies.before(version)
        return exchange.form_page(
            "document_version.html",
            exc,
            version=version,
            spec=SPECS[version.kind],
            state=version.state(exchange.now),
            body=_body(exchange, version),
            written=version.text if written is None else written,
            open=written is not None,
            blanks=[(name, BLANKS.get(name, "")) for name in texts.blanks(version.text)],
            lacks=self._policies.faults(version) if version.is_open else [],
            before=before,
            lines=texts.difference(before.text, version.text) if before else [],
            colophon=self._colophon(version, exchange.now),
            mine=exchange.person.caller.principal in version.authors
            or exchange.person.caller.principal == version.submitted_by,
            one_person=self._policies.one_person,
            proved=exchange.person.proved_lately(exchange.now),
            longest=texts.LONGEST,
            oversees=_oversees(exchange),
        )

    def _colophon(self, version: Version, now: datetime) -> list[str]:
        """Return what says of a version which it is, and since when it holds."""
        lines = [f"Version {version.number}, {version.state(now)}. SHA-256 {version.digest}"]
        if (found := self._policies.approval(version)) is not None:
            alone = " The home is of one person, who wrote it as well." if found.alone else ""
            lines.append(
                f"Approved on {found.at:%Y-%m-%d} by {self._name(found.approver)}, entry {found.entry} of the"
                f" log.{alone}"
            )
        elif version.approved_at is not None:
            lines.append("The log does not know this text: it is not what was approved.")
        return lines

    def _approver(self, version: Version | None) -> str:
        by = None if version is None else version.approved_by
        return "" if by is None else self._name(by)

    def _name(self, person: PrincipalId) -> str:
        return self._accounts.name_of(person)


def _kind(exchange: Exchange) -> Kind:
    kind = kind_of(exchange.parts["kind"])
    if kind is None:
        raise NotFound("there is no such document")
    return kind


def _oversees(exchange: Exchange) -> bool:
    return bool(OVERSEES & exchange.may)


def _state(standing: Standing, now: datetime) -> str:
    if not standing.sound:
        return "changed"
    return "none" if standing.current is None else standing.current.state(now)


def _body(exchange: Exchange, version: Version | None) -> Markup:
    """Return the text as HTML; the numbers of duties lead to their pages whoever may see those."""
    led_to = frozenset(all_duties()) if exchange.opens("/clauses") else frozenset()
    # What markup.html makes has no HTML of the text's own in it.
    return Markup("" if version is None else markup.html(version.text, led_to))  # noqa: S704 - as said


def _file(content: bytes, media_type: str, version: Version, suffix: str) -> Answer:
    name = f"{version.kind.slug}-{version.number}.{suffix}"
    disposition = f'attachment; filename="{name}"'.encode("ascii")
    return Answer(200, content, media_type, ((b"content-disposition", disposition),))
