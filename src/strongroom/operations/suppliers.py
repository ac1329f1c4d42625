"""What commands do about suppliers and facilities: `supplier` [3]."""

from strongroom.assurance.suppliers import Role, Supplier
from strongroom.operations.registry import Call, iso, member, operation
from strongroom.request import Json


@operation("supplier.list")
def _list(call: Call, *, ended: bool = False) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    found = call.system.assurance.suppliers.listed(ended=ended)
    return {"suppliers": [_one(call, one) for one in found]}


@operation("supplier.show")
def _show(call: Call, *, supplier: int) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    return _one(call, call.system.assurance.suppliers.show(supplier))


@operation("supplier.add")
def _add(
    call: Call,
    *,
    role: str,
    name: str,
    does: str,
    countries: list[str],
    destinations: list[str],
) -> Json:
    made = call.system.assurance.suppliers.add(
        call.caller,
        member(Role, role, "role"),
        name,
        does,
        countries,
        call.now,
        destinations=destinations,
    )
    return _one(call, made)


@operation("supplier.contract")
def _contract(call: Call, *, supplier: int, evidence: int, audit_clause: bool) -> Json:
    kept = call.system.assurance.suppliers.state_contract(
        call.caller, supplier, evidence, call.now, audit_clause=audit_clause
    )
    return _one(call, kept)


@operation("supplier.assess")
def _assess(
    call: Call, *, supplier: int, note: str, passed: bool, evidence: int | None = None
) -> Json:
    kept = call.system.assurance.suppliers.assess(
        call.caller, supplier, note, call.now, passed=passed, evidence=evidence
    )
    return _one(call, kept)


@operation("supplier.end")
def _end(call: Call, *, supplier: int) -> Json:
    return _one(call, call.system.assurance.suppliers.end(call.caller, supplier, call.now))


def _one(call: Call, one: Supplier) -> Json:
    return {
        "supplier": one.id,
        "role": one.role.value,
        "name": one.name,
        "does": one.does,
        "countries": list(one.countries),
        "destinations": list(one.destinations),
        "contract": None if one.contract is None else one.contract.evidence,
        "audit_clause": one.contract is not None and one.contract.audit_clause,
        "assessed_at": iso(one.assessments[-1].at) if one.assessments else None,
        "assess_by": iso(one.assess_by),
        "ended_at": None if one.ended is None else iso(one.ended.at),
        "lacks": one.faults(call.now),
    }
