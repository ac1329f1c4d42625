"""What commands do to holds and to the archive [2.1]: one person asks, another approves; no PII comes back."""

from datetime import date

from strongroom.errors import Malformed
from strongroom.operations.registry import Call, iso, member, operation, sellers_of
from strongroom.policy.holds import LAWS, HoldReason
from strongroom.request import Json
from strongroom.terms import Category, PrincipalId, SellerId
from strongroom.vault.agreed import Agreed
from strongroom.vault.archive_rows import ArchiveFile
from strongroom.vault.holds import Hold, Scope


@operation("legal_hold.place")
def _place(  # noqa: PLR0913 - all that a second person approves
    call: Call,
    *,
    law: str,
    reference: str,
    reason: str,
    categories: list[str],
    purchased_from: str,
    purchased_to: str,
    until: str,
    sellers: list[str] | None = None,
    countries: list[str] | None = None,
    order: str | None = None,
    email: str | None = None,
    phone: str | None = None,
) -> Json:
    """`sellers` and `countries` None are every one. What names a buyer or an order is kept as a keyed hash."""
    scope = Scope(
        None if sellers is None else tuple(sellers_of(call.system, sellers)),
        None if countries is None else tuple(country.upper() for country in countries),
        order,
        email,
        phone,
    )
    change = call.system.vault.archive.holds.place(
        call.caller,
        call.now,
        law=law.upper(),
        reference=reference,
        reason=member(HoldReason, reason, "reason"),
        categories=[member(Category, one, "category") for one in categories],
        scope=scope,
        purchased=(_day(purchased_from), _day(purchased_to)),
        until=_day(until),
    )
    return _asked(call, change)


@operation("legal_hold.extend")
def _extend(call: Call, *, hold: int, until: str) -> Json:
    holds = call.system.vault.archive.holds
    return _asked(call, holds.extend(hold, _day(until), call.caller, call.now))


@operation("legal_hold.release")
def _release(call: Call, *, hold: int) -> Json:
    return _asked(call, call.system.vault.archive.holds.release(hold, call.caller, call.now))


@operation("legal_hold.review")
def _review(call: Call, *, hold: int) -> Json:
    return _hold(call, call.system.vault.archive.holds.review(hold, call.caller, call.now))


@operation("legal_hold.list")
def _list(call: Call) -> Json:
    holds = call.system.vault.archive.holds
    return {
        "holds": [_hold(call, hold) for hold in holds.all()],
        "waiting": [_asked(call, change) for change in holds.waiting()],
    }


@operation("legal_hold.show")
def _show(call: Call, *, hold: int) -> Json:
    archive = call.system.vault.archive
    files = [file.name for file in archive.files() if file.hold == hold and not file.destroyed_at]
    waiting = [_asked(call, one) for one in archive.holds.waiting() if one.hold == hold]
    return {**_hold(call, archive.holds.one(hold)), "archives": files, "waiting": waiting}


@operation("legal_hold.laws")
def _laws(call: Call) -> Json:
    del call
    rows = [
        {
            "code": law.code,
            "country": law.country,
            "source": law.source,
            "years": law.years,
            "categories": sorted(law.categories),
        }
        for law in LAWS.values()
    ]
    return {"laws": rows}


@operation("legal_hold.approve")
def _approve(call: Call, *, change: int, terms: str) -> Json:
    holds = call.system.vault.archive.holds
    return _asked(call, holds.approve(change, terms, call.caller, call.now))


@operation("legal_hold.reject")
def _reject(call: Call, *, change: int) -> Json:
    return _asked(call, call.system.vault.archive.holds.reject(change, call.caller, call.now))


@operation("recipients.show")
def _recipients(call: Call) -> Json:
    archive = call.system.vault.archive
    waiting = [_asked(call, change) for change in archive.waiting_recipients()]
    return {"recipients": list(archive.recipients()), "waiting": waiting}


