"""An entry of the log as an event of the Open Cybersecurity Schema Framework, OCSF 1.8.0 [2.6].

Pure. Each type of event has a class, an activity and a severity; a test holds the table closed and every mapped event
against the published schema. Whatever OCSF has no attribute for stands in `unmapped`, so nothing is lost: that is the
whole entry, from which the leaf of the log's tree can be computed again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, Final

from strongroom.audit.entry import Outcome
from strongroom.audit.event_types import EventType

VERSION: Final = "1.8.0"

_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00Z")
_OTHER: Final = 99


class Class(IntEnum):
    """The classes of OCSF that our events belong to."""

    DETECTION_FINDING = 2004
    INCIDENT_FINDING = 2005
    ACCOUNT_CHANGE = 3001
    AUTHENTICATION = 3002
    API_ACTIVITY = 6003
    DATASTORE_ACTIVITY = 6005


_CLASSES: Final = {
    Class.DETECTION_FINDING: "Detection Finding",
    Class.INCIDENT_FINDING: "Incident Finding",
    Class.ACCOUNT_CHANGE: "Account Change",
    Class.AUTHENTICATION: "Authentication",
    Class.API_ACTIVITY: "API Activity",
    Class.DATASTORE_ACTIVITY: "Datastore Activity",
}
_CATEGORIES: Final = {
    2: "Findings",
    3: "Identity & Access Management",
    6: "Application Activity",
}
CAPTIONS: Final[Mapping[Class, Mapping[int, str]]] = {
    Class.DETECTION_FINDING: {1: "Create", 2: "Update", 3: "Close"},
    Class.INCIDENT_FINDING: {1: "Create", 2: "Update", 3: "Close"},
    Class.ACCOUNT_CHANGE: {
        1: "Create",
        2: "Enable",
        3: "Password Change",
        5: "Disable",
        6: "Delete",
        7: "Attach Policy",
        8: "Detach Policy",
        9: "Lock",
        10: "MFA Factor Enable",
        11: "MFA Factor Disable",
        12: "Unlock",
    },
    Class.AUTHENTICATION: {
        1: "Logon",
        2: "Logoff",
        3: "Authentication Ticket",
        6: "Preauth",
    },
    Class.API_ACTIVITY: {1: "Create", 2: "Read", 3: "Update", 4: "Delete"},
    Class.DATASTORE_ACTIVITY: {
        1: "Read",
        2: "Update",
        3: "Connect",
        4: "Query",
        5: "Write",
        6: "Create",
        7: "Delete",
    },
}
"""What the numbers of activities are called; 99 is called by the event's type."""


class Severity(IntEnum):
    """OCSF's severities."""

    INFORMATIONAL = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5


@dataclass(frozen=True, slots=True)
class Row:
    """What an event of one type is to OCSF. `severity` is for success; anything else is one more, `MEDIUM` at least."""

    class_: Class
    activity: int
    severity: Severity = Severity.INFORMATIONAL


_API, _STORE = Class.API_ACTIVITY, Class.DATASTORE_ACTIVITY
_ACCOUNT, _AUTH = Class.ACCOUNT_CHANGE, Class.AUTHENTICATION
_FINDING, _INCIDENT = Class.DETECTION_FINDING, Class.INCIDENT_FINDING
_LOW, _MEDIUM, _HIGH, _CRITICAL = (
    Severity.LOW,
    Severity.MEDIUM,
    Severity.HIGH,
    Severity.CRITICAL,
)
_T: Final = EventType

