"""What each event means, which clause it serves, and which members its entry may have [2.6].

Pure. The log takes no event with a member that is not named here: what nobody declared cannot reach it, whatever the
code that records it was changed to. `page()` is docs/events.md.
"""

from collections.abc import Mapping
from typing import Final

from strongroom.audit.assuring import ASSURING
from strongroom.audit.entry import Event
from strongroom.audit.event_types import EventType
from strongroom.audit.overseeing import OVERSEEING, Described
from strongroom.errors import Malformed

_MEMBERS: Final = {
    "op": "op",
    "obj": "obj_ref",
    "purpose": "purpose",
    "pii": "pii",
    "n": "n",
    "bytes": "bytes_",
    "chg": "changes",
    "dec": "decision",
    "req": "req",
    "records": "records",
    "seller": "seller",
    "src": "src_ip",
}
"""Members of an entry that not every event may have, each with what it is in an `Event`."""


CATALOGUE: Final[Mapping[EventType, Described]] = {
    EventType.HOME_INITIALIZED: Described(
        "1.2", "the home was made; `op` says whether for one person", "op obj"
    ),
    EventType.HOME_OPENED: Described("2.6", "a process opened the home", "op obj"),
    EventType.HOME_CLOSED: Described("2.6", "it closed the home in order", "op obj"),
    EventType.CONFIG_REFUSED: Described(
        "2.6",
        "the home did not open so often before: wrong passphrase, keys or settings",
        "obj n",
    ),
    EventType.SYSTEM_ERROR: Described(
        "2.6", "a task or a request failed that should not", "op req seller src"
    ),
    EventType.LOG_HEARTBEAT: Described(
        "2.6", "the process that serves is alive; one a minute, so that silence shows", ""
    ),
    EventType.LOG_VERIFIED: Described("2.6", "the whole log was verified", "obj n"),
    EventType.LOG_READ: Described(
        "2.6", "entries of the log were shown to somebody", "op obj n dec req"
    ),
    EventType.LOG_PROVED: Described(
        "1.6", "a proof about an entry was given out", "op obj n dec req"
    ),
    EventType.LOG_EXPORT_STARTED: Described(
        "1.6", "a stretch of the log began to leave as evidence", "obj n dec req"
    ),
    EventType.LOG_EXPORTED: Described(
        "1.6", "it left; `obj` is the manifest's hash", "obj n dec req"
    ),
    EventType.LOG_WITNESSED: Described("2.6", "a witness cosigned a checkpoint", "op obj n"),
    EventType.LOG_TIMESTAMPED: Described(
        "2.6", "a timestamping authority stamped a checkpoint", "op obj n"
    ),
    EventType.LOG_COPIED: Described("2.6", "the log was copied elsewhere", "op obj n"),
    EventType.LOG_ANCHOR_FAILED: Described(
        "2.6", "a witness, authority or copy does not take what the log is now", "op obj n"
    ),
    EventType.LOG_ANCHOR_CHANGED: Described(
        "2.6", "a witness, authority or copy was added or removed", "op obj n"
    ),
    EventType.OPERATION_ANNOUNCED: Described(
        "2.6", "an operation that witnesses have to see first is about to begin", "op obj"
    ),
    EventType.LOG_COSIGNED: Described(
        "2.6",
        "as a witness, we cosigned another log's checkpoint, or refused to",
        "op obj n",
    ),
    EventType.LOG_HOLD_SET: Described("3", "entries must not be pruned", "op obj n chg req"),
    EventType.LOG_HOLD_LIFT_REQUESTED: Described(
        "3", "somebody asked to end a hold", "op obj n chg req"
    ),
    EventType.LOG_HOLD_LIFTED: Described("3", "they may be again", "op obj n chg req"),
    EventType.LOG_PRUNE_REQUESTED: Described(
        "3", "somebody asked to prune entries whose time is over", "op obj n chg req"
    ),
    EventType.LOG_PRUNED: Described(
        "3", "the contents of entries were removed; their hashes stay", "op obj n chg req"
    ),
    EventType.LOG_EPOCH_STARTED: Described(
        "2.6",
        "the log continues under a new name after an unavoidable rollback, with a declared gap",
        "op obj n chg req",
    ),
    EventType.AGREEMENT_CHANGE_REQUESTED: Described(
        "3", "a change of the agreement's end was asked for", "op obj n chg req"
    ),
    EventType.AGREEMENT_REOPENED: Described(
        "3", "the end of the agreement was taken back", "op obj n chg req"
    ),
    EventType.AGREEMENT_ENDED: Described(
        "3",
        "the end of the agreement with Amazon was set, from which the log's retention counts",
        "op obj n chg req",
    ),
    EventType.CLOCK_JUMPED: Described(
        "2.6", "the machine's clock and the clock nobody sets disagree", "op n"
    ),
    EventType.ALARM_RAISED: Described("2.6", "an alarm was raised", "op obj n chg"),
    EventType.ALARM_ACTED: Described("2.6", "what was done about it at once", "op obj n chg"),
    EventType.ALARM_DRILLED: Described("2.6", "an alarm was tried out", "op obj n chg"),
    EventType.ALARM_CHANGED: Described(
        "1.6", "a channel, a feed or a rule of alarms was changed, muted or not", "op obj n chg req"
    ),
    EventType.INVESTIGATION_OPENED: Described(
        "1.6", "an alarm opened an investigation", "op obj n chg"
    ),
    EventType.INVESTIGATION_ASSIGNED: Described("1.6", "it has an owner", "op obj n chg"),
    EventType.INVESTIGATION_ESCALATED: Described(
        "1.6", "nobody acted in time; others were told", "op obj n chg"
    ),
    EventType.INVESTIGATION_CLOSED: Described(
        "1.6", "it was closed, with its disposition", "op obj n chg req"
    ),
    EventType.NOTICE_DELIVERED: Described("1.6", "a channel works again", "op obj n req"),
    EventType.NOTICE_FAILED: Described("1.6", "a notice did not reach its channel", "op obj n req"),
    EventType.FEED_STOPPED: Described("2.6", "the log no longer reaches a collector", "op obj n"),
    EventType.FEED_RESUMED: Described("2.6", "it does again", "op obj n"),
    EventType.CANARY_PLANTED: Described("2.6", "canary records were planted", "n seller"),
    EventType.CANARY_RETIRED: Described("2.6", "canary records were taken out", "op obj n seller"),
    EventType.CANARY_TOUCHED: Described(
        "2.6", "somebody asked for a canary record", "op obj purpose n req records seller"
    ),
    EventType.CANARY_CHECKED: Described("2.6", "the canaries were tried out", "op n seller"),
    EventType.EGRESS_DELIVERED: Described(
        "2.6", "what was opened left to whom asked for it", "op n req seller src"
    ),
    EventType.EGRESS_RECONCILED: Described(
        "2.6", "records opened were held against records delivered", "op n"
    ),
    EventType.DESTINATION_CHANGED: Described(
        "1.3",
        "a destination of the relay, or its end, was asked for, approved or rejected",
        "op obj chg",
    ),
    EventType.RELAY_DISCLOSED: Described(
        "2.2",
        "values are on their way to a destination of the relay; recorded before anything is sent",
        "op obj purpose pii n req records seller src",
    ),
    EventType.EGRESS_REFUSED: Described(
        "2.6",
        "personal data was found on its way elsewhere and stopped, or the proxy was asked to lead elsewhere",
        "op n req seller src",
    ),
    EventType.PRINCIPAL_SUSPENDED: Described(
        "1.2", "a principal's grants let nothing out", "op obj n req seller"
    ),
    EventType.PRINCIPAL_RESTORED: Described("1.2", "somebody lifted that", "op obj"),
    EventType.SELLER_ADDED: Described("2.3", "a selling partner was added", "obj seller"),
    EventType.SELLER_CHANGED: Described(
        "2.3", "what is kept of a selling partner was changed", "obj chg seller"
    ),
    EventType.PRINCIPAL_ADDED: Described("1.2", "a person, app or node was added", "op obj src"),
    EventType.PRINCIPAL_CHANGED: Described("1.2", "it was changed", "op obj chg src"),
    EventType.PRINCIPAL_ENDED: Described("1.2", "it ended, with all that it held", "op obj src"),
    EventType.PRINCIPAL_END_PLANNED: Described("1.2", "its end was set", "op obj chg src"),
    EventType.PRINCIPAL_END_PROVED: Described(
        "1.2", "the proof that it holds nothing any more was asked for", "obj n"
    ),
    EventType.CREDENTIAL_ISSUED: Described("1.4", "an app or node got a secret", "op obj src"),
    EventType.CREDENTIAL_REVOKED: Described("1.4", "a secret ended", "op obj src"),
    EventType.CREDENTIAL_CHECKED: Described(
        "1.2", "somebody proved who it is with a secret, or failed to", "op obj n src"
    ),
    EventType.AUTHORIZATION_ISSUED: Described(
        "1.3", "an app may act for a selling partner", "op obj req seller src"
    ),
    EventType.AUTHORIZATION_REVOKED: Described("1.3", "it may no longer", "op obj seller src"),
    EventType.CONSENT_OPENED: Described(
        "1.3", "an app may bring a selling partner's authorization code, once", "obj seller"
    ),
    EventType.CONSENT_USED: Described("1.3", "it brought one, or tried to", "obj seller"),
    EventType.CONSENT_HELD: Described(
        "1.3", "what it brought waits beside the refresh token in force", "obj seller"
    ),
    EventType.CONSENT_APPROVED: Described(
        "1.3", "a person let it take effect, or tried to", "obj seller"
    ),
    EventType.CONSENT_REJECTED: Described("1.3", "a person refused it", "obj seller"),
    EventType.GRANT_REQUESTED: Described("1.3", "access was asked for", "obj purpose pii chg req"),
    EventType.GRANT_APPROVED: Described(
        "1.3", "a second person approved it", "obj purpose pii chg req"
    ),
    EventType.GRANT_REJECTED: Described(
        "1.3", "a second person refused it", "obj purpose pii chg req"
    ),
    EventType.GRANT_REVOKED: Described("1.3", "it was taken back", "obj purpose pii n chg req"),
    EventType.GRANT_RENEWED: Described("1.2", "a review kept it", "obj purpose pii chg req"),
    EventType.GRANT_NARROWED: Described(
        "1.2", "a review made it smaller", "obj purpose pii n chg req"
    ),
    EventType.GRANT_GLASS_BROKEN: Described(
        "1.3", "somebody took access in an emergency", "obj purpose pii chg req"
    ),
    EventType.GRANT_DRIFT_SEEN: Described(
        "1.2",
        "who has access is not what was reviewed and recorded",
        "obj purpose pii n chg req",
    ),
    EventType.ROLE_CHANGED: Described("1.3", "a role's bundle was changed", "obj chg"),
    EventType.REVIEW_STARTED: Described("1.2", "a review of access began", "obj n chg"),
    EventType.REVIEW_DECIDED: Described(
        "1.2", "a reviewer kept, changed or revoked one line", "op obj n chg dec"
    ),
    EventType.REVIEW_CLOSED: Described("1.2", "the review ended", "obj n chg"),
    EventType.SIGNON_SUCCEEDED: Described("1.2", "a person signed on", "op obj n src"),
    EventType.SIGNON_FAILED: Described("1.2", "a sign-on failed", "op obj n src"),
    EventType.SIGNON_THROTTLED: Described("1.2", "sign-ons were put off", "op obj n src"),
    EventType.SIGNON_LINK_ISSUED: Described("1.2", "a one-time link was made", "op obj n src"),
    EventType.SIGNON_LINK_USED: Described("1.2", "somebody came in by it", "op obj n src"),
    EventType.SESSION_STARTED: Described("1.2", "a session began", "op obj src"),
    EventType.SESSION_PROVED: Described("1.2", "a person proved again who it is", "op obj src"),
    EventType.SESSION_ENDED: Described("1.2", "a session ended", "op obj src"),
    EventType.SESSION_REFUSED: Described("1.2", "a session was not accepted", "op obj src"),
    EventType.DEVICE_NEW_SEEN: Described(
        "1.2", "a person signed on with a new browser", "op obj src"
    ),
    EventType.PASSWORD_CHANGED: Described("1.4", "a password was set", "op obj src"),
    EventType.FACTOR_ADDED: Described("1.4", "a second factor was added", "op obj src"),
    EventType.FACTOR_REMOVED: Described("1.4", "a second factor was removed", "op obj src"),
    EventType.RECOVERY_CODES_ISSUED: Described("1.4", "recovery codes were made", "op obj src"),
    EventType.RECOVERY_CODE_USED: Described("1.4", "a recovery code was used", "op obj src"),
    EventType.IDENTITY_LINKED: Described(
        "1.2", "a sign-on provider's subject was linked to a person", "op obj chg src"
    ),
    EventType.IDENTITY_UNLINKED: Described("1.2", "it was unlinked", "op obj chg src"),
    EventType.LOCK_SET: Described("1.2", "a person or an address was locked", "op obj src"),
    EventType.LOCK_LIFTED: Described("1.2", "a lock ended", "op obj src"),
    EventType.LOCK_DISPOSED: Described("1.2", "somebody said what a lock was about", "op obj src"),
    EventType.NETWORK_CHANGE_REQUESTED: Described(
        "1.1", "a change of an allow list was asked for", "op obj chg src"
    ),
    EventType.NETWORK_CHANGE_APPROVED: Described(
        "1.1", "a second person approved it", "op obj chg src"
    ),
    EventType.NETWORK_CHANGE_REJECTED: Described(
        "1.1", "a second person refused it", "op obj chg src"
    ),
    EventType.NETWORK_REFUSED: Described("1.1", "an address was not let in", "op obj n chg src"),
    EventType.CERTIFICATE_REGISTERED: Described(
        "1.5", "a client certificate was registered", "op obj src"
    ),
    EventType.CERTIFICATE_REVOKED: Described("1.5", "it was revoked", "op obj src"),
    EventType.CERTIFICATE_ROTATED: Described(
        "1.5", "the listeners' certificate was renewed or replaced", "op obj"
    ),
    EventType.SECRET_ROTATED: Described("1.4", "a secret of this installation was replaced", "obj"),
    EventType.POSTURE_CHECKED: Described("1.1", "the surroundings were checked", "obj n"),
    EventType.DUTY_CHECKED: Described(
        "3", "checks of duties ran, as many as `op` says; `n` of them failed", "op obj n"
    ),
    EventType.TOKEN_ISSUED: Described(
        "1.2", "an app got an access token, or was refused one", "op obj req seller src"
    ),
    EventType.RDT_ISSUED: Described(
        "1.3", "an app got a Restricted Data Token", "op n req seller src"
    ),
    EventType.GATEWAY_RESPONSE_SEALED: Described(
        "2.4",
        "an answer of Amazon's, or of a destination of the relay, was sealed, and tokens were given for it",
        "op pii n req records seller src",
    ),
    EventType.GATEWAY_REQUEST_FORWARDED: Described(
        "2.6", "a request went to Amazon", "op bytes req seller src"
    ),
    EventType.GATEWAY_REQUEST_REFUSED: Described("1.3", "a request did not", "op n req seller src"),
    EventType.GATEWAY_UPSTREAM_FAILED: Described(
        "2.6", "Amazon gave no usable answer", "op req seller src"
    ),
    EventType.GATEWAY_DOCUMENT_SERVED: Described(
        "2.4",
        "a document of Amazon's went to an app with tokens in it; a failure ended it in the middle",
        "op n bytes req seller src",
    ),
    EventType.GATEWAY_DOCUMENT_UPLOADED: Described(
        "2.6",
        "a document of an app's went to Amazon, its tokens put back",
        "op n bytes req seller src",
    ),
    EventType.SYNC_STARTED: Described(
        "1.3",
        "somebody had Amazon asked as an app (`obj`), or was refused; `op` says for what",
        "op obj req seller",
    ),
    EventType.SYNC_FINISHED: Described(
        "2.6", "that ended; `n` counts orders, rows or notifications", "op obj n req seller"
    ),
    EventType.NOTIFICATION_PASSED: Described(
        "2.4", "a notification was delivered with tokens in it", "op n req seller"
    ),
    EventType.NOTIFICATION_REFUSED: Described(
        "1.3", "a notification was left in its queue", "op req seller"
    ),
    EventType.API_REQUEST_ANSWERED: Described("2.6", "the API answered", "op n bytes req src"),
    EventType.API_REQUEST_REFUSED: Described("1.3", "the API refused", "op n req src"),
    EventType.API_REQUEST_REPEATED: Described(
        "2.6", "a request came again under its idempotency key", "op obj n req src"
    ),
    EventType.DESK_REQUEST_REFUSED: Described("1.2", "the desk refused", "op n req src"),
    EventType.PAPER_PRINTED: Described(
        "2.3",
        "a label, slip or other document was handed out for printing; `n` is its pages, where its form tells",
        "op obj purpose n bytes req seller src",
    ),
    EventType.CATALOGUE_DRIFT_SEEN: Described(
        "2.2", "Amazon sent what the catalogue does not know", "op n req seller"
    ),
    EventType.REQUEST_OPENED: Described(
        "2.2", "a request of somebody about their own data was taken in; `op` is its kind", "op obj"
    ),
    EventType.REQUEST_ASSIGNED: Described("2.2", "another person handles it", "op obj n"),
    EventType.REQUEST_VERIFIED: Described(
        "2.2", "who asked proved to be who they say; `op` says how", "op obj"
    ),
    EventType.REQUEST_SEARCHED: Described(
        "2.2", "records of theirs were found", "op obj n records"
    ),
    EventType.REQUEST_EXPORTED: Described(
        "2.2", "all that is kept of them left in a sealed file", "op obj n bytes req records"
    ),
    EventType.REQUEST_RECTIFIED: Described(
        "2.2", "a value of theirs was put right, or is Amazon's again", "op obj n records"
    ),
    EventType.REQUEST_ERASED: Described(
        "2.2", "a record of theirs was erased, or a hold kept it", "op obj n records"
    ),
    EventType.REQUEST_RESTRICTED: Described(
        "2.2", "records of theirs are kept, and nothing comes out any more", "op obj n records"
    ),
    EventType.REQUEST_PERMITTED: Described(
        "2.2",
        "somebody may read them all the same, on a ground of the law: asked for, approved, or not",
        "op obj n chg",
    ),
    EventType.REQUEST_LIFTED: Described(
        "2.2", "a restriction ended, after they were told", "op obj n records"
    ),
    EventType.REQUEST_TOLD: Described(
        "2.2", "somebody who was given the data was told; `n` is who", "op obj n"
    ),
    EventType.REQUEST_REPLIED: Described("2.2", "a letter to them was written", "op obj"),
    EventType.REQUEST_EXTENDED: Described(
        "2.2", "they were told, in time and why, that the answer takes longer", "op obj"
    ),
    EventType.REQUEST_CLOSED: Described("2.2", "it is answered and closed", "op obj"),
    EventType.REQUEST_DUE: Described("2.2", "its day is near, or went by", "op obj"),
    EventType.RECORD_CORRECTED: Described(
        "2.2",
        "a value was corrected, or the correction lifted, or somebody was refused that",
        "op obj purpose pii n dec seller",
    ),
    EventType.RECORD_REVEALED: Described(
        "1.3",
        "somebody asked for values of a record; recorded before anything is decrypted",
        "op obj purpose pii n chg dec req records seller",
    ),
    EventType.RECORD_SEARCHED: Described(
        "1.3", "somebody searched", "op obj purpose pii n chg dec req records seller"
    ),
    EventType.RECORD_HELD: Described(
        "2.1",
        "what holds need of `n` records was set aside, open to nobody, before their key is destroyed",
        "obj n seller",
    ),
    EventType.RECORD_MOVED: Described(
        "2.1", "a record moved to another day of disposal", "obj n seller"
    ),
    EventType.RECORD_ERASED: Described(
        "1.7",
        "records were erased, or somebody was refused; `op` says by what they were found",
        "op obj n chg dec req records seller",
    ),
    EventType.ERASURE_STARTED: Described(
        "1.7",
        "somebody had a selling partner's records erased (`agreed`: the second person), or was refused",
        "op obj n chg dec req seller",
    ),
    EventType.ERASURE_FINISHED: Described(
        "1.7", "that ended; `final`: so did the keys that ever wrapped them", "op obj n req seller"
    ),
    EventType.RECORD_DISPOSED: Described(
        "2.1", "rows of a day whose key is gone were removed", "obj n seller"
    ),
    EventType.RECORD_TRIMMED: Described(
        "2.1",
        "what went into a parcel left its records once the parcel was handed over",
        "op n req records seller",
    ),
    EventType.RECORD_TAMPERED: Described("2.4", "a record does not open", "op obj n seller"),
    EventType.TOKEN_REJECTED: Described("1.3", "a token was not made here", "purpose req"),
    EventType.PERIOD_KEY_CREATED: Described(
        "2.4", "a key of a day or window was made", "obj n seller"
    ),
    EventType.PERIOD_KEY_DESTROYED: Described(
        "2.1", "a key was destroyed, and what it locks with it", "obj n seller"
    ),
    EventType.PERIOD_KEY_REPLACED: Described(
        "2.1", "a key was replaced, because a record left its day early", "obj n seller"
    ),
    EventType.MASTER_KEY_OPENED: Described("2.4", "the master key was unwrapped", "obj"),
    EventType.ROOT_PROBED: Described(
        "2.4",
        "the root key's provider began to fail, was away so long that keys were put away, or is back; "
        "`n` seconds after it answered last",
        "op obj n",
    ),
    EventType.KEY_ROTATED: Described(
        "2.4", "a key took the place of another; `n` keys were wrapped anew", "op obj n seller"
    ),
    EventType.KEY_COMPROMISED: Described(
        "1.6",
        "somebody declared a key compromised (`agreed`: the second person), or was refused",
        "op obj n req seller",
    ),
    EventType.RETENTION_SWEEP_FINISHED: Described("2.1", "a sweep ended", "obj n seller"),
    EventType.LEAK_SCAN_STARTED: Described("2.5", "a scan for leaks began", "op obj"),
    EventType.LEAK_SCAN_FINISHED: Described("2.5", "it ended", "op obj n bytes"),
    EventType.LEAK_FOUND: Described("2.5", "it found something", "op n records"),
    EventType.IMPORT_STARTED: Described(
        "2.4", "an app's own table or file began to be taken in", "op obj seller"
    ),
    EventType.IMPORT_FINISHED: Described(
        "2.4",
        "it ended; `n` values gave way to tokens, and a failure says that others remain",
        "op obj n seller",
    ),
    EventType.BACKUP_TAKEN: Described(
        "2.1",
        "a backup was taken; `chg` has the hashes of its file and manifest",
        "obj n bytes chg",
    ),
    EventType.BACKUP_STORED: Described(
        "2.1", "it was put into a place, or could not be; `op` numbers the place", "op obj n bytes"
    ),
    EventType.BACKUP_VERIFIED: Described("2.1", "it was held against its hashes", "op obj n bytes"),
    EventType.BACKUP_REMOVED: Described("2.1", "it was removed from a place", "op obj"),
    EventType.BACKUP_DRILLED: Described(
        "2.1",
        "a restore was tried out; `op` has the seconds it took and the seconds that would be lost",
        "op obj n",
    ),
    EventType.BACKUP_OVERDUE: Described(
        "2.1", "a backup, or the drill of one, is late; `op` says which", "op obj"
    ),
    EventType.BACKUP_CHANGE_REQUESTED: Described(
        "2.4", "a recipient or a place of backups, or its end, was asked for", "op obj chg"
    ),
    EventType.BACKUP_CHANGE_APPROVED: Described("2.4", "a second person approved it", "op obj chg"),
    EventType.BACKUP_CHANGE_REJECTED: Described("2.4", "a second person refused it", "op obj chg"),
    EventType.KEYSTORE_COPIED: Described(
        "2.4", "a sealed copy of the keystore was made; `n` is the second it expires", "obj n chg"
    ),
    EventType.KEYSTORE_COPY_DESTROYED: Described(
        "2.1", "it was destroyed; a failure says that it outlives its time", "op obj"
    ),
    EventType.HOME_RESTORED: Described(
        "2.1",
        "the home was restored from a backup (`obj`); `n` records were destroyed again on the way",
        "op obj n chg",
    ),
    EventType.HOLD_CHANGED: Described(
        "2.1",
        "a hold, its extension or its release was asked for, approved or rejected",
        "op obj chg",
    ),
    EventType.HOLD_EXPIRED: Described("2.1", "a hold ended on its day", "obj"),
    EventType.HOLD_REVIEWED: Described("2.1", "a person confirmed that a hold still holds", "obj"),
    EventType.ARCHIVE_CHANGED: Described(
        "2.1", "other recipients of archives were asked for, approved or rejected", "op obj chg"
    ),
    EventType.ARCHIVE_SEALED: Described(
        "2.1",
        "held data was sealed into an archive, before its key was destroyed; `chg` is the manifest's hash",
        "op obj n bytes chg seller",
    ),
    EventType.ARCHIVE_FAILED: Described(
        "2.1",
        "`set_aside`: it waits, unreadable; `unready`: it could not be written now; `lost`: it went unarchived; "
        "`drill`, `review`, `expiry`: a duty is late",
        "op obj n seller",
    ),
    EventType.ARCHIVE_DRILLED: Described(
        "2.1", "somebody proved, or failed to prove, that an archive opens offline", "obj"
    ),
    EventType.ARCHIVE_EXPIRED: Described(
        "2.1",
        "`file`: an archive's file was destroyed; `copies`: a person said that its `n` copies are",
        "op obj n",
    ),
    EventType.DELETION_REGISTERED: Described(
        "1.7",
        "a notice of Amazon's to delete or return was registered; `n` is when it came, in seconds since 1970",
        "obj n chg",
    ),
    EventType.DELETION_PLANNED: Described(
        "1.7",
        "a plan was made of every store that may hold what the notice is about; `n` counts records",
        "obj n chg",
    ),
    EventType.DELETION_APPROVED: Described(
        "1.7",
        "a second person approved that plan, or somebody was refused",
        "obj chg",
    ),
    EventType.DELETION_STEPPED: Described(
        "1.7",
        "a step of it was done, or somebody was refused; `op` names it",
        "op obj n bytes chg",
    ),
    EventType.DELETION_ASKED: Described(
        "1.7",
        "somebody who received the data (`op`) has to confirm that it is deleted there",
        "op obj n chg",
    ),
    EventType.DELETION_CONFIRMED: Described(
        "1.7",
        "they did, or somebody else tried to",
        "op obj chg",
    ),
    EventType.DELETION_VERIFIED: Described(
        "1.7",
        "a store (`op`) was read for what is gone: a failure found some, or could not read it",
        "op obj n chg",
    ),
    EventType.DELETION_STATED: Described(
        "1.7",
        "a person stated that a store holds it no more that nobody here can read",
        "op obj chg",
    ),
    EventType.DELETION_CERTIFIED: Described(
        "1.7",
        "a certificate was signed; `n` counts who has not confirmed yet",
        "obj n chg",
    ),
    EventType.DELETION_CLOSED: Described(
        "1.7",
        "everybody confirmed, and the notice is closed",
        "obj chg",
    ),
    **OVERSEEING,
    **ASSURING,
}

