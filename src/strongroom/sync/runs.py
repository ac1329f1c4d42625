"""Runs syncs: as an app that is admitted, one at a time for each stream, recorded at both ends [1.3, 2.6].

Code in threads; whoever serves tells `stop`, and every run ends at its next step with its place kept.
"""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Final

from strongroom.accounts import Accounts
from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome
from strongroom.db.engine import Database
from strongroom.errors import Conflict, Denied, Malformed, StrongroomError, Unavailable
from strongroom.gateway.inside import Inside
from strongroom.gateway.notices import Notices
from strongroom.request import Progress
from strongroom.sync.admission import Admission, Admitted
from strongroom.sync.asking import Asker
from strongroom.sync.checkpoints import Checkpoints
from strongroom.sync.files import Folder
from strongroom.sync.notifications import (
    STREAM,
    Delivery,
    IntoFolder,
    IntoQueue,
    NotificationPull,
    SealedOnly,
)
from strongroom.sync.orders import OPEN_ORDERS, ORDERS, OrdersPull
from strongroom.sync.queue import HIDDEN_SECONDS, Keys, Place, Queue, keys_of_this_machine
from strongroom.sync.reports import ReportPull
from strongroom.sync.subscribing import (
    SUBSCRIPTIONS,
    USUAL,
    Kind,
    Subscribed,
    Subscribing,
    Way,
)
from strongroom.sync.told import Run, State, Stopped, reason_of
from strongroom.terms import SYSTEM, Caller, SellerId
from strongroom.vault import SellerStore, Vault

_OP: Final = "sync."

WAIT_SECONDS: Final = 5
"""How long a queue may show nothing before it counts as empty."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks to be pulled, as which app; for all its selling partners where none is named."""

    app: str
    sellers: tuple[SellerId, ...] = ()
    since: datetime | None = None
    out: str | None = None