TABLE: Final[Mapping[EventType, Row]] = {
    _T.HOME_INITIALIZED: Row(_API, 1),
    _T.HOME_OPENED: Row(_API, _OTHER),
    _T.HOME_CLOSED: Row(_API, _OTHER),
    _T.CONFIG_REFUSED: Row(_API, _OTHER, _MEDIUM),
    _T.SYSTEM_ERROR: Row(_FINDING, 1, _MEDIUM),
    _T.LOG_HEARTBEAT: Row(_API, _OTHER),
    _T.LOG_VERIFIED: Row(_API, 2),
    _T.LOG_READ: Row(_API, 2),
    _T.LOG_PROVED: Row(_API, 2),
    _T.LOG_EXPORT_STARTED: Row(_API, 2, _LOW),
    _T.LOG_EXPORTED: Row(_API, 2, _LOW),
    _T.LOG_WITNESSED: Row(_API, 1),
    _T.LOG_TIMESTAMPED: Row(_API, 1),
    _T.LOG_COPIED: Row(_API, 1),
    _T.LOG_ANCHOR_FAILED: Row(_FINDING, 1, _HIGH),
    _T.LOG_COSIGNED: Row(_API, 1),
    _T.LOG_ANCHOR_CHANGED: Row(_API, 3, _MEDIUM),
    _T.OPERATION_ANNOUNCED: Row(_API, 1),
    _T.LOG_HOLD_LIFT_REQUESTED: Row(_API, 3, _LOW),
    _T.AGREEMENT_CHANGE_REQUESTED: Row(_API, 3, _LOW),
    _T.AGREEMENT_REOPENED: Row(_API, 3, _LOW),
    _T.LOG_HOLD_SET: Row(_API, 1, _LOW),
    _T.LOG_HOLD_LIFTED: Row(_API, 4, _LOW),
    _T.LOG_PRUNE_REQUESTED: Row(_API, 4, _LOW),
    _T.LOG_PRUNED: Row(_API, 4, _LOW),
    _T.LOG_EPOCH_STARTED: Row(_FINDING, 1, _HIGH),
    _T.AGREEMENT_ENDED: Row(_API, 3, _LOW),
    _T.CLOCK_JUMPED: Row(_FINDING, 1, _MEDIUM),
    _T.ALARM_RAISED: Row(_FINDING, 1, _HIGH),
    _T.ALARM_ACTED: Row(_FINDING, 2, _HIGH),
    _T.ALARM_DRILLED: Row(_FINDING, 1),
    _T.ALARM_CHANGED: Row(_API, 3, _LOW),
    _T.INVESTIGATION_OPENED: Row(_INCIDENT, 1, _HIGH),
    _T.INVESTIGATION_ASSIGNED: Row(_INCIDENT, 2, _HIGH),
    _T.INVESTIGATION_ESCALATED: Row(_INCIDENT, 2, _CRITICAL),
    _T.INVESTIGATION_CLOSED: Row(_INCIDENT, 3),
    _T.NOTICE_DELIVERED: Row(_API, _OTHER),
    _T.NOTICE_FAILED: Row(_FINDING, 1, _MEDIUM),
    _T.FEED_STOPPED: Row(_FINDING, 1, _MEDIUM),
    _T.FEED_RESUMED: Row(_FINDING, 3),
    _T.CANARY_PLANTED: Row(_STORE, 6),
    _T.CANARY_RETIRED: Row(_STORE, 7),
    _T.CANARY_TOUCHED: Row(_FINDING, 1, _CRITICAL),
    _T.CANARY_CHECKED: Row(_API, 2),
    _T.EGRESS_DELIVERED: Row(_API, 2),
    _T.EGRESS_RECONCILED: Row(_API, 2),
    _T.DESTINATION_CHANGED: Row(_API, 3, _MEDIUM),
    _T.RELAY_DISCLOSED: Row(_STORE, 1),
    _T.EGRESS_REFUSED: Row(_FINDING, 1, _HIGH),
    _T.PRINCIPAL_SUSPENDED: Row(_ACCOUNT, 5, _MEDIUM),
    _T.PRINCIPAL_RESTORED: Row(_ACCOUNT, 2, _LOW),
    _T.SELLER_ADDED: Row(_API, 1, _LOW),
    _T.SELLER_CHANGED: Row(_API, 3, _LOW),
    _T.PRINCIPAL_ADDED: Row(_ACCOUNT, 1, _LOW),
    _T.PRINCIPAL_CHANGED: Row(_ACCOUNT, _OTHER, _LOW),
    _T.PRINCIPAL_ENDED: Row(_ACCOUNT, 6, _LOW),
    _T.PRINCIPAL_END_PLANNED: Row(_ACCOUNT, _OTHER),
    _T.PRINCIPAL_END_PROVED: Row(_ACCOUNT, _OTHER),
    _T.CREDENTIAL_ISSUED: Row(_ACCOUNT, _OTHER, _LOW),
    _T.CREDENTIAL_REVOKED: Row(_ACCOUNT, _OTHER, _LOW),
    _T.CREDENTIAL_CHECKED: Row(_AUTH, 6),
    _T.AUTHORIZATION_ISSUED: Row(_ACCOUNT, 7, _LOW),
    _T.CONSENT_OPENED: Row(_ACCOUNT, 7, _LOW),
    _T.CONSENT_USED: Row(_ACCOUNT, 7, _LOW),
    _T.CONSENT_HELD: Row(_ACCOUNT, _OTHER, _LOW),
    _T.CONSENT_APPROVED: Row(_ACCOUNT, 7, _LOW),
    _T.CONSENT_REJECTED: Row(_ACCOUNT, _OTHER),
    _T.AUTHORIZATION_REVOKED: Row(_ACCOUNT, 8, _LOW),
    _T.GRANT_REQUESTED: Row(_ACCOUNT, _OTHER),
    _T.GRANT_APPROVED: Row(_ACCOUNT, 7, _LOW),
    _T.GRANT_REJECTED: Row(_ACCOUNT, _OTHER),
    _T.GRANT_REVOKED: Row(_ACCOUNT, 8, _LOW),
    _T.GRANT_RENEWED: Row(_ACCOUNT, 7, _LOW),
    _T.GRANT_NARROWED: Row(_ACCOUNT, 8, _LOW),
    _T.GRANT_GLASS_BROKEN: Row(_ACCOUNT, 7, _HIGH),
    _T.GRANT_DRIFT_SEEN: Row(_FINDING, 1, _HIGH),
    _T.ROLE_CHANGED: Row(_ACCOUNT, _OTHER, _LOW),
    _T.REVIEW_STARTED: Row(_API, 1),
    _T.REVIEW_DECIDED: Row(_API, 3),
    _T.REVIEW_CLOSED: Row(_API, 3),
    _T.SIGNON_SUCCEEDED: Row(_AUTH, 1),
    _T.SIGNON_FAILED: Row(_AUTH, 1, _LOW),
    _T.SIGNON_THROTTLED: Row(_AUTH, 6, _LOW),
    _T.SIGNON_LINK_ISSUED: Row(_AUTH, 3, _LOW),
    _T.SIGNON_LINK_USED: Row(_AUTH, 6, _LOW),
    _T.SESSION_STARTED: Row(_AUTH, 1),
    _T.SESSION_PROVED: Row(_AUTH, 6),
    _T.SESSION_ENDED: Row(_AUTH, 2),
    _T.SESSION_REFUSED: Row(_AUTH, 6, _LOW),
    _T.DEVICE_NEW_SEEN: Row(_AUTH, 6, _LOW),
    _T.PASSWORD_CHANGED: Row(_ACCOUNT, 3, _LOW),
    _T.FACTOR_ADDED: Row(_ACCOUNT, 10, _LOW),
    _T.FACTOR_REMOVED: Row(_ACCOUNT, 11, _LOW),
    _T.RECOVERY_CODES_ISSUED: Row(_ACCOUNT, 10, _LOW),
    _T.RECOVERY_CODE_USED: Row(_AUTH, 6, _MEDIUM),
    _T.IDENTITY_LINKED: Row(_ACCOUNT, _OTHER, _LOW),
    _T.IDENTITY_UNLINKED: Row(_ACCOUNT, _OTHER, _LOW),
    _T.LOCK_SET: Row(_ACCOUNT, 9, _MEDIUM),
    _T.LOCK_LIFTED: Row(_ACCOUNT, 12, _LOW),
    _T.LOCK_DISPOSED: Row(_ACCOUNT, _OTHER),
    _T.NETWORK_CHANGE_REQUESTED: Row(_API, 3, _LOW),
    _T.NETWORK_CHANGE_APPROVED: Row(_API, 3, _LOW),
    _T.NETWORK_CHANGE_REJECTED: Row(_API, 3, _LOW),
    _T.NETWORK_REFUSED: Row(_API, _OTHER, _LOW),
    _T.CERTIFICATE_REGISTERED: Row(_ACCOUNT, _OTHER, _LOW),
    _T.CERTIFICATE_REVOKED: Row(_ACCOUNT, _OTHER, _LOW),
    _T.CERTIFICATE_ROTATED: Row(_API, 3),
    _T.SECRET_ROTATED: Row(_API, 3, _LOW),
    _T.POSTURE_CHECKED: Row(_API, 2),
    _T.DUTY_CHECKED: Row(_API, 2),
    _T.TOKEN_ISSUED: Row(_AUTH, 3),
    _T.RDT_ISSUED: Row(_AUTH, 3),
    _T.GATEWAY_RESPONSE_SEALED: Row(_API, 2),
    _T.GATEWAY_REQUEST_FORWARDED: Row(_API, _OTHER),
    _T.GATEWAY_REQUEST_REFUSED: Row(_API, _OTHER, _LOW),
    _T.GATEWAY_UPSTREAM_FAILED: Row(_API, _OTHER, _LOW),
    _T.GATEWAY_DOCUMENT_SERVED: Row(_API, 2),
    _T.SYNC_STARTED: Row(_API, 2),
    _T.SYNC_FINISHED: Row(_API, 2),
    _T.NOTIFICATION_PASSED: Row(_API, 2),
    _T.NOTIFICATION_REFUSED: Row(_API, _OTHER, _LOW),
    _T.GATEWAY_DOCUMENT_UPLOADED: Row(_API, _OTHER),
    _T.API_REQUEST_ANSWERED: Row(_API, 2),
    _T.API_REQUEST_REFUSED: Row(_API, _OTHER, _LOW),
    _T.API_REQUEST_REPEATED: Row(_API, 2),
    _T.DESK_REQUEST_REFUSED: Row(_API, _OTHER, _LOW),
    _T.PAPER_PRINTED: Row(_STORE, 1),
    _T.CATALOGUE_DRIFT_SEEN: Row(_FINDING, 1, _LOW),
    _T.DUTY_STATED: Row(_API, 1),
    _T.DUTY_WITHDRAWN: Row(_API, 4),
    _T.DUTY_EXCUSE_REQUESTED: Row(_API, 1),
    _T.DUTY_EXCUSE_APPROVED: Row(_API, 3),
    _T.DUTY_EXCUSE_ENDED: Row(_API, 4),
    _T.REQUEST_OPENED: Row(_API, 1),
    _T.REQUEST_ASSIGNED: Row(_API, 3),
    _T.REQUEST_VERIFIED: Row(_API, 3),
    _T.REQUEST_SEARCHED: Row(_API, 2),
    _T.REQUEST_EXPORTED: Row(_API, 2),
    _T.REQUEST_RECTIFIED: Row(_API, 3),
    _T.REQUEST_ERASED: Row(_API, 4),
    _T.REQUEST_RESTRICTED: Row(_API, 3),
    _T.REQUEST_PERMITTED: Row(_API, 3),
    _T.REQUEST_LIFTED: Row(_API, 3),
    _T.REQUEST_TOLD: Row(_API, 3),
    _T.REQUEST_REPLIED: Row(_API, 3),
    _T.REQUEST_EXTENDED: Row(_API, 3),
    _T.REQUEST_CLOSED: Row(_API, 3),
    _T.REQUEST_DUE: Row(_FINDING, 1, _LOW),
    _T.POLICY_DRAFTED: Row(_API, 3),
    _T.POLICY_SUBMITTED: Row(_API, 3),
    _T.POLICY_RETURNED: Row(_API, 3),
    _T.POLICY_APPROVED: Row(_API, 3, _LOW),
    _T.POLICY_ACKNOWLEDGED: Row(_API, 3),
    _T.POLICY_COMPARED: Row(_API, 2),
    _T.PROCESSING_CONFIRMED: Row(_API, 3),
    _T.ASSET_ADDED: Row(_API, 1),
    _T.ASSET_CHANGED: Row(_API, 3),
    _T.ASSET_CONFIRMED: Row(_API, 3),
    _T.ASSET_RETIRED: Row(_API, 4),
    _T.ASSET_STATED: Row(_API, 3),
    _T.ASSET_BOM_ATTACHED: Row(_API, 3),
    _T.ASSET_IMPORTED: Row(_API, 3),
    _T.ASSET_EXPORTED: Row(_API, 2),
    _T.ASSET_CAMPAIGN_STARTED: Row(_API, 1),
    _T.ASSET_CAMPAIGN_CLOSED: Row(_API, 3),
    _T.ASSESSMENT_OPENED: Row(_API, 1),
    _T.ASSESSMENT_RECORDED: Row(_API, 3),
    _T.ASSESSMENT_CLOSED: Row(_API, 3),
    _T.AUDITOR_ADMITTED: Row(_API, 1, _LOW),
    _T.AUDITOR_ENDED: Row(_API, 4),
    _T.AUDITOR_VIEWED: Row(_API, 2),
    _T.PACK_BUILT: Row(_API, 2, _LOW),
    _T.SUPPLIER_CHANGED: Row(_API, 3),
    _T.STAFF_RECORDED: Row(_API, 3),
    _T.QUESTIONNAIRE_CHANGED: Row(_API, 3),
    _T.SCAN_IMPORTED: Row(_API, 1),
    _T.SCAN_TARGET_CHANGED: Row(_API, 3),
    _T.VULNERABILITY_EXCUSE_REQUESTED: Row(_API, 1),
    _T.VULNERABILITY_EXCUSE_APPROVED: Row(_API, 3, _LOW),
    _T.VULNERABILITY_EXCUSE_ENDED: Row(_API, 4),
    _T.CHANGE_OPENED: Row(_API, 1),
    _T.CHANGE_TESTED: Row(_API, 3),
    _T.CHANGE_VERIFIED: Row(_API, 3),
    _T.CHANGE_APPROVED: Row(_API, 3),
    _T.CHANGE_REJECTED: Row(_API, 3),
    _T.CHANGE_CLOSED: Row(_API, 3),
    _T.STORAGE_RECORDED: Row(_API, 3),
    _T.STORAGE_ADMINISTRATORS_CHANGED: Row(_API, 3, _LOW),
    _T.RELEASE_RECORDED: Row(_API, 1),
    _T.RELEASE_APPROVED: Row(_API, 3),
    _T.RELEASE_WITHDRAWN: Row(_API, 4),
    _T.RECORD_CORRECTED: Row(_STORE, 3),
    _T.RECORD_REVEALED: Row(_STORE, 1),
    _T.RECORD_SEARCHED: Row(_STORE, 4),
    _T.RECORD_HELD: Row(_STORE, 2, _LOW),
    _T.RECORD_MOVED: Row(_STORE, 2),
    _T.RECORD_ERASED: Row(_STORE, 7),
    _T.ERASURE_STARTED: Row(_STORE, 7),
    _T.ERASURE_FINISHED: Row(_STORE, 7),
    _T.RECORD_DISPOSED: Row(_STORE, 7),
    _T.RECORD_TRIMMED: Row(_STORE, 7),
    _T.RECORD_TAMPERED: Row(_FINDING, 1, _CRITICAL),
    _T.TOKEN_REJECTED: Row(_STORE, 1, _LOW),
    _T.PERIOD_KEY_CREATED: Row(_STORE, 6),
    _T.PERIOD_KEY_DESTROYED: Row(_STORE, 7),
    _T.PERIOD_KEY_REPLACED: Row(_STORE, 2),
    _T.MASTER_KEY_OPENED: Row(_STORE, 3),
    _T.ROOT_PROBED: Row(_FINDING, 1, _MEDIUM),
    _T.KEY_ROTATED: Row(_STORE, 2),
    _T.KEY_COMPROMISED: Row(_STORE, 2),
    _T.RETENTION_SWEEP_FINISHED: Row(_STORE, 7),
    _T.LEAK_SCAN_STARTED: Row(_API, 1),
    _T.LEAK_SCAN_FINISHED: Row(_API, 1),
    _T.IMPORT_STARTED: Row(_API, 1),
    _T.IMPORT_FINISHED: Row(_API, 1),
    _T.LEAK_FOUND: Row(_FINDING, 1, _CRITICAL),
    _T.BACKUP_TAKEN: Row(_STORE, 1),
    _T.BACKUP_STORED: Row(_STORE, 5),
    _T.BACKUP_VERIFIED: Row(_STORE, 1),
    _T.BACKUP_REMOVED: Row(_STORE, 7),
    _T.BACKUP_DRILLED: Row(_STORE, 1),
    _T.BACKUP_OVERDUE: Row(_FINDING, 1, _MEDIUM),
    _T.BACKUP_CHANGE_REQUESTED: Row(_API, 1),
    _T.BACKUP_CHANGE_APPROVED: Row(_API, 3, _LOW),
    _T.BACKUP_CHANGE_REJECTED: Row(_API, 3, _LOW),
    _T.KEYSTORE_COPIED: Row(_STORE, 1, _MEDIUM),
    _T.KEYSTORE_COPY_DESTROYED: Row(_STORE, 7),
    _T.HOME_RESTORED: Row(_STORE, 5, _HIGH),
    _T.HOLD_CHANGED: Row(_API, 3, _LOW),
    _T.HOLD_EXPIRED: Row(_API, _OTHER),
    _T.HOLD_REVIEWED: Row(_API, 3),
    _T.ARCHIVE_CHANGED: Row(_API, 3, _MEDIUM),
    _T.ARCHIVE_SEALED: Row(_STORE, 5, _LOW),
    _T.ARCHIVE_FAILED: Row(_FINDING, 1, _MEDIUM),
    _T.ARCHIVE_DRILLED: Row(_STORE, 1),
    _T.ARCHIVE_EXPIRED: Row(_STORE, 7),
    _T.DELETION_REGISTERED: Row(_API, 1, _MEDIUM),
    _T.DELETION_PLANNED: Row(_API, 1),
    _T.DELETION_APPROVED: Row(_API, 3, _MEDIUM),
    _T.DELETION_STEPPED: Row(_STORE, 7, _LOW),
    _T.DELETION_ASKED: Row(_API, 1),
    _T.DELETION_CONFIRMED: Row(_API, 3),
    _T.DELETION_VERIFIED: Row(_STORE, 1),
    _T.DELETION_STATED: Row(_API, 3, _LOW),
    _T.DELETION_CERTIFIED: Row(_API, 1),
    _T.DELETION_CLOSED: Row(_API, 3),
    _T.EVIDENCE_COLLECTED: Row(_STORE, 5),
    _T.EVIDENCE_VIEWED: Row(_STORE, 1, _LOW),
    _T.EVIDENCE_EXPORTED: Row(_STORE, 1, _MEDIUM),
    _T.EVIDENCE_RELEASED: Row(_API, 3),
    _T.EVIDENCE_RECEIVED: Row(_API, 3),
    _T.EVIDENCE_DECLINED: Row(_API, 3),
    _T.EVIDENCE_DISPOSED: Row(_STORE, 7, _LOW),
    _T.EVIDENCE_STAMPED: Row(_STORE, 1),
    _T.EVIDENCE_FAULTED: Row(_FINDING, 1, _HIGH),
    _T.EVIDENCE_CHECKED: Row(_STORE, 1),
    _T.INCIDENT_OPENED: Row(_INCIDENT, 1, _HIGH),
    _T.INCIDENT_CLOCK_MOVED: Row(_INCIDENT, 2, _MEDIUM),
    _T.INCIDENT_CHANGED: Row(_INCIDENT, 2),
    _T.INCIDENT_NOTIFIED: Row(_INCIDENT, 2, _MEDIUM),
    _T.INCIDENT_TOLD: Row(_INCIDENT, 2, _MEDIUM),
    _T.INCIDENT_DUE: Row(_INCIDENT, 2, _HIGH),
    _T.INCIDENT_APPROVED: Row(_INCIDENT, 2),
    _T.INCIDENT_CLOSED: Row(_INCIDENT, 3),
    _T.INCIDENT_PRACTISED: Row(_API, 3),
    _T.OFFICE_APPOINTED: Row(_API, 3, _LOW),
    _T.OFFICE_ACCEPTED: Row(_API, 3),
    _T.OFFICE_CONTACT_GIVEN: Row(_API, 3),
    _T.WORK_DONE: Row(_API, 1),
    _T.CALENDAR_CHANGED: Row(_API, 3, _LOW),
    _T.CALENDAR_REFUSED: Row(_API, 2, _LOW),
    _T.REGISTER_CHANGED: Row(_API, 3),
    _T.REGISTER_REVIEWED: Row(_API, 3),
    _T.DIGEST_MAILED: Row(_API, _OTHER),
}