_UNDECLARED: Final = {
    type_: tuple(
        (member, attribute)
        for member, attribute in _MEMBERS.items()
        if member not in described.members.split()
    )
    for type_, described in CATALOGUE.items()
}


def refuse_undeclared(event: Event) -> None:
    """Refuse an event with a member that its type does not have. Raises: Malformed."""
    for member, attribute in _UNDECLARED[event.type]:
        if getattr(event, attribute) not in (None, ()):
            raise Malformed(f"audit: a {event.type.value} event has no {member}")


def page() -> str:
    """Return docs/events.md."""
    rows = (
        f"| `{type_.value}` | {one.clause} | {one.says} |"
        f" {' '.join(f'`{member}`' for member in one.members.split()) or 'none'} |\n"
        for type_, one in CATALOGUE.items()
    )
    return _HEAD + "".join(rows)


_HEAD: Final = """# Events

Everything that can be in the audit log (2.6). Generated from `src/strongroom/audit/catalogue.py`; the log takes nothing
else.

Each entry also has its time, node, run and number, its type, its outcome, the reason where it did not simply
succeed, and who did it, by number ([formats/audit-log.md](formats/audit-log.md)). A member is a word of a closed list
(`purpose`, `pii`, the kind of an `obj`), an identifier of bounded form (`op`, `req`, the reference of an `obj`), a
number (`n`, `bytes`, `dec`, `records`, `seller`), or a keyed HMAC (`src`, `chg`, many references). None can hold free
text. The clause is the one the event serves first.

| Event | Clause | What happened | Members it may have |
|---|---|---|---|
"""
