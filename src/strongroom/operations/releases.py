"""What commands do about releases: `release` [2.7]."""

from strongroom.assurance.releases import Judged, Release
from strongroom.assurance.releases.gate import Tried, tests_of
from strongroom.operations.registry import Call, iso, operation
from strongroom.request import Json, instant


@operation("release.check")
def _check(
    call: Call,
    *,
    commit: str,
    committed_at: str,
    tests: dict | None = None,  # type: ignore[type-arg]
) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    judged = call.system.assurance.releases.check(
        commit, instant(committed_at), _tried(tests), call.now
    )
    return {"commit": commit, **_judged(judged)}


@operation("release.record")
def _record(
    call: Call,
    *,
    product: str,
    version: str,
    commit: str,
    committed_at: str,
    tests: dict,  # type: ignore[type-arg]
) -> Json:
    made = call.system.assurance.releases.record(
        call.caller, product, version, commit, instant(committed_at), _tried(tests), call.now
    )
    return _one(call, made)


@operation("release.approve")
def _approve(call: Call, *, release: int) -> Json:
    return _one(call, call.system.assurance.releases.approve(call.caller, release, call.now))


@operation("release.withdraw")
def _withdraw(call: Call, *, release: int) -> Json:
    return _one(call, call.system.assurance.releases.withdraw(call.caller, release, call.now))


@operation("release.list")
def _list(call: Call) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    return {"releases": [_one(call, one) for one in call.system.assurance.releases.listed()]}


@operation("release.show")
def _show(call: Call, *, release: int) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    return _one(call, call.system.assurance.releases.show(release))


def _tried(said: dict | None) -> Tried | None:  # type: ignore[type-arg]
    return None if said is None else tests_of(said)


def _judged(judged: Judged) -> Json:
    return {
        "allowed": judged.allowed,
        "conditions": [
            {
                "condition": one.name,
                "verdict": one.verdict.value,
                "why": one.why,
                "remedy": one.remedy,
            }
            for one in judged.conditions
        ],
    }


def _one(call: Call, one: Release) -> Json:
    names = call.system.accounts.name_of
    return {
        "release": one.id,
        "product": one.product,
        "version": one.version,
        "commit": one.commit,
        "state": one.state,
        "fault": call.system.assurance.releases.standing(one),
        "scans": [scan.number for scan in one.scans],
        "tests_passed": one.passed,
        "recorded_by": names(one.recorded_by),
        "recorded_at": iso(one.recorded_at),
        "approved_by": None if one.approved_by is None else names(one.approved_by),
        "approved_at": iso(one.approved_at),
        "one_person": one.alone,
        "withdrawn_at": iso(one.withdrawn_at),
    }
