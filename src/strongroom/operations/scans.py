"""What commands do with scans and what they found: `finding` [2.5, 2.7]."""

import base64
import binascii
import zlib
from datetime import timedelta

from strongroom.assurance.scans import (
    Assessment,
    Declared,
    Filter,
    Scan,
    ScanKind,
    Severity,
    State,
    Vulnerability,
)
from strongroom.assurance.scans.reading import MOST_BYTES
from strongroom.assurance.scans.scan import Excuse, ExcuseKind
from strongroom.assurance.scans.vulnerabilities import MOST_EXPORTED
from strongroom.errors import Malformed
from strongroom.operations.registry import Call, iso, member, operation
from strongroom.request import Json, instant

_GZIP = 31
"""`wbits` that asks zlib for gzip's head and sum."""


@operation("finding.import")
def _finding_import(  # noqa: PLR0913 - each is an argument of the command
    call: Call,
    *,
    name: str,
    report: str,
    target: str = "",
    kind: str | None = None,
    format: str | None = None,  # noqa: A002 - as the option is called
    commit: str | None = None,
    scanned_at: str | None = None,
    advisories_at: str | None = None,
    looked_at: int | None = None,
    root: str = "",
    tool: str = "",
    columns: dict | None = None,  # type: ignore[type-arg]
) -> Json:
    """Import a report: its bytes packed with gzip, in base64."""
    mapping = {} if columns is None else columns
    if not all(isinstance(one, str) for pair in mapping.items() for one in pair):
        raise Malformed("a mapping of columns has a text for each name")
    declared = Declared(
        target,
        None if kind is None else member(ScanKind, kind, "kind of scan"),
        commit,
        None if scanned_at is None else instant(scanned_at),
        None if advisories_at is None else instant(advisories_at),
        looked_at,
        root,
        tool,
        mapping,
    )
    scans = call.system.assurance.scans
    made = scans.import_report(
        _unpacked(report), name, declared, call.caller, call.now, format_=format
    )
    return _scan(made)


@operation("finding.record")
def _finding_record(  # noqa: PLR0913 - each is an argument of the command
    call: Call,
    *,
    name: str,
    report: str,
    target: str,
    scanned_at: str,
    scope: str,
    tester: str,
    kind: str = ScanKind.PENTEST.value,
    tool: str = "people",
    commit: str | None = None,
) -> Json:
    """Record a test by people, such as a penetration test, with its report."""
    said = Assessment(
        tool,
        member(ScanKind, kind, "kind of scan"),
        target,
        instant(scanned_at),
        scope,
        tester,
        commit,
    )
    scans = call.system.assurance.scans
    return _scan(scans.record(_unpacked(report), name, said, call.caller, call.now))


@operation("finding.list")
def _finding_list(
    call: Call,
    *,
    severity: str | None = None,
    state: str | None = None,
    tool: str | None = None,
    target: str | None = None,
    overdue: bool = False,
    most: int = 200,
) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    room = call.system.assurance.vulnerabilities
    wanted = _filter(severity, state, tool, target, overdue=overdue)
    found = room.listed(wanted, call.now, most=min(most, MOST_EXPORTED))
    counts = room.counts(call.now)
    return {
        "open": {one.word: counts.open[one] for one in reversed(Severity)},
        "overdue": counts.overdue,
        "accepted": counts.accepted,
        "waiting": counts.waiting,
        "findings": [_finding(call, one) for one in found],
    }


@operation("finding.export")
def _finding_export(
    call: Call,
    *,
    severity: str | None = None,
    state: str | None = None,
    tool: str | None = None,
    target: str | None = None,
    overdue: bool = False,
) -> Json:
    """Return findings as a table (CSV) that no spreadsheet runs."""
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    wanted = _filter(severity, state, tool, target, overdue=overdue)
    content = call.system.assurance.vulnerabilities.as_csv(wanted, call.now)
    return {"bytes": len(content), "file": base64.b64encode(content).decode("ascii")}


@operation("finding.show")
def _finding_show(call: Call, *, finding: int) -> Json:
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    one, excuses = call.system.assurance.vulnerabilities.show(finding, call.now)
    return {**_finding(call, one), "excuses": [_excuse(call, said) for said in excuses]}


@operation("finding.accept")
def _finding_accept(call: Call, *, finding: int, reason: str, days: int) -> Json:
    """Ask that a finding's risk is accepted for some days."""
    room, lifetime = call.system.assurance.vulnerabilities, timedelta(days=days)
    return _excuse(
        call, room.ask(call.caller, finding, ExcuseKind.RISK, reason, lifetime, call.now)
    )


