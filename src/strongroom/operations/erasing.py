"""What commands do to erase what must not wait for its day: record, order, buyer, selling partner [1.7]."""

from dataclasses import asdict
from typing import Final

from strongroom.operations.registry import Call, operation, reason_of, sellers_of
from strongroom.request import Json
from strongroom.terms import Caller
from strongroom.vault import By, Erased, Wanted

ENDS: Final = (
    "every older backup ends for the neighbours of what is erased too: "
    "make a new one, if none was made with it"
)
"""What a final erasure does besides."""


@operation("erase.record")
def _erase_record(
    call: Call,
    *,
    record: str,
    final: bool = False,
    without_backup: bool = False,
    dry_run: bool = False,
    reason: str | None = None,
) -> Json:
    wanted = Wanted(By.RECORD, record)
    return _erase(call, wanted, reason, final=final, alone=without_backup, dry=dry_run)


@operation("erase.order")
def _erase_order(
    call: Call,
    *,
    order: str,
    seller: str,
    final: bool = False,
    without_backup: bool = False,
    dry_run: bool = False,
    reason: str | None = None,
) -> Json:
    wanted = Wanted(By.ORDER, order, (call.system.sellers.by_name(seller).id,))
    return _erase(call, wanted, reason, final=final, alone=without_backup, dry=dry_run)


@operation("erase.buyer")
def _erase_buyer(
    call: Call,
    *,
    email: str | None = None,
    phone: str | None = None,
    seller: str | None = None,
    final: bool = False,
    without_backup: bool = False,
    dry_run: bool = False,
    reason: str | None = None,
) -> Json:
    """Erase a buyer's records at one selling partner, or at all where none is named."""
    by = By.EMAIL if phone is None else By.PHONE
    everywhere = [partner.id for partner in call.system.sellers.all()]
    among = everywhere if seller is None else sellers_of(call.system, [seller])
    wanted = Wanted(by, (email if phone is None else phone) or "", tuple(among))
    return _erase(call, wanted, reason, final=final, alone=without_backup, dry=dry_run)


@operation("erase.seller")
def _erase_seller(
    call: Call,
    *,
    seller: str,
    dry_run: bool = False,
    reason: str | None = None,
    approver: str | None = None,
    credential: str | None = None,
) -> Json:
    number = call.system.sellers.by_name(seller).id
    eraser = call.system.vault.eraser
    if dry_run:
        return _said(eraser.plan_seller(call.caller, number, call.now), final=True, dry=True)
    agreed = _second(call, approver, credential)
    done = eraser.erase_seller(
        call.caller,
        number,
        agreed=agreed,
        now=call.now,
        why=reason_of(call, reason),
        req=call.leaving.req,
        progress=lambda one: call.progress(one, None),
    )
    return _said(done, final=True, dry=False)


def _erase(
    call: Call, wanted: Wanted, reason: str | None, *, final: bool, alone: bool, dry: bool
) -> Json:
    eraser, req = call.system.vault.eraser, call.leaving.req
    if dry:
        found = eraser.plan(call.caller, wanted, final=final, now=call.now, req=req)
        return _said(found, final=final, dry=True)
    done = eraser.erase(
        call.caller,
        wanted,
        final=final,
        now=call.now,
        why=reason_of(call, reason),
        req=req,
        progress=lambda one: call.progress(one, None),
        without_backup=alone,
    )
    return _said(done, final=final, dry=False)


def _second(call: Call, approver: str | None, credential: str | None) -> Caller | None:
    """Return who agrees; None where nobody is named: the vault's door says whether it takes a second person."""
    if approver is None or call.system.settings.one_person:
        return None
    return call.system.accounts.check_credential(approver, credential or "", call.now)


def _said(found: Erased, *, final: bool, dry: bool) -> Json:
    return {"dry_run": dry, "final": final, "ends": ENDS if final else None, **asdict(found)}
