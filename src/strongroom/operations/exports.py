"""What commands ask of the log as evidence: read it, prove what stands in it, take a stretch out [1.6].

Each needs a grant to `audit`, and is an event itself, on the disk before its answer leaves. No stated reason is kept:
the log takes its pseudonym, against which the words can be held.
"""

import base64
from functools import partial
from pathlib import Path

from strongroom.audit import Event, EventType, ObjKind, Outcome
from strongroom.audit.browsing import Wanted
from strongroom.audit.export import MAX_PROOFS, finish, save_proofs, settle, write
from strongroom.compliance.log_pages import LogPages
from strongroom.errors import Malformed
from strongroom.operations.registry import Call, member, operation, reason_of
from strongroom.request import Json, instant

_MOST_FOUND = 1000
_HANDLING = frozenset({EventType.LOG_EXPORT_STARTED, EventType.LOG_EXPORTED})


@operation("audit.tail")
def _audit_tail(call: Call, *, limit: int = 20) -> Json:
    grant = _admit(call, "tail")
    entries = call.system.audit.tail(max(1, min(limit, 1000)))
    ref = str(entries[-1].seq) if entries else "none"
    _record(
        call,
        Event(
            EventType.LOG_READ,
            Outcome.SUCCESS,
            call.caller,
            op="tail",
            obj_kind=ObjKind.EVENT,
            obj_ref=ref,
            n=len(entries),
            decision=grant,
        ),
    )
    return {"events": [{"seq": entry.seq, **entry.body} for entry in entries]}


@operation("audit.find")
def _audit_find(  # noqa: PLR0913 - one for each thing that entries are found by
    call: Call,
    *,
    type_: str | None = None,
    principal: str | None = None,
    outcome: str | None = None,
    object_: str | None = None,
    since: str | None = None,
    until: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> Json:
    """Return entries, the newest first; `before` goes on where an answer stopped."""
    system = call.system
    wanted = Wanted(
        None if type_ is None else member(EventType, type_, "type of event"),
        None if principal is None else system.accounts.find(principal).id,
        None if outcome is None else member(Outcome, outcome, "outcome"),
        None if object_ is None else member(ObjKind, object_, "kind of object"),
        None if since is None else instant(since),
        None if until is None else instant(until),
    )
    pages = LogPages(system.database, system.audit, system.log_readers)
    found = pages.browse(
        wanted, call.caller, call.now, before=before, limit=max(1, min(limit, _MOST_FOUND))
    )
    return {
        "events": [{"seq": entry.seq, **entry.body} for entry in found.entries],
        "stopped_at": found.stopped_at,
    }


@operation("audit.prove")
def _audit_prove(call: Call, *, events: list[int], directory: str | None = None) -> Json:
    """Prove events under one checkpoint, that of the log before this is recorded."""
    if not 0 < len(events) <= MAX_PROOFS:
        raise Malformed(f"1 to {MAX_PROOFS} events are proved at once")
    grant = _admit(call, "prove")
    with call.system.audit.prover() as prover:
        size = prover.size
        proofs = [prover.event(seq) for seq in dict.fromkeys(events)]
    _record(
        call,
        *(
            Event(
                EventType.LOG_PROVED,
                Outcome.SUCCESS,
                call.caller,
                op="inclusion",
                obj_kind=ObjKind.EVENT,
                obj_ref=str(proved.seq),
                n=size,
                decision=grant,
            )
            for proved in proofs
        ),
    )
    if directory is not None:
        return {"size": size, "files": save_proofs(_absolute(directory), proofs)}
    told = [
        {
            "seq": proved.seq,
            "entry": None if proved.entry is None else proved.entry.decode(),
            "leaf": proved.leaf.hex(),
            "proof": proved.proof,
        }
        for proved in proofs
    ]
    return {"size": size, "proofs": told}


@operation("audit.consistency")
def _audit_consistency(call: Call, *, old: int, new: int) -> Json:
    """Prove that the log of one size continues the log of a smaller one."""
    grant = _admit(call, "consistency")
    with call.system.audit.prover() as prover:
        grown = prover.growth(old, new)
    _record(
        call,
        Event(
            EventType.LOG_PROVED,
            Outcome.SUCCESS,
            call.caller,
            op="consistency",
            obj_kind=ObjKind.LOG,
            obj_ref=f"{old}-{new}",
            n=new,
            decision=grant,
        ),
    )
    proof = [base64.b64encode(hash_).decode() for hash_ in grown.proof]
    return {"old_checkpoint": grown.old, "new_checkpoint": grown.new, "proof": proof}


@operation("audit.export")
def _audit_export(  # the arguments of the command
    call: Call,
    *,
    directory: str,
    first: int | None = None,
    size: int | None = None,
    proofs: list[int],
    reason: str | None = None,
) -> Json:
    """Write a bundle, or finish one that was begun; its beginning and its end are events."""
    grant = _admit(call, "export")
    audit, path = call.system.audit, _absolute(directory)
    with audit.prover() as prover:
        stretch = settle(prover, path, first, size, proofs)
    handled = partial(
        Event,
        outcome=Outcome.SUCCESS,
        actor=call.caller,
        obj_kind=ObjKind.LOG,
        n=stretch.size - stretch.first,
        decision=grant,
        req=reason_of(call, reason),
    )
    _record(call, handled(EventType.LOG_EXPORT_STARTED, obj_ref=stretch.ref))
    digest = write(audit.prover, path, stretch, call.progress)
    _record(call, handled(EventType.LOG_EXPORTED, obj_ref=digest))
    events = [entry.seq for entry in audit.of_types(_HANDLING)]
    with audit.prover() as prover:
        key = prover.vkey
        said = call.system.anchors.evidence(stretch.size, key)
        finish(path, stretch.size, prover, events, said)
    return {
        "directory": str(path),
        "from": stretch.first,
        "size": stretch.size,
        "manifest": digest,
        "key": key,
    }


def _admit(call: Call, op: str) -> int:
    return call.system.log_readers.admit(call.caller, op, call.now)


def _record(call: Call, *events: Event) -> None:
    call.system.audit.record(*events, now=call.now)


def _absolute(directory: str) -> Path:
    path = Path(directory)
    if not path.is_absolute():
        raise Malformed("a directory is named by its whole path")
    return path
