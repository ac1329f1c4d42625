"""Every table of the vault's database and of the keystore, each column with its class [2.2].

`info["class"]` says what a column may hold: `key` (wrapped key), `sealed` (ciphertext), `reference` (keyed hash or
random identifier), `business` (no personal data), `public`. Nothing here is ever a plaintext of personal data.
Two separate databases: `vault` and `keystore`, because a key must never lie beside the data it opens.
"""

from strongroom.db import triggers
from strongroom.db.schema.alarms import (
    alarm,
    alarm_drill,
    alarm_rule,
    alarm_watch,
    investigation,
    principal_slowing,
    principal_suspension,
)
from strongroom.db.schema.anchors import (
    anchor,
    anchor_cosignature,
    anchor_timestamp,
    followed_log,
)
from strongroom.db.schema.archiving import archive_change, archive_file, archive_held
from strongroom.db.schema.assessments import (
    assessment,
    assessment_finding,
    assessment_request,
    assessment_seat,
)
from strongroom.db.schema.assets import (
    asset,
    asset_bom,
    asset_campaign,
    asset_import,
    asset_posture,
)
from strongroom.db.schema.backups import (
    backup,
    backup_copy,
    backup_drill,
    backup_place,
    keystore_copy,
)
from strongroom.db.schema.cadence import (
    calendar_password,
    office_contact,
    office_seat,
    register_entry,
    register_review,
    work_done,
)
from strongroom.db.schema.changes import (
    change_record,
    release_record,
    storage_administrator,
    storage_state,
)
from strongroom.db.schema.columns import keystore, vault
from strongroom.db.schema.deletion import (
    deletion_fact,
    deletion_needle,
    deletion_notice,
    deletion_record,
)
from strongroom.db.schema.destinations import disclosure
from strongroom.db.schema.documents import report_document
from strongroom.db.schema.duties import duty_excuse, duty_statement
from strongroom.db.schema.erasing import erasing
from strongroom.db.schema.evidence import evidence_custody, evidence_item, evidence_piece
from strongroom.db.schema.feeds import (
    channel_state,
    delivery_target,
    feed_state,
    notice_outbox,
)
from strongroom.db.schema.findings import duty_finding
from strongroom.db.schema.incidents import incident, incident_entry, incident_practice
from strongroom.db.schema.keeping import audit_min, keeping_change, log_hold
from strongroom.db.schema.keys import (
    keystore_master,
    keystore_period,
    keystore_secret,
    keystore_signer,
)
from strongroom.db.schema.log import audit_checkpoint, audit_event, audit_head, audit_tile
from strongroom.db.schema.policies import (
    field_seen,
    policy_acknowledgement,
    policy_comparison,
    policy_version,
    processing_confirmation,
)
from strongroom.db.schema.records import (
    drift,
    period_replacement,
    record,
    record_block,
    record_key,
    record_value,
    search_tag,
)
from strongroom.db.schema.reviews import baseline, review_campaign, review_item
from strongroom.db.schema.scans import scan, scan_target, vulnerability, vulnerability_excuse
from strongroom.db.schema.signing_on import (
    account_lock,
    login_count,
    login_device,
    login_link,
    login_session,
    login_step,
    person_identity,
    person_password,
    recovery_code,
    second_factor,
)
from strongroom.db.schema.subjects import (
    restriction,
    restriction_permit,
    subject_extension,
    subject_recipient,
    subject_record,
    subject_request,
    subject_step,
)
from strongroom.db.schema.suppliers import questionnaire_answer, staff_record, supplier
from strongroom.db.schema.surroundings import client_certificate, network_range, system_secret
from strongroom.db.schema.syncing import (
    delivery_fact,
    sync_checkpoint,
    sync_notification,
    sync_subscription,
)
from strongroom.db.schema.who import (
    app_channel,
    authorization,
    consent,
    credential,
    grant,
    grant_use,
    principal,
    request_key,
    role,
    seller,
)

triggers.attach(vault)

__all__ = [
    "account_lock",
    "alarm",
    "alarm_drill",
    "alarm_rule",
    "alarm_watch",
    "anchor",
    "anchor_cosignature",
    "anchor_timestamp",
    "app_channel",
    "archive_change",
    "archive_file",
    "archive_held",
    "assessment",
    "assessment_finding",
    "assessment_request",
    "assessment_seat",
    "asset",
    "asset_bom",
    "asset_campaign",
    "asset_import",
    "asset_posture",
    "audit_checkpoint",
    "audit_event",
    "audit_head",
    "audit_min",
    "audit_tile",
    "authorization",
    "backup",
    "backup_copy",
    "backup_drill",
    "backup_place",
    "baseline",
    "calendar_password",
    "change_record",
    "channel_state",
    "client_certificate",
    "consent",
    "credential",
    "deletion_fact",
    "deletion_needle",
    "deletion_notice",
    "deletion_record",
    "delivery_fact",
    "delivery_target",
    "disclosure",
    "drift",
    "duty_excuse",
    "duty_finding",
    "duty_statement",
    "erasing",
    "evidence_custody",
    "evidence_item",
    "evidence_piece",
    "feed_state",
    "field_seen",
    "followed_log",
    "grant",
    "grant_use",
    "incident",
    "incident_entry",
    "incident_practice",
    "investigation",
    "keeping_change",
    "keystore",
    "keystore_copy",
    "keystore_master",
    "keystore_period",
    "keystore_secret",
    "keystore_signer",
    "log_hold",
    "login_count",
    "login_device",
    "login_link",
    "login_session",
    "login_step",
    "network_range",
    "notice_outbox",
    "office_contact",
    "office_seat",
    "period_replacement",
    "person_identity",
    "person_password",
    "policy_acknowledgement",
    "policy_comparison",
    "policy_version",
    "principal",
    "principal_slowing",
    "principal_suspension",
    "processing_confirmation",
    "questionnaire_answer",
    "record",
    "record_block",
    "record_key",
    "record_value",
    "recovery_code",
    "register_entry",
    "register_review",
    "release_record",
    "report_document",
    "request_key",
    "restriction",
    "restriction_permit",
    "review_campaign",
    "review_item",
    "role",
    "scan",
    "scan_target",
    "search_tag",
    "second_factor",
    "seller",
    "staff_record",
    "storage_administrator",
    "storage_state",
    "subject_extension",
    "subject_recipient",
    "subject_record",
    "subject_request",
    "subject_step",
    "supplier",
    "sync_checkpoint",
    "sync_notification",
    "sync_subscription",
    "system_secret",
    "vault",
    "vulnerability",
    "vulnerability_excuse",
    "work_done",
]
