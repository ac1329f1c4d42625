"""Who was given somebody's data, and so has to hear of its correction, erasure or restriction (GDPR 19) [2.2]."""

from collections.abc import Iterable, Sequence

from strongroom.audit.entry import Outcome
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.db.engine import Database, Transaction
from strongroom.subjects import store
from strongroom.subjects.store import DESTINATION, PRINCIPAL
from strongroom.terms import Purpose, RecordNumber


def given(
    database: Database, audit: AuditLog, numbers: Sequence[RecordNumber]
) -> set[tuple[str, int]]:
    """Return who was given values of these records: third parties by the relay, principals by the door."""
    wanted = {str(number) for number in numbers}
    if not wanted:
        return set()
    with database.read() as tx:
        found = {(DESTINATION, one.destination) for one in store.disclosed(tx, numbers)}
    for entry in audit.of_types((EventType.RECORD_REVEALED,)):
        body = entry.body
        own = body.get("purpose") == Purpose.SUBJECT_REQUEST.value
        about = body.get("obj", {}).get("ref")
        if entry.outcome == Outcome.SUCCESS.value and not own and about in wanted:
            found.add((PRINCIPAL, body["actor"]["id"]))
    return found


def keep(tx: Transaction, request: int, found: Iterable[tuple[str, int]]) -> None:
    """List them with the request, each once."""
    known = {(one.kind, one.id) for one in store.recipients_of(tx, request)}
    for kind, ref in sorted(set(found) - known):
        tx.execute(store.recipients.insert().values(request_id=request, kind=kind, ref_id=ref))
