"""What commands ask of syncs: orders, reports and notifications, pulled as an app [1.3]."""

import re
from typing import Final

from strongroom.audit import Event, EventType, Outcome, Reason
from strongroom.errors import Denied, Malformed
from strongroom.operations.registry import Call, operation, sellers_of
from strongroom.request import Json, instant
from strongroom.sync import Run, Wanted
from strongroom.sync.notifications import STREAM
from strongroom.sync.queue import Place
from strongroom.sync.reports import check_options, check_type
from strongroom.sync.subscribing import SUBSCRIPTIONS, Way
from strongroom.terms import AuthMethod

_MERCHANT: Final = re.compile(r"[A-Z0-9]{5,32}")


@operation("sync.orders")
def _sync_orders(
    call: Call,
    *,
    app: str | None = None,
    sellers: list[str] | None = None,
    since: str | None = None,
    out: str | None = None,
    open_only: bool = False,
) -> Json:
    wanted = _wanted(call, app, sellers, since, out)
    sync = call.system.sync
    return _told(wanted, sync.orders(wanted, call.caller, call.progress, open_only=open_only))


@operation("sync.reports")
def _sync_reports(
    call: Call,
    *,
    type: str,  # noqa: A002 - the option's name
    app: str | None = None,
    sellers: list[str] | None = None,
    since: str | None = None,
    out: str | None = None,
    options: list[str] | None = None,
) -> Json:
    wanted = _wanted(call, app, sellers, since, out)
    given = check_options(options or [])
    sync = call.system.sync
    return _told(wanted, sync.reports(wanted, check_type(type), given, call.caller, call.progress))


@operation("sync.notifications")
def _sync_notifications(  # noqa: PLR0913 - what the command takes
    call: Call,
    *,
    queue: str,
    app: str | None = None,
    sellers: list[str] | None = None,
    out: str | None = None,
    to_queue: str | None = None,
    sealed_only: bool = False,
    region: str | None = None,
    endpoint: str | None = None,
    ca: str | None = None,
    merchant: str | None = None,
) -> Json:
    ways = (out is not None, to_queue is not None, sealed_only)
    if sum(ways) != 1:
        raise Malformed("where do they go?", hint="give --out, --to-queue or --sealed-only")
    _refuse_unset(call, queue, to_queue, region, (endpoint, ca, merchant))
    wanted = _wanted(call, app, sellers, None, out)
    place = Place.parse(queue, region=region, endpoint=endpoint, ca=ca)
    to = None
    if to_queue is not None:
        to = Place.parse(to_queue, region=region, endpoint=endpoint, ca=ca)
    sync = call.system.sync
    if merchant is not None and not _MERCHANT.fullmatch(merchant):
        raise Malformed("Amazon's id of a selling partner is of letters and digits")
    runs = sync.notifications(wanted, place, to, call.caller, call.progress, merchant=merchant)
    return _told(wanted, runs)


@operation("sync.subscriptions")
def _sync_subscriptions(
    call: Call,
    *,
    queue: str,
    way: str,
    app: str | None = None,
    sellers: list[str] | None = None,
    types: list[str] | None = None,
    region: str | None = None,
) -> Json:
    if call.caller.auth is not AuthMethod.CONSOLE:
        # Where Amazon sends notifications, and whether it goes on, is nobody else's to say.
        _refused(call, SUBSCRIPTIONS)
        raise Denied("only the console subscribes and unsubscribes")
    try:
        asked = Way(way)
    except ValueError:
        raise Malformed("it is to look, to subscribe or to unsubscribe") from None
    wanted = _wanted(call, app, sellers, None, None)
    place = Place.parse(queue, region=region)
    runs, found = call.system.sync.subscriptions(
        wanted, place, tuple(types or ()), asked, call.caller, call.progress
    )
    shown = [
        {
            "seller": one.seller,
            "type": one.kind.type,
            "version": one.kind.version,
            "state": one.state,
            "subscription": one.subscription,
        }
        for one in found
    ]
    return {**_told(wanted, runs), "subscriptions": shown}


def _refuse_unset(
    call: Call, queue: str, to: str | None, region: str | None, others: tuple[str | None, ...]
) -> None:
    """Raises: Denied where somebody names a queue that the settings do not, or says whose one is, not at the console.

    What stands in a queue is taken for Amazon's word, so that whoever chooses it could say anything of anybody's order;
    and it is asked with this machine's credentials.
    """
    if call.caller.auth is AuthMethod.CONSOLE:
        return
    said = call.system.settings.sync
    named = (queue, to or "", region or said.region)
    allowed = {(said.queue, way, said.region) for way in ("", said.notifications_to)}
    if named in allowed and not any(others):
        return
    _refused(call, STREAM)
    raise Denied("only the console names another queue than the settings do", hint="set sync.queue")


def _refused(call: Call, stream: str) -> None:
    event = Event(
        EventType.SYNC_STARTED,
        Outcome.DENIED,
        call.caller,
        reason=Reason.NOT_AUTHORIZED,
        op=f"sync.{stream}",
    )
    call.system.audit.record(event, now=call.now)


def _wanted(
    call: Call, app: str | None, sellers: list[str] | None, since: str | None, out: str | None
) -> Wanted:
    named = app or call.system.settings.sync.app
    if not named:
        raise Malformed("no app is named", hint="give --app, or set sync.app")
    among = () if sellers is None else tuple(sellers_of(call.system, sellers))
    began = None if since is None else instant(since)
    if began is not None and began >= call.now:
        raise Malformed("--since lies in the future")
    return Wanted(named, among, began, out)


def _told(wanted: Wanted, runs: list[Run]) -> Json:
    return {
        "ok": all(run.ok for run in runs),
        "app": wanted.app,
        "runs": [
            {
                "seller": run.seller,
                "stream": run.stream,
                "state": run.state.value,
                "seen": run.seen,
                "pages": run.pages,
                "resumed": run.resumed,
                "restarted": run.restarted,
                "counts": run.counts,
                "notes": run.notes,
                "fault": run.fault,
            }
            for run in runs
        ],
    }
