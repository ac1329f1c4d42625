"""What a page may say first after something was done: sentences of a closed list, so that nobody can make it say more.

The name travels in a cookie from the POST to the page that its redirect leads to. Pure.
"""

from enum import StrEnum


class Said(StrEnum):
    """A notice; its sentence is in `WORDS`."""

    SIGNED_OUT = "signed-out"
    SIGN_ON_FIRST = "sign-on-first"
    SESSION_OVER = "session-over"
    STEP_OVER = "step-over"
    LINK_OVER = "link-over"
    WELCOME = "welcome"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - a name
    FACTOR_ADDED = "factor-added"
    FACTOR_REMOVED = "factor-removed"
    SESSION_ENDED = "session-ended"
    OTHERS_ENDED = "others-ended"
    DEVICE_KNOWN = "device-known"
    DEVICE_DISOWNED = "device-disowned"
    LOCK_LIFTED = "lock-lifted"
    LOCK_DISPOSED = "lock-disposed"
    NETWORK_ASKED = "network-asked"
    NETWORK_APPROVED = "network-approved"
    NETWORK_REJECTED = "network-rejected"
    NOTICE_REGISTERED = "notice-registered"
    NOTICE_PLANNED = "notice-planned"
    NOTICE_APPROVED = "notice-approved"
    NOTICE_RUN = "notice-run"
    NOTICE_VERIFIED = "notice-verified"
    NOTICE_WORKED_ON = "notice-worked-on"
    NOTICE_STATED = "notice-stated"
    NOTICE_CONFIRMED = "notice-confirmed"
    NOTICE_CLOSED = "notice-closed"
    AUDIT_OPENED = "audit-opened"
    AUDIT_ASKED = "audit-asked"
    AUDIT_KEPT = "audit-kept"
    AUDIT_CLOSED = "audit-closed"
    AUDITOR_ADMITTED = "auditor-admitted"
    AUDITOR_ENDED = "auditor-ended"
    SUPPLIER_KEPT = "supplier-kept"
    STAFF_KEPT = "staff-kept"
    ANSWER_KEPT = "answer-kept"
    ANSWER_APPROVED = "answer-approved"
    RELEASE_RECORDED = "release-recorded"
    RELEASE_APPROVED = "release-approved"
    RELEASE_WITHDRAWN = "release-withdrawn"
    CHANGE_OPENED = "change-opened"
    CHANGE_TESTED = "change-tested"
    CHANGE_VERIFIED = "change-verified"
    CHANGE_APPROVED = "change-approved"
    CHANGE_REJECTED = "change-rejected"
    CHANGE_CLOSED = "change-closed"
    STORAGE_RECORDED = "storage-recorded"
    STORAGE_PERSON_NAMED = "storage-person-named"
    STORAGE_PERSON_APPROVED = "storage-person-approved"
    STORAGE_PERSON_ENDED = "storage-person-ended"
    STORAGE_PEOPLE_REVIEWED = "storage-people-reviewed"
    REQUEST_OPENED = "request-opened"
    REQUEST_ASSIGNED = "request-assigned"
    REQUEST_PROVED = "request-proved"
    REQUEST_FOUND = "request-found"
    REQUEST_RECTIFIED = "request-rectified"
    REQUEST_ERASED = "request-erased"
    REQUEST_RESTRICTED = "request-restricted"
    REQUEST_LIFTED = "request-lifted"
    REQUEST_TOLD = "request-told"
    REQUEST_REPLIED = "request-replied"
    REQUEST_EXTENDED = "request-extended"
    REQUEST_CLOSED = "request-closed"
    PERMIT_ASKED = "permit-asked"
    PERMIT_APPROVED = "permit-approved"
    PERMIT_ENDED = "permit-ended"
    REVIEW_STARTED = "review-started"
    REVIEW_DECIDED = "review-decided"
    REVIEW_CLOSED = "review-closed"
    INCIDENT_OPENED = "incident-opened"
    INCIDENT_CHANGED = "incident-changed"
    INCIDENT_MEASURED = "incident-measured"
    INCIDENT_SENT = "incident-sent"
    INCIDENT_TOLD = "incident-told"
    INCIDENT_WAITS = "incident-waits"
    INCIDENT_WRITTEN = "incident-written"
    INCIDENT_APPROVED = "incident-approved"
    INCIDENT_DOUBTED = "incident-doubted"
    INCIDENT_CLOSED = "incident-closed"
    PRACTISED = "practised"
    ALARM_TAKEN = "alarm-taken"
    ALARM_GIVEN = "alarm-given"
    ALARM_CLOSED = "alarm-closed"
    ALARM_MUTED = "alarm-muted"
    ALARM_UNMUTED = "alarm-unmuted"
    ALARM_TRIED = "alarm-tried"
    PRINCIPAL_LIFTED = "principal-lifted"
    GRANT_ASKED = "grant-asked"
    GRANT_APPROVED = "grant-approved"
    GRANT_REJECTED = "grant-rejected"
    GRANT_REVOKED = "grant-revoked"
    PRINCIPAL_ENDED = "principal-ended"
    DESTINATION_APPROVED = "destination-approved"
    DESTINATION_REJECTED = "destination-rejected"
    DESTINATION_LEAVING = "destination-leaving"
    EVIDENCE_KEPT = "evidence-kept"
    EVIDENCE_RELEASED = "evidence-released"
    EVIDENCE_RECEIVED = "evidence-received"
    EVIDENCE_DECLINED = "evidence-declined"
    EVIDENCE_DISPOSED = "evidence-disposed"
    DUTY_STATED = "duty-stated"
    DUTY_WITHDRAWN = "duty-withdrawn"
    EXCUSE_ASKED = "excuse-asked"
    EXCUSE_APPROVED = "excuse-approved"
    EXCUSE_ENDED = "excuse-ended"
    OFFICES_APPOINTED = "offices-appointed"
    OFFICES_ACCEPTED = "offices-accepted"
    CONTACT_GIVEN = "contact-given"
    CALENDAR_ENDED = "calendar-ended"
    WORK_STATED = "work-stated"
    REGISTER_BEGUN = "register-begun"
    REGISTER_WRITTEN = "register-written"
    REGISTER_ENDED = "register-ended"
    REGISTER_REVIEWED = "register-reviewed"
    DOCUMENT_ACKNOWLEDGED = "document-acknowledged"
    DOCUMENT_BEGUN = "document-begun"
    DOCUMENT_SAVED = "document-saved"
    DOCUMENT_DROPPED = "document-dropped"
    DOCUMENT_SUBMITTED = "document-submitted"
    DOCUMENT_RETURNED = "document-returned"
    DOCUMENT_APPROVED = "document-approved"
    DOCUMENT_COMPARED = "document-compared"
    PROCESSING_CONFIRMED = "processing-confirmed"
    SCAN_IMPORTED = "scan-imported"
    SCAN_TARGET_DECLARED = "scan-target-declared"
    SCAN_TARGET_RETIRED = "scan-target-retired"
    FINDING_ASKED = "finding-asked"
    FINDING_APPROVED = "finding-approved"
    FINDING_ENDED = "finding-ended"

    ASSET_ADDED = "asset-added"
    ASSET_CHANGED = "asset-changed"
    ASSETS_CONFIRMED = "assets-confirmed"
    ASSET_RETIRED = "asset-retired"
    ASSET_STATED = "asset-stated"
    ASSET_BOM_ATTACHED = "asset-bom-attached"
    ASSETS_IMPORTED = "assets-imported"
    ASSETS_DROPPED = "assets-dropped"
    ASSETS_FROZEN = "assets-frozen"
    ASSETS_SIGNED = "assets-signed"