@operation("recipients.set")
def _set_recipients(call: Call, *, recipients: list[str]) -> Json:
    archive = call.system.vault.archive
    return _asked(call, archive.set_recipients(recipients, call.caller, call.now))


@operation("recipients.approve")
def _approve_recipients(call: Call, *, change: int, terms: str) -> Json:
    archive = call.system.vault.archive
    return _asked(call, archive.approve_recipients(change, terms, call.caller, call.now))


@operation("recipients.reject")
def _reject_recipients(call: Call, *, change: int) -> Json:
    archive = call.system.vault.archive
    return _asked(call, archive.reject_recipients(change, call.caller, call.now))


@operation("archive.list")
def _archives(call: Call) -> Json:
    archive = call.system.vault.archive
    standing = archive.standing(call.now)
    return {
        "archives": [_file(call, file) for file in archive.files()],
        "waiting": standing.waiting,
        "unready": list(standing.unready),
        "tampered": list(standing.tampered),
        "drill_due_at": iso(standing.drill_due_at),
        "drills": [
            {"at": iso(at), "by": _name(call, PrincipalId(who)), "archive": name, "ok": ok}
            for at, who, name, ok in archive.drills()
        ],
    }


@operation("archive.verify")
def _verify(call: Call) -> Json:
    faults = call.system.vault.archive.verify(call.progress)
    return {"ok": not faults, "faults": faults}


@operation("archive.drill")
def _drill(call: Call, *, archive: str, digest: str) -> Json:
    ok = call.system.vault.archive.drill(archive, digest, call.caller, call.now)
    return {"ok": ok, "archive": archive, "at": iso(call.now), "by": call.caller.name}


@operation("archive.expire")
def _expire(call: Call) -> Json:
    archive = call.system.vault.archive
    gone = archive.expire(call.now)
    return {"destroyed": gone, "copies_to_destroy": list(archive.standing(call.now).copies)}


@operation("archive.attest")
def _attest(call: Call, *, archive: str, copies: int) -> Json:
    return _file(call, call.system.vault.archive.attest(archive, copies, call.caller, call.now))


def _asked(call: Call, change: Agreed) -> Json:
    said = {name: value for name, value in change.terms.items() if name not in ("hold", "sellers")}
    if "sellers" in change.terms:
        said["sellers"] = _sellers(call, change.terms["sellers"])
    return {
        "change": change.id,
        "kind": change.kind.value,
        "state": change.state,
        "hold": change.hold,
        "terms": call.system.vault.archive.holds.shown(change),
        **said,
        "requested_by": _name(call, change.requested_by),
        "requested_at": iso(change.requested_at),
        "approved_by": _name(call, change.approved_by),
        "approved_at": iso(change.approved_at),
    }


def _hold(call: Call, hold: Hold) -> Json:
    said = hold.terms.plain()
    return {
        "hold": hold.id,
        "in_effect": hold.in_effect(call.now),
        **said,
        "sellers": _sellers(call, said["sellers"]),
        "until": hold.until.isoformat(),
        "placed_at": iso(hold.placed_at),
        "released_at": iso(hold.released_at),
        "review_due_at": iso(hold.review_due_at),
    }


def _file(call: Call, file: ArchiveFile) -> Json:
    return {
        "archive": file.name,
        "hold": file.hold,
        "seller": call.system.sellers.names().get(file.seller),
        "records": file.records,
        "bytes": file.bytes,
        "manifest_sha256": file.manifest_sha256,
        "sealed_at": iso(file.sealed_at),
        "destroyed_at": iso(file.destroyed_at),
        "copies_destroyed": file.copies_destroyed,
    }


def _sellers(call: Call, numbers: list[int] | None) -> list[str] | None:
    names = call.system.sellers.names()
    return None if numbers is None else [names[SellerId(number)] for number in numbers]


def _name(call: Call, principal: PrincipalId | None) -> str | None:
    return None if principal is None else call.system.accounts.name_of(principal)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Malformed("a day has the form 2026-12-31") from None
