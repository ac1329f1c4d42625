"""Releases on record, the gate's word on a commit, and another person's approval [2.7]."""

from collections.abc import Callable
from typing import Final

import orjson

from strongroom.assurance.releases import Judged
from strongroom.assurance.releases.gate import Tried, commit_of, tests_of
from strongroom.assurance.releases.overseeing import SCANNED
from strongroom.desk.exchange import OVERSEES, Answer, Exchange, Route
from strongroom.desk.rooms import Rooms
from strongroom.desk.said import Said
from strongroom.desk.typed import instant
from strongroom.errors import Conflict, Denied, Malformed, NotFound, StrongroomError

_FAULTS: Final = (Conflict, Denied, Malformed, NotFound)
_MOST_TESTS: Final = 64 * 1024
_TEXTS: Final = ("product", "version", "commit", "committed")


def routes(rooms: Rooms) -> list[Route]:
    """Return the list with its gate, and one release."""
    pages = _ReleasePages(rooms)
    one = "/releases/{id}"
    return [
        Route("GET", "/releases", pages.listed, needs=OVERSEES),
        Route("POST", "/releases", pages.ask, needs=OVERSEES, upload_bytes=_MOST_TESTS),
        Route("GET", one, pages.show, needs=OVERSEES),
        Route("POST", f"{one}/approve", pages.approve, needs=OVERSEES, proved="releases/{id}"),
        Route("POST", f"{one}/withdraw", pages.withdraw, needs=OVERSEES),
    ]


class _ReleasePages:
    def __init__(self, rooms: Rooms) -> None:
        self._releases = rooms.assurance.releases
        self._overseen = rooms.assurance.releases_overseen
        self._name_of = rooms.accounts.name_of

    def listed(self, exchange: Exchange) -> Answer:
        return self._list(exchange)

    def ask(self, exchange: Exchange) -> Answer:
        """Check a commit, or record a release of it."""
        form, now = exchange.form, exchange.now
        judged = None
        try:
            commit = commit_of(form.word("commit"))
            if not form.word("committed"):
                raise Malformed("say when the commit was made")
            committed_at = instant(form.word("committed"), now)
            tests = self._tests(exchange)
            judged = self._releases.check(commit, committed_at, tests, now)
            if form.text("act") != "record":
                return self._list(exchange, judged=judged)
            made = self._releases.record(
                exchange.person.caller,
                form.word("product"),
                form.word("version"),
                commit,
                committed_at,
                tests,
                now,
            )
        except _FAULTS as exc:
            return self._list(exchange, exc, judged)
        return exchange.go(f"/releases/{made.id}", Said.RELEASE_RECORDED)

    def show(self, exchange: Exchange) -> Answer:
        return self._page(exchange)

    def approve(self, exchange: Exchange) -> Answer:
        def act() -> None:
            self._releases.approve(exchange.person.caller, exchange.id, exchange.now)

        return self._acted(exchange, act, Said.RELEASE_APPROVED)

    def withdraw(self, exchange: Exchange) -> Answer:
        def act() -> None:
            self._releases.withdraw(exchange.person.caller, exchange.id, exchange.now)

        return self._acted(exchange, act, Said.RELEASE_WITHDRAWN)

    # -- private ---------------------------------------------------------------------------------

    @staticmethod
    def _tests(exchange: Exchange) -> Tried | None:
        upload = exchange.form.file("tests")
        if upload is None:
            return None
        try:
            return tests_of(orjson.loads(upload.content))
        except orjson.JSONDecodeError:
            raise Malformed("the report of tests is no JSON") from None

    def _acted(self, exchange: Exchange, act: Callable[[], None], said: Said) -> Answer:
        self._releases.show(exchange.id)
        try:
            act()
        except _FAULTS as exc:
            return self._page(exchange, exc)
        return exchange.go(f"/releases/{exchange.id}", said)

    def _list(
        self,
        exchange: Exchange,
        exc: StrongroomError | None = None,
        judged: Judged | None = None,
    ) -> Answer:
        form = exchange.form
        return exchange.form_page(
            "releases.html",
            exc,
            finding=self._overseen.findings(exchange.now)[SCANNED],
            duty=SCANNED,
            releases=self._releases.listed(),
            running=self._overseen.deployed,
            judged=judged,
            texts={name: form.word(name) for name in _TEXTS},
            name=self._name_of,
        )

    def _page(self, exchange: Exchange, exc: StrongroomError | None = None) -> Answer:
        release = self._releases.show(exchange.id)
        return exchange.form_page(
            "release.html",
            exc,
            release=release,
            fault=self._releases.standing(release),
            second=self._releases.one_person
            or exchange.person.caller.principal != release.recorded_by,
            name=self._name_of,
            proved=exchange.person.proved_lately(exchange.now),
        )