WORDS = {
    Said.SIGNED_OUT: "You have signed out.",
    Said.SIGN_ON_FIRST: "Sign on to see this page.",
    Said.SESSION_OVER: "Your session has ended. Sign on again to continue.",
    Said.STEP_OVER: "This sign-on took too long or was used already. Begin again.",
    Said.LINK_OVER: "Open your one-time link again, or paste its code here.",
    Said.WELCOME: "Your account is ready. You are signed on.",
    Said.PASSWORD_CHANGED: "Your password was changed. Your other sessions have ended.",
    Said.FACTOR_ADDED: "The second factor was added.",
    Said.FACTOR_REMOVED: "The second factor was removed.",
    Said.SESSION_ENDED: "The session was ended.",
    Said.OTHERS_ENDED: "All your other sessions were ended.",
    Said.DEVICE_KNOWN: "Thank you. The device is known as yours.",
    Said.DEVICE_DISOWNED: (
        "The sessions of that device were ended and your account was locked. "
        "Ask another administrator to look at it with you."
    ),
    Said.LOCK_LIFTED: "The lock was lifted.",
    Said.LOCK_DISPOSED: "What the lock was about is recorded.",
    Said.NETWORK_ASKED: "The change is asked for. It takes effect when another person approves it.",
    Said.NETWORK_APPROVED: "The change of the network list has taken effect.",
    Said.NETWORK_REJECTED: "The change of the network list was rejected.",
    Said.NOTICE_REGISTERED: "The notice is registered. Its clocks count from when it came.",
    Said.NOTICE_PLANNED: "The plan is made. Nothing was done yet: another person approves it first.",
    Said.NOTICE_APPROVED: "The plan is approved exactly as it was shown.",
    Said.NOTICE_RUN: "What the plan says is done. Verify it now.",
    Said.NOTICE_VERIFIED: "Every store was read, or is said to be unknown.",
    Said.NOTICE_WORKED_ON: "It was begun and goes on by itself. Load the page again to see how far it is.",
    Said.NOTICE_STATED: "What you answer for is recorded with your name.",
    Said.NOTICE_CONFIRMED: "The confirmation is recorded with your name.",
    Said.NOTICE_CLOSED: "The notice is closed. What was kept for looking afterwards is gone.",
    Said.REQUEST_OPENED: "The request is taken in. You handle it until you assign it.",
    Said.REQUEST_ASSIGNED: "The request is handed on.",
    Said.REQUEST_PROVED: "It is recorded how they proved who they are.",
    Said.REQUEST_FOUND: "The search is done. Records are listed by number.",
    Said.REQUEST_RECTIFIED: "The value is put right, whatever Amazon goes on sending.",
    Said.REQUEST_ERASED: "What was found is erased, but for what a law keeps.",
    Said.REQUEST_RESTRICTED: "From now on nothing of these records comes out of the vault.",
    Said.REQUEST_LIFTED: "The restriction has ended.",
    Said.REQUEST_TOLD: "It is recorded that they were told.",
    Said.REQUEST_REPLIED: "The answer is recorded. Fill in what stands in brackets and send the letter.",
    Said.REQUEST_EXTENDED: "The later day counts. Send this letter now: they have to hear of it within the first one.",
    Said.REQUEST_CLOSED: "The request is closed. What they named to be found by is removed.",
    Said.PERMIT_ASKED: "The exception is asked for. It counts when another person approves it.",
    Said.PERMIT_APPROVED: "The exception counts from now on.",
    Said.PERMIT_ENDED: "The exception has ended.",
    Said.REVIEW_STARTED: "The review has begun. The list is as it is now.",
    Said.REVIEW_DECIDED: "It is decided, and in effect.",
    Said.REVIEW_CLOSED: "The review is closed, and what was decided is proved.",
    Said.INCIDENT_OPENED: "The case is open. Its clock runs.",
    Said.INCIDENT_CHANGED: "It is recorded in the case.",
    Said.INCIDENT_MEASURED: "It is done, and recorded in the case.",
    Said.INCIDENT_SENT: "The mail server took the notification. Its bytes are kept as evidence.",
    Said.INCIDENT_TOLD: "It is recorded that Amazon was told.",
    Said.INCIDENT_WAITS: "The message waits for a second person.",
    Said.INCIDENT_WRITTEN: "The report is kept. Another person approves it.",
    Said.INCIDENT_APPROVED: "The report is approved.",
    Said.INCIDENT_DOUBTED: "Another person now agrees, or the clock runs on.",
    Said.INCIDENT_CLOSED: "The case is closed. Its corrective controls stay due.",
    Said.PRACTISED: "It is recorded.",
    Said.ALARM_TAKEN: "The alarm is yours. Say what it was once you know.",
    Said.ALARM_GIVEN: "The alarm has a new owner, who is asked to take it up.",
    Said.ALARM_CLOSED: "The alarm is closed, and what it was is recorded.",
    Said.ALARM_MUTED: "Nobody is told of this kind of alarm until then. It is raised and recorded all the same.",
    Said.ALARM_UNMUTED: "People are told of this kind of alarm again.",
    Said.ALARM_TRIED: "The drill is done. Its outcome is in the list.",
    Said.PRINCIPAL_LIFTED: "The suspension has ended.",
    Said.GRANT_ASKED: "The grant is asked for. It counts once another person approves it.",
    Said.GRANT_APPROVED: "The grant counts from now on.",
    Said.GRANT_REJECTED: "The grant was rejected.",
    Said.GRANT_REVOKED: "The grant has ended.",
    Said.PRINCIPAL_ENDED: "The account has ended, with all that it signed on with.",
    Said.DESTINATION_APPROVED: "The change has taken effect.",
    Said.DESTINATION_REJECTED: "What was asked for was rejected.",
    Said.DESTINATION_LEAVING: "Its end is asked for. It counts until another person approves that.",
    Said.EVIDENCE_KEPT: "The evidence is kept. Its hash and its collection are in the log.",
    Said.EVIDENCE_RELEASED: "It is released. The other person says now whether they have it.",
    Said.EVIDENCE_RECEIVED: "It is recorded that you have it.",
    Said.EVIDENCE_DECLINED: "It is recorded that it stayed where it was.",
    Said.EVIDENCE_DISPOSED: "It was disposed of. Its hash and its custody stay.",
    Said.DUTY_STATED: "Your statement is recorded.",
    Said.DUTY_WITHDRAWN: "The statement was withdrawn. The duty counts as not kept until somebody states it.",
    Said.EXCUSE_ASKED: "The exception is asked for. It counts when another person approves it.",
    Said.EXCUSE_APPROVED: "The exception counts from now on.",
    Said.EXCUSE_ENDED: "The exception does not count any more.",
    Said.OFFICES_APPOINTED: "The person is appointed. It counts once they have accepted.",
    Said.OFFICES_ACCEPTED: "Thank you. You have taken the office on.",
    Said.CONTACT_GIVEN: "Your address is kept, sealed.",
    Said.REGISTER_BEGUN: "The entries are there. Answer what is open, then review the register.",
    Said.REGISTER_WRITTEN: "The entry is kept. It counts once the register is reviewed.",
    Said.REGISTER_ENDED: "The entry is out of the register.",
    Said.REGISTER_REVIEWED: "Your review is recorded.",
    Said.CALENDAR_ENDED: "The feed is ended. Nothing opens it any more.",
    Said.WORK_STATED: "It is recorded that this was done, on your name.",
    Said.DOCUMENT_ACKNOWLEDGED: "Thank you. It is recorded that you read this version.",
    Said.DOCUMENT_BEGUN: "A draft has begun. Fill in its blanks and read it through.",
    Said.DOCUMENT_SAVED: "The draft was saved.",
    Said.DOCUMENT_DROPPED: "The draft was given up.",
    Said.DOCUMENT_SUBMITTED: "The version is submitted. It holds once another person approves it.",
    Said.DOCUMENT_RETURNED: "The version is a draft again.",
    Said.DOCUMENT_APPROVED: "The version holds from now on. Everybody is asked to acknowledge it.",
    Said.PROCESSING_CONFIRMED: "The record of processing is confirmed as it is.",
    Said.DOCUMENT_COMPARED: "The published page was looked at.",
    Said.RELEASE_RECORDED: "The release is on record. It counts when another person approves it.",
    Said.RELEASE_APPROVED: "The release is approved.",
    Said.RELEASE_WITHDRAWN: "The release does not count any more.",
    Said.SCAN_IMPORTED: "The report is in the register. This is what came of it.",
    Said.SCAN_TARGET_DECLARED: "It is on the list of what is to be scanned.",
    Said.SCAN_TARGET_RETIRED: "It was taken off the list. Its reports and findings stay.",
    Said.FINDING_ASKED: "It is asked for. It counts when another person approves it.",
    Said.FINDING_APPROVED: "It is approved, and counts from now on.",
    Said.FINDING_ENDED: "That is ended. The finding is to be mended by its day.",
    Said.AUDIT_OPENED: "The audit is open. Keep here what is asked for and found.",
    Said.AUDIT_ASKED: "The request is kept.",
    Said.AUDIT_KEPT: "It is kept.",
    Said.AUDIT_CLOSED: "The audit is closed. Its auditors are let in no more.",
    Said.AUDITOR_ADMITTED: "The auditor may look until that day.",
    Said.AUDITOR_ENDED: "The auditor is let in no more.",
    Said.SUPPLIER_KEPT: "It is kept.",
    Said.STAFF_KEPT: "It is kept.",
    Said.ANSWER_KEPT: "The answer is kept. It counts when another person approves it.",
    Said.ANSWER_APPROVED: "The answer is approved.",
    Said.CHANGE_OPENED: "The change is open. Test it, then another person verifies and approves it.",
    Said.CHANGE_TESTED: "The result is kept.",
    Said.CHANGE_VERIFIED: "The test is verified, on your name.",
    Said.CHANGE_APPROVED: "The change is approved. It may be done now.",
    Said.CHANGE_REJECTED: "The change is rejected.",
    Said.CHANGE_CLOSED: "The change is closed.",
    Said.STORAGE_RECORDED: "What this installation lies on is recorded.",
    Said.STORAGE_PERSON_NAMED: "They are asked for. It counts when another person approves.",
    Said.STORAGE_PERSON_APPROVED: "They may change storage from now on.",
    Said.STORAGE_PERSON_ENDED: "They are off the list.",
    Said.STORAGE_PEOPLE_REVIEWED: "Your review is recorded.",
    Said.ASSET_ADDED: "The asset is in the inventory, confirmed under your name.",
    Said.ASSET_CHANGED: "The asset is written anew.",
    Said.ASSETS_CONFIRMED: "It is recorded that you vouch for it.",
    Said.ASSET_RETIRED: "The asset is retired. It stays in the record.",
    Said.ASSET_STATED: "Your statement counts for 90 days.",
    Said.ASSET_BOM_ATTACHED: "The bill of materials is attached.",
    Said.ASSETS_IMPORTED: "The import is applied.",
    Said.ASSETS_DROPPED: "The file is forgotten. Nothing was changed.",
    Said.ASSETS_FROZEN: "The inventory is frozen as it was found. Go through what is open, then sign it.",
    Said.ASSETS_SIGNED: "The inventory is signed. The next one is due in three months.",
}


_BY_NAME = {said.value: words for said, words in WORDS.items()}


def said_by(name: str | None) -> str | None:
    """Return the sentence of a name; None for any other text."""
    return _BY_NAME.get(name or "")
