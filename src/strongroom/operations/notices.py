"""What commands do about Amazon's notices to delete or return data [1.7]."""

import base64
from datetime import date, timedelta
from typing import Final

from strongroom.deletion.notice import Notice
from strongroom.errors import Conflict, Malformed
from strongroom.operations.registry import Call, iso, member, operation, sellers_of
from strongroom.policy.deletion import Asked, Scope, Selectors
from strongroom.request import Json, instant
from strongroom.terms import Category
from strongroom.vault.clockwatch import CONFIRM

_CHOSEN: Final = timedelta(minutes=1)
"""A test home's caller who names a time so far from the clock's means that time."""


@operation("notice.register")
def _notice_register(  # noqa: PLR0913 - each way to narrow what it is about
    call: Call,
    *,
    kind: str,
    reference: str,
    received_at: str | None = None,
    sellers: list[str] | None = None,
    categories: list[str] | None = None,
    first: str | None = None,
    last: str | None = None,
    orders: list[str] | None = None,
    emails: list[str] | None = None,
    phones: list[str] | None = None,
) -> Json:
    """`sellers` None is every selling partner; whatever is named narrows it further."""
    named = Selectors(tuple(orders or ()), tuple(emails or ()), tuple(phones or ()))
    wanted = None if categories is None else {member(Category, c, "category") for c in categories}
    scope = Scope(
        None if sellers is None else tuple(sorted(set(sellers_of(call.system, sellers)))),
        None if wanted is None else tuple(sorted(wanted)),
        _day(first),
        _day(last),
        len(named.orders),
        len(named.emails) + len(named.phones),
    )
    came = call.now if received_at is None else instant(received_at)
    asked = member(Asked, kind, "kind of notice")
    notices = call.system.notices
    return _shown(
        call, notices.register(asked, reference, scope, named, came, call.caller, call.now)
    )


@operation("notice.list")
def _notice_list(call: Call) -> Json:
    return {"notices": [_line(call, notice) for notice in call.system.notices.all()]}


@operation("notice.show")
def _notice_show(call: Call, *, notice: int) -> Json:
    return _shown(call, call.system.notices.one(notice))


@operation("notice.plan")
def _notice_plan(call: Call, *, notice: int, recipients: list[str], declared: list[str]) -> Json:
    found = call.system.notices.plan(notice, recipients, declared, call.caller, call.now)
    return _shown(call, found)


@operation("notice.approve")
def _notice_approve(call: Call, *, notice: int, terms: str) -> Json:
    return _shown(call, call.system.notices.approve(notice, terms, call.caller, call.now))


@operation("notice.run")
def _notice_run(call: Call, *, notice: int) -> Json:
    system, clock = call.system, call.system.clock()
    # Destroying keys is the calendar's work as well: not by a clock that nobody believes.
    if system.watch.look(clock) and abs(call.now - clock) < _CHOSEN:
        raise Conflict(
            "the clock is implausibly ahead, so nothing is destroyed by it", hint=CONFIRM
        )
    done = 0

    def progress(more: int) -> None:
        nonlocal done
        done += more
        call.progress(done, None)

    return _shown(
        call,
        system.notices.run(notice, call.caller, call.now, req=call.leaving.req, progress=progress),
    )


@operation("notice.verify")
def _notice_verify(call: Call, *, notice: int) -> Json:
    return _shown(call, call.system.notices.verify(notice, call.caller, call.now))


@operation("notice.confirm")
def _notice_confirm(
    call: Call, *, notice: int, statement: str, party: str | None = None, store: str | None = None
) -> Json:
    notices = call.system.notices
    if (party is None) == (store is None):
        raise Malformed("name the party that confirms, or the store that somebody answers for")
    if store is not None:
        found = notices.state_store(notice, store, statement, call.caller, call.now)
    else:
        found = notices.confirm(notice, party or "", statement, call.caller, call.now)
    return _shown(call, found)


@operation("notice.certificate")
def _notice_certificate(call: Call, *, notice: int) -> Json:
    made = call.system.notices.certificate(notice, call.caller, call.now)
    return {
        "notice": notice,
        "document": made.document.decode(),
        "page": base64.b64encode(made.page).decode("ascii"),
        "note": made.note,
        "key": made.key,
    }


@operation("notice.key")
def _notice_key(call: Call) -> Json:
    return {"key": call.system.notices.vkey}


@operation("notice.close")
def _notice_close(call: Call, *, notice: int) -> Json:
    return _shown(call, call.system.notices.close(notice, call.caller, call.now))


def _line(call: Call, notice: Notice) -> Json:
    return {
        "id": notice.id,
        "kind": notice.asked.value,
        "reference": notice.reference,
        "state": notice.state,
        "scope": call.system.notices.words(notice),
        "received_at": notice.received_at.isoformat(),
        "erase_by": notice.clocks.erase_by.isoformat(),
        "live_by": notice.clocks.live_by.isoformat(),
        "open_parties": len(notice.open_parties),
        "overdue": notice.overdue(call.now),
    }


def _shown(call: Call, notice: Notice) -> Json:
    name = call.system.accounts.name_of
    plan = notice.plan
    approved = notice.approved
    return {
        **_line(call, notice),
        "terms": notice.terms,
        "plan": None if plan is None else dict(plan),
        "approved_by": None if approved is None else name(approved.by),
        "erased_at": iso(notice.erased_at),
        "steps": [
            {"step": step, **({"done_at": None} if fact is None else _done(fact.at, fact.content))}
            for step in notice.steps
            for fact in (notice.step(step),)
        ],
        "stores": [
            {
                "store": store.name,
                "verdict": None if found is None else found.content["verdict"],
                "told": None if found is None else found.content["told"],
                "stated_by": None if stated is None else name(stated.by),
            }
            for store in notice.stores
            for found in (notice.after_run("verified", store.name),)
            for stated in (notice.after_run("stated", store.name),)
        ],
        "parties": [
            {
                "party": party.name,
                "about": party.about,
                "records": party.records,
                "confirmed_by": None if party.confirmed_by is None else name(party.confirmed_by),
                "confirmed_at": iso(party.confirmed_at),
            }
            for party in notice.parties
        ],
        "lacks": notice.lacks,
    }


def _done(at: object, content: object) -> Json:
    return {"done_at": str(at), **(dict(content) if isinstance(content, dict) else {})}


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise Malformed("a day has the form 2026-01-31") from None