@operation("finding.dismiss")
def _finding_dismiss(call: Call, *, finding: int, reason: str) -> Json:
    """Ask that a finding is taken for a false positive."""
    room = call.system.assurance.vulnerabilities
    return _excuse(
        call, room.ask(call.caller, finding, ExcuseKind.FALSE_POSITIVE, reason, None, call.now)
    )


@operation("finding.approve")
def _finding_approve(call: Call, *, excuse: int) -> Json:
    room = call.system.assurance.vulnerabilities
    return _excuse(call, room.approve(call.caller, excuse, call.now))


@operation("finding.end")
def _finding_end(call: Call, *, excuse: int) -> Json:
    """Reject an excuse that waits, or end one that counts."""
    room = call.system.assurance.vulnerabilities
    return _excuse(call, room.end(call.caller, excuse, call.now))


@operation("finding.scans")
def _finding_scans(call: Call, *, commit: str | None = None) -> Json:
    """Return what is to be scanned and how it stands, and the newest reports, or those of a commit."""
    call.system.compliance.people.refuse_strangers(call.caller, call.now)
    rooms = call.system.assurance
    made = rooms.scans.listed() if commit is None else rooms.scans.of_commit(commit)
    return {
        "targets": [
            {
                "number": one.target.id,
                "kind": one.target.kind.value,
                "target": one.target.name,
                "verdict": one.verdict.value,
                "why": one.why,
                "due_at": one.due_at.isoformat(),
            }
            for one in rooms.scan_duties.standings(call.now)
        ],
        "scans": [_scan(one) for one in made],
    }


@operation("finding.declare")
def _finding_declare(call: Call, *, kind: str, target: str) -> Json:
    """Say that something is to be scanned."""
    wanted = member(ScanKind, kind, "kind of scan")
    one = call.system.assurance.scans.declare(wanted, target, call.caller, call.now)
    return {"number": one.id, "kind": one.kind.value, "target": one.name}


@operation("finding.retire")
def _finding_retire(call: Call, *, target: int) -> Json:
    """Take something off the list of what is to be scanned."""
    call.system.assurance.scans.retire(target, call.caller, call.now)
    return {"number": target}


def _filter(
    severity: str | None, state: str | None, tool: str | None, target: str | None, *, overdue: bool
) -> Filter:
    known = {one.word: one for one in Severity}
    if severity is not None and severity not in known:
        raise Malformed(f"a severity is one of {', '.join(known)}")
    return Filter(
        None if severity is None else known[severity],
        None if state is None else member(State, state, "state of a finding"),
        tool,
        target,
        overdue,
    )


def _unpacked(report: str) -> bytes:
    """Return a report's bytes. Raises: Malformed: no gzip in base64, or it becomes too large."""
    try:
        packed = base64.b64decode(report, validate=True)
        reader = zlib.decompressobj(_GZIP)
        content = reader.decompress(packed, MOST_BYTES + 1)
    except (binascii.Error, ValueError, zlib.error):
        raise Malformed("the report is not gzip in base64") from None
    if len(content) > MOST_BYTES:
        raise Malformed(f"a report has up to {MOST_BYTES // 1024 // 1024} MiB")
    if not reader.eof or reader.unused_data:
        raise Malformed("the report is not gzip in base64")
    return content


def _scan(one: Scan) -> Json:
    return {
        "scan": one.number,
        "tool": one.tool,
        "kind": one.kind.value,
        "target": one.target,
        "commit": one.commit,
        "scanned_at": one.scanned_at.isoformat(),
        "quality": one.quality.value,
        "why": one.why,
        "found": one.found,
        "created": one.created,
        "untouched": one.untouched,
        "closed": one.closed,
        "reopened": one.reopened,
        "sha256": one.sha256,
        "evidence": one.evidence,
    }


def _finding(call: Call, one: Vulnerability) -> Json:
    return {
        "finding": one.id,
        "severity": one.severity.word,
        "state": one.state.value,
        "rule": one.details.rule,
        "title": one.details.title,
        "where": one.details.where,
        "fixed_in": one.details.fixed_in,
        "tool": one.tool,
        "target": one.target,
        "seen_at": one.seen_at.isoformat(),
        "due_at": iso(one.due_at),
        "days_left": one.days_left(call.now),
    }


def _excuse(call: Call, one: Excuse) -> Json:
    names = call.system.accounts.name_of
    return {
        "excuse": one.id,
        "finding": one.vulnerability,
        "kind": one.kind.value,
        "reason": one.reason,
        "state": one.state(call.now),
        "asked_by": names(one.asked_by),
        "approved_by": None if one.approved_by is None else names(one.approved_by),
        "ends_at": iso(one.ends_at),
    }