@dataclass(slots=True)
class Sync:
    """The syncs of one home. Safe between threads."""

    database: Database
    audit: AuditLog
    accounts: Accounts
    sellers: SellerStore
    vault: Vault
    inside: Inside
    clock: Callable[[], datetime]
    home: Path
    keys: Callable[[], Keys] = keys_of_this_machine
    hidden_seconds: int = HIDDEN_SECONDS
    checkpoints: Checkpoints = field(init=False)
    admission: Admission = field(init=False)
    _notices: Notices | None = None
    _looked_on: date | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _busy: set[tuple[SellerId, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.checkpoints = Checkpoints(self.database)
        self.admission = Admission(self.database, self.accounts, self.audit, self.clock)

    def stop(self) -> None:
        """Have every run end at its next step; none begins any more."""
        self._stop.set()

    def pause(self, seconds: float) -> None:
        """Wait, or end: Raises: Stopped."""
        if self._stop.wait(seconds):
            raise Stopped("the sync was stopped", hint="run it again to go on")

    def orders(
        self, wanted: Wanted, starter: Caller, progress: Progress, *, open_only: bool = False
    ) -> list[Run]:
        """Pull orders that Amazon changed, or those that are still open, and return how each partner's run ended.

        Raises:
            NotFound, Denied: there is no such app, or it is authorized for nobody.
            Malformed: the directory has another form.

        """
        out = self._folder(wanted)

        def pull(asker: Asker, admitted: Admitted, run: Run, tell: Callable[[], None]) -> None:
            seller = self.sellers.get(admitted.standing.seller)
            one = OrdersPull(
                asker,
                self.checkpoints,
                seller,
                admitted.categories,
                run,
                out,
                open_only=open_only,
            )
            place = one.begin(wanted.since, self.clock())
            while place.under_way:
                self.pause(0)
                place = one.page(place, self.clock())
                tell()

        return self._each(wanted, starter, OPEN_ORDERS if open_only else ORDERS, progress, pull)

    def reports(
        self,
        wanted: Wanted,
        type_: str,
        options: dict[str, str],
        starter: Caller,
        progress: Progress,
    ) -> list[Run]:
        """Have reports made and take them through the vault. Raises: as `orders`."""
        out = self._folder(wanted)

        def pull(asker: Asker, admitted: Admitted, run: Run, tell: Callable[[], None]) -> None:
            seller = self.sellers.get(admitted.standing.seller)
            one = ReportPull(asker, self.checkpoints, seller, type_, options, run, out)
            place = one.make(one.begin(wanted.since, self.clock()), self.clock())
            if place.under_way:
                one.take(place, self.clock())
            tell()

        return self._each(wanted, starter, f"report.{type_}", progress, pull)

    def notifications(
        self,
        wanted: Wanted,
        place: Place,
        to: Place | None,
        starter: Caller,
        progress: Progress,
        *,
        merchant: str | None = None,
        wait_seconds: int = WAIT_SECONDS,
    ) -> list[Run]:
        """Empty a queue of notifications into the folder wanted, into another queue, or into the vault alone.

        `merchant` states Amazon's id of the one selling partner whose queue it is, whatever messages said of it.

        Raises:
            NotFound, Denied, Malformed: as `orders`; also where the queue is to be delivered to itself.

        """
        if to is not None and to.url == place.url:
            raise Malformed("the queue can't be delivered to itself")
        delivery = self._delivery(wanted, to)
        app, sellers = self._whom(wanted)
        # Named, not left over: whom the app is authorized for or admitted to says nothing of whose the queue is.
        named = sellers[0] if len(wanted.sellers) == 1 else None
        if merchant is not None and named is None:
            raise Malformed("an id of Amazon's is one selling partner's", hint="give --seller")
        req, op = str(uuid.uuid4()), f"{_OP}{STREAM}"
        admitted: dict[SellerId, Admitted] = {}
        runs: list[Run] = []
        for seller in sellers:
            try:
                admitted[seller] = self.admission.begin(starter, app, seller, op, req)
            except StrongroomError as exc:
                runs.append(Run(self.sellers.get(seller).name, STREAM))
                runs[-1].end(exc)
        if not admitted:
            return runs
        run = Run(",".join(self.sellers.get(seller).name for seller in admitted), STREAM)
        pull = NotificationPull(
            Queue(place, self.keys, hidden_seconds=self.hidden_seconds),
            delivery,
            self.notices(),
            self.checkpoints,
            self.admission,
            admitted,
            self.database,
            self.audit,
            self.clock,
            self.pause,
            run,
            named,
            None if merchant is None else self.audit.pseudonym("merchant", merchant),
        )
        error: StrongroomError | None = None
        try:
            # One run for each queue: two would show each other's messages again.
            with self._alone(SellerId(0), place.url):
                if pull.merchant is not None and named is not None:
                    self.checkpoints.state(named, pull.merchant)
                pull.empty(wait_seconds, lambda: progress(run.seen, None))
        except StrongroomError as exc:
            error = exc
            run.end(exc)
        for seller, each in admitted.items():
            self._ended(run, each, op, req, error, n=pull.taken.get(seller, 0))
        return [run, *runs]

    def subscriptions(
        self,
        wanted: Wanted,
        place: Place,
        types: tuple[str, ...],
        way: Way,
        starter: Caller,
        progress: Progress,
    ) -> tuple[list[Run], list[Subscribed]]:
        """Look at the subscriptions of types to a queue, make or end them; return each run and what there is.

        Raises:
            Malformed: a type without a schema, or a queue that Amazon can't send to.
            NotFound, Denied: as `orders`.

        """
        if place.url.endswith(".fifo"):
            raise Malformed("Amazon sends notifications to no FIFO queue")
        known = self.notices().types
        kinds = tuple(Kind.parse(text, known) for text in types or USUAL)
        found: list[Subscribed] = []

        def pull(asker: Asker, admitted: Admitted, run: Run, tell: Callable[[], None]) -> None:
            one = Subscribing(
                asker,
                self.checkpoints,
                self.database,
                admitted.standing.seller,
                place,
                kinds,
                run,
                self.clock,
                found,
            )
            one.go(way, tell)

        return self._each(wanted, starter, SUBSCRIPTIONS, progress, pull), found

    def scheduled(self, app: str) -> None:
        """Pull changed orders for all selling partners of an app, and once a day look at those still open.

        Raises:
            Unavailable: one of them did not come to its end; the next time goes on from there.
            StrongroomError: as `orders`.

        """
        wanted = Wanted(app)
        runs = self.orders(wanted, SYSTEM, _unheard)
        today = self.clock().date()
        if self._looked_on != today:
            runs += self.orders(wanted, SYSTEM, _unheard, open_only=True)
            self._looked_on = today
        _refuse_failed(runs)

    def emptied(self, app: str, queue: str, to: str, region: str | None) -> None:
        """Empty a queue of notifications into a directory or another queue; into the vault alone where `to` is empty.

        Raises:
            Malformed: a queue has another form.
            Unavailable: it did not come to its end; what is refused stays in the queue and is no fault of ours.
            StrongroomError: as `notifications`.

        """
        is_queue = to.startswith("https://")
        _refuse_failed(
            self.notifications(
                Wanted(app, out=to if to and not is_queue else None),
                Place.parse(queue, region=region),
                Place.parse(to, region=region) if is_queue else None,
                SYSTEM,
                _unheard,
            )
        )

    def notices(self) -> Notices:
        """Return the way of notifications through the vault, made when it is first wanted."""
        if self._notices is None:
            self._notices = Notices(self.vault)
        return self._notices

    # -- private ---------------------------------------------------------------------------------

    def _delivery(self, wanted: Wanted, to: Place | None) -> Delivery:
        folder = self._folder(wanted)
        if folder is not None and to is not None:
            raise Malformed("notifications go to a directory or to a queue, not to both")
        if folder is not None:
            return IntoFolder(folder)
        return SealedOnly() if to is None else IntoQueue(Queue(to, self.keys))

    def _whom(self, wanted: Wanted) -> tuple[Caller, tuple[SellerId, ...]]:
        """Return the app, and whom it is to sync for. Raises: NotFound, Denied."""
        app = self.admission.app(wanted.app)
        sellers = wanted.sellers or tuple(self.admission.sellers(app))
        if not sellers:
            raise Denied(
                f"{app.name} is authorized for no selling partner",
                hint="`strongroom app authorize` does that",
            )
        return app, sellers

    def _folder(self, wanted: Wanted) -> Folder | None:
        return None if wanted.out is None else Folder.at(wanted.out, self.home)

    def _each(
        self,
        wanted: Wanted,
        starter: Caller,
        stream: str,
        progress: Progress,
        pull: Callable[[Asker, Admitted, Run, Callable[[], None]], None],
    ) -> list[Run]:
        """Run one stream for each selling partner, one after the other; what ends one does not end the others."""
        app, sellers = self._whom(wanted)
        runs: list[Run] = []
        with self.inside.opened() as line:
            for seller in sellers:
                run = Run(self.sellers.get(seller).name, stream)
                runs.append(run)

                def tell() -> None:
                    progress(sum(one.seen for one in runs), None)

                def work(admitted: Admitted, run: Run = run) -> None:
                    asker = Asker(
                        line,
                        admitted.standing,
                        lambda: self.admission.still(admitted),
                        self.pause,
                    )
                    pull(asker, admitted, run, tell)

                self.one(run, starter, app, seller, work)
        return runs

    def one(
        self,
        run: Run,
        starter: Caller,
        app: Caller,
        seller: SellerId,
        work: Callable[[Admitted], None],
    ) -> None:
        """Do one run's work once it is admitted, and take down how it ended; raises nothing of ours."""
        self.admitted(run, seller, partial(self.admission.begin, starter, app, seller), work)

    def admitted(
        self,
        run: Run,
        seller: SellerId,
        begin: Callable[[str, str], Admitted],
        work: Callable[[Admitted], None],
    ) -> None:
        """Do as `one`, admitted by `begin`, which takes the run's operation and request."""
        op, req = f"{_OP}{run.stream}", str(uuid.uuid4())
        try:
            with self._alone(seller, run.stream):
                self.pause(0)
                admitted = begin(op, req)
                error: StrongroomError | None = None
                try:
                    work(admitted)
                except StrongroomError as exc:
                    error = exc
                    run.end(exc)
                self._ended(run, admitted, op, req, error)
        except StrongroomError as exc:
            run.end(exc)

    @contextmanager
    def _alone(self, seller: SellerId, stream: str) -> Iterator[None]:
        key = seller, stream
        with self._lock:
            if key in self._busy:
                raise Conflict("this sync is under way already")
            self._busy.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(key)

    def _ended(
        self,
        run: Run,
        admitted: Admitted,
        op: str,
        req: str,
        error: StrongroomError | None,
        *,
        n: int | None = None,
    ) -> None:
        event = Event(
            EventType.SYNC_FINISHED,
            Outcome.SUCCESS if run.state is State.DONE else Outcome.FAILURE,
            admitted.starter,
            reason=None if error is None else reason_of(error),
            op=op,
            obj_kind=ObjKind.PRINCIPAL,
            obj_ref=str(admitted.app.principal),
            n=run.seen if n is None else n,
            req=req,
            seller=admitted.standing.seller,
        )
        self.audit.record(event, now=self.clock())


def _unheard(_done: int, _total: int | None) -> None:
    """Hear progress that nobody watches."""


def _refuse_failed(runs: list[Run]) -> None:
    failed = [run for run in runs if run.state not in (State.DONE, State.STOPPED)]
    if failed:
        raise Unavailable(f"{len(failed)} of {len(runs)} syncs did not come to their end")
