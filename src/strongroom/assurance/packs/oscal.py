"""A pack for machines: assessment results, and plan of action and milestones, as OSCAL 1.1.3 by NIST [3]. Pure.

Each duty is a control `dpp-<duty>`; what was seen of it is an observation, how it stands a finding. Identifiers are
UUIDs of version 5 over the pack's home, instant and part (RFC 9562), so that the same account has the same bytes.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID, uuid5

from strongroom.assurance.packs.account import FORMAT, Account, written
from strongroom.compliance.duties.board import KEPT, Row, Status
from strongroom.compliance.duties.catalogue import Kind

VERSION: Final = "1.1.3"
_SPACE: Final = UUID("6f4c2a52-5d0b-5e59-9d7c-3e0a6c1d9b21")
_NS: Final = "https://strongroom.invalid/ns/oscal"
_METHODS: Final = {Kind.ENFORCE: "TEST", Kind.VERIFY: "EXAMINE", Kind.ATTEST: "INTERVIEW"}


def assessment_results(account: Account) -> dict[str, Any]:
    """Return the assessment results: all duties, exceptions first."""
    observations = [_observation(account, row) for row in account.rows]
    risks = [_risk(account, row) for row in account.rows if _is_risk(row)]
    result: dict[str, Any] = {
        "uuid": _id(account, "result"),
        "title": f"How the duties stood at {written(account.built_at)}",
        "description": "The state of each duty, reckoned from what was seen, stated and excused.",
        "start": written(account.period.since),
        "end": written(account.built_at),
        "reviewed-controls": {
            "control-selections": [
                {"include-controls": [{"control-id": _control(row)} for row in account.rows]}
            ]
        },
        "observations": observations,
        "findings": [_finding(account, row) for row in account.rows],
    }
    if risks:
        result["risks"] = risks
    return {
        "assessment-results": {
            "uuid": _id(account, "assessment-results"),
            "metadata": _metadata(account, "Assessment results"),
            "import-ap": {"href": "manifest.json"},
            "results": [result],
        }
    }


def milestones(account: Account) -> dict[str, Any]:
    """Return the plan of action and milestones. One item says so where nothing is open, since the schema wants one."""
    items = [_item(account, one) for one in account.milestones]
    nothing = {
        "uuid": _id(account, "nothing"),
        "title": "Nothing is open",
        "description": "Every duty is kept, and no finding of an audit waits.",
    }
    return {
        "plan-of-action-and-milestones": {
            "uuid": _id(account, "poam"),
            "metadata": _metadata(account, "Plan of action and milestones"),
            "system-id": {"identifier-type": "https://strongroom.invalid/home", "id": account.home},
            "poam-items": items or [nothing],
        }
    }


def _metadata(account: Account, title: str) -> dict[str, Any]:
    return {
        "title": title,
        "last-modified": written(account.built_at),
        "version": account.period.name,
        "oscal-version": VERSION,
        "props": [
            _prop("format", FORMAT),
            _prop("environment", account.environment),
            _prop("edition", account.edition),
        ],
    }


def _observation(account: Account, row: Row) -> dict[str, Any]:
    seen = [one.seen_at for one in row.findings if one.seen_at is not None]
    proof: Sequence[str] = row.proof
    found: dict[str, Any] = {
        "uuid": _id(account, f"observation {row.duty.id}"),
        "title": row.duty.title,
        "description": row.why or "Nothing was seen.",
        "methods": sorted({_METHODS[kind] for kind in row.duty.parts}),
        "collected": written(max(seen, default=account.built_at)),
    }
    if proof:
        found["relevant-evidence"] = [{"description": text} for text in proof]
    return found


def _finding(account: Account, row: Row) -> dict[str, Any]:
    finding: dict[str, Any] = {
        "uuid": _id(account, f"finding {row.duty.id}"),
        "title": row.duty.title,
        "description": row.duty.asks,
        "props": [_prop("status", row.status.value), _prop("office", row.office.value)],
        "target": {
            "type": "objective-id",
            "target-id": _control(row),
            "status": {
                "state": "satisfied" if row.status in KEPT else "not-satisfied",
                "reason": _REASONS.get(row.status, "other"),
            },
        },
        "related-observations": [{"observation-uuid": _id(account, f"observation {row.duty.id}")}],
    }
    if _is_risk(row):
        finding["related-risks"] = [{"risk-uuid": _id(account, f"risk {row.duty.id}")}]
    return finding


_REASONS: Final = {Status.PASS: "pass", Status.DUE_SOON: "pass", Status.FAIL: "fail"}


def _risk(account: Account, row: Row) -> dict[str, Any]:
    accepted = row.status is Status.EXCEPTION
    risk: dict[str, Any] = {
        "uuid": _id(account, f"risk {row.duty.id}"),
        "title": row.duty.title,
        "description": row.why or "Nothing was seen.",
        "statement": row.remedy or "The exception ends by itself.",
        "status": "deviation-approved" if accepted else "open",
    }
    if row.due_at is not None:
        risk["deadline"] = written(row.due_at)
    return risk


def _item(account: Account, one: Mapping[str, Any]) -> dict[str, Any]:
    named = ("status", "office", "due_at")
    return {
        "uuid": _id(account, f"item {one['item']}"),
        "title": f"{one['item']}: {one['what']}",
        "description": " ".join(filter(None, (one["weakness"], one["remedy"]))) or one["what"],
        "props": [_prop(name.replace("_", "-"), one[name]) for name in named if one[name]],
    }


def _is_risk(row: Row) -> bool:
    return row.blocks or row.status is Status.EXCEPTION


def _control(row: Row) -> str:
    return f"dpp-{row.duty.id}"


def _prop(name: str, value: str) -> dict[str, str]:
    return {"name": name, "ns": _NS, "value": value}


def _id(account: Account, part: str) -> str:
    return str(
        uuid5(_SPACE, f"{account.home} {written(account.built_at)} {account.period.name} {part}")
    )