_UNKNOWN: Final = Row(_API, _OTHER, _LOW)
"""An entry of a newer version, for which this one has no word."""

_USERS: Final = {"user": 1, "system": 3, "service": 4}
_INCIDENTS: Final = {1: (1, "New"), 2: (2, "In Progress"), 3: (5, "Closed")}
_RELATIONAL, _RULE = 1, 1


def event(seq: int, body: Mapping[str, Any], *, product: str) -> dict[str, Any]:
    """Return an entry's body as OCSF has it; `product` is our version."""
    row = TABLE.get(EventType(body["type"]), _UNKNOWN) if body["type"] in _TYPES else _UNKNOWN
    succeeded = body["outcome"] == Outcome.SUCCESS
    severity = row.severity if succeeded else max(Severity.MEDIUM, row.severity)
    found: dict[str, Any] = {
        "class_uid": int(row.class_),
        "class_name": _CLASSES[row.class_],
        "category_uid": row.class_ // 1000,
        "category_name": _CATEGORIES[row.class_ // 1000],
        "activity_id": row.activity,
        "activity_name": CAPTIONS[row.class_].get(row.activity, body["type"]),
        "type_uid": row.class_ * 100 + row.activity,
        "severity_id": int(severity),
        "severity": severity.name.capitalize(),
        "status_id": 1 if succeeded else 2,
        "status": "Success" if succeeded else "Failure",
        "time": (datetime.fromisoformat(body["t"]) - _EPOCH) // timedelta(milliseconds=1),
        "metadata": {
            "version": VERSION,
            "product": {"name": "Strongroom", "vendor_name": "Strongroom", "version": product},
            "uid": body["id"],
            "sequence": seq,
            "event_code": body["type"],
            "original_time": body["t"],
        },
        "unmapped": dict(body),
    }
    if "reason" in body:
        found["status_code"] = body["reason"]
    _PARTS[row.class_](found, body, row)
    return found


def _api(found: dict[str, Any], body: Mapping[str, Any], _row: Row) -> None:
    found["actor"] = {"user": _actor(body)}
    found["api"] = {"operation": body.get("op", body["type"]), "service": {"name": "strongroom"}}
    found["src_endpoint"] = _source(body)
    found |= _resources(body)


def _store(found: dict[str, Any], body: Mapping[str, Any], _row: Row) -> None:
    found["actor"] = {"user": _actor(body)}
    found["src_endpoint"] = _source(body)
    name = "keystore" if body["type"].startswith("key.") else "vault"
    found["database"] = {"name": name, "type_id": _RELATIONAL, "type": "Relational"}


def _account(found: dict[str, Any], body: Mapping[str, Any], _row: Row) -> None:
    found["actor"] = {"user": _actor(body)}
    found["src_endpoint"] = _source(body)
    obj = body.get("obj", {})
    about = obj["ref"] if obj.get("kind") == "principal" else None
    found["user"] = _actor(body) if about is None else {"uid": about}


def _authentication(found: dict[str, Any], body: Mapping[str, Any], _row: Row) -> None:
    found["user"] = _actor(body)
    found["service"] = {"name": "strongroom"}
    found["src_endpoint"] = _source(body)


def _finding(found: dict[str, Any], body: Mapping[str, Any], _row: Row) -> None:
    found["finding_info"] = _info(body)
    found |= _resources(body)


def _incident(found: dict[str, Any], body: Mapping[str, Any], row: Row) -> None:
    found["metadata"]["profiles"] = ["incident"]
    found["finding_info_list"] = [_info(body)]
    found["assignee"] = _actor(body)
    found["status_id"], found["status"] = _INCIDENTS[row.activity]


_PARTS: Final = {
    Class.API_ACTIVITY: _api,
    Class.DATASTORE_ACTIVITY: _store,
    Class.ACCOUNT_CHANGE: _account,
    Class.AUTHENTICATION: _authentication,
    Class.DETECTION_FINDING: _finding,
    Class.INCIDENT_FINDING: _incident,
}
_TYPES: Final = frozenset(type_.value for type_ in EventType)


def _actor(body: Mapping[str, Any]) -> dict[str, Any]:
    actor = body["actor"]
    return {"uid": str(actor["id"]), "type_id": _USERS.get(actor["kind"], 0)}


def _source(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return where it came from: the address as its pseudonym, else the node itself."""
    if "src" in body:
        return {"uid": body["src"]["ip"]}
    return {"name": body["node"]}


def _resources(body: Mapping[str, Any]) -> dict[str, Any]:
    obj = body.get("obj")
    return {} if obj is None else {"resources": [{"uid": obj["ref"], "type": obj["kind"]}]}


def _info(body: Mapping[str, Any]) -> dict[str, Any]:
    obj = body.get("obj", {})
    rule = body.get("op", body["type"])
    return {
        "uid": obj.get("ref", body["id"]),
        "title": body["type"],
        "analytic": {"type_id": _RULE, "type": "Rule", "name": rule},
    }
