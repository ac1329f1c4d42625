"""What commands do to whatever binds the log outside of this machine, and to the logs we are a witness of [2.6]."""

from strongroom.anchors import Anchor, AnchorKind
from strongroom.audit import Reason
from strongroom.operations.registry import Call, iso, operation
from strongroom.request import Json


@operation("audit.witness.add")
def _witness_add(call: Call, *, url: str, key: str, ca: str | None = None) -> Json:
    return _added(call, AnchorKind.WITNESS, url, key, ca)


@operation("audit.witness.remove")
def _witness_remove(call: Call, *, witness: int) -> Json:
    return _removed(call, AnchorKind.WITNESS, witness)


@operation("audit.witness.list")
def _witness_list(call: Call) -> Json:
    return {"witnesses": _listed(call, AnchorKind.WITNESS), "needed": call.system.anchors.needed}


@operation("audit.witness.now")
def _witness_now(call: Call) -> Json:
    return _now(call, AnchorKind.WITNESS)


@operation("audit.timestamp.add")
def _timestamp_add(call: Call, *, url: str, roots: str, ca: str | None = None) -> Json:
    return _added(call, AnchorKind.TIMESTAMP, url, roots, ca)


@operation("audit.timestamp.remove")
def _timestamp_remove(call: Call, *, timestamp: int) -> Json:
    return _removed(call, AnchorKind.TIMESTAMP, timestamp)


@operation("audit.timestamp.list")
def _timestamp_list(call: Call) -> Json:
    return {"timestamps": _listed(call, AnchorKind.TIMESTAMP)}


@operation("audit.timestamp.now")
def _timestamp_now(call: Call) -> Json:
    return _now(call, AnchorKind.TIMESTAMP)


@operation("audit.copy.add")
def _copy_add(call: Call, *, place: str, token: str | None = None, ca: str | None = None) -> Json:
    # A copy has every entry: whoever may not read the log has it written for nobody else either.
    call.system.log_readers.admit(call.caller, "copy.add", call.now)
    return _added(call, AnchorKind.COPY, place, "", ca, token or "")


@operation("audit.copy.remove")
def _copy_remove(call: Call, *, copy: int) -> Json:
    return _removed(call, AnchorKind.COPY, copy)


@operation("audit.copy.list")
def _copy_list(call: Call) -> Json:
    return {"copies": _listed(call, AnchorKind.COPY)}


@operation("audit.copy.now")
def _copy_now(call: Call) -> Json:
    return _now(call, AnchorKind.COPY)


@operation("witness.key")
def _key(call: Call) -> Json:
    return {"key": call.system.following.vkey}


@operation("witness.follow")
def _follow(call: Call, *, key: str) -> Json:
    found = call.system.following.follow(key, call.caller, call.now)
    listens = call.system.listening.get("witness")
    return {"id": found.id, "origin": found.origin, "size": found.size, "port": listens}


@operation("witness.unfollow")
def _unfollow(call: Call, *, log: int) -> Json:
    call.system.following.unfollow(log, call.caller, call.now)
    return {"id": log}


@operation("witness.list")
def _logs(call: Call) -> Json:
    found = call.system.following.listed()
    rows = [
        {
            "id": one.id,
            "origin": one.origin,
            "size": one.size,
            "root": one.root.hex(),
            "cosigned_at": iso(one.cosigned_at),
        }
        for one in found
    ]
    return {"logs": rows, "key": call.system.following.vkey}


# -- private ---------------------------------------------------------------------------------------


def _added(
    call: Call, kind: AnchorKind, place: str, key: str, ca: str | None, secret: str = ""
) -> Json:
    added = call.system.anchors.add(kind, place, key, ca, secret, call.caller, call.now)
    return {"id": added.id, "kind": added.kind.value, "place": added.place}


def _removed(call: Call, kind: AnchorKind, id_: int) -> Json:
    call.system.anchors.remove(id_, kind, call.caller, call.now)
    return {"id": id_}


def _listed(call: Call, kind: AnchorKind) -> list[Json]:
    with call.system.audit.prover() as prover:
        size, origin = prover.size, prover.origin
    return [
        _shown(call, anchor, origin, size, sound=sound)
        for anchor, sound in call.system.anchors.listed(kind)
    ]


def _now(call: Call, kind: AnchorKind) -> Json:
    done = call.system.anchors.run({kind}, call.now, call.caller)
    rows = [
        {
            "id": one.anchor.id,
            "place": one.anchor.place,
            "size": one.size,
            "fault": None if one.reason is None else one.reason.value,
        }
        for one in done.done
    ]
    late = {one.id for one, _ in call.system.anchors.listed(kind)} - {row["id"] for row in rows}
    return {"size": done.size, "done": rows, "late": sorted(late)}


def _shown(call: Call, anchor: Anchor, origin: str, size: int, *, sound: bool) -> Json:
    bound = anchor.size_of(origin)
    reached = anchor.reached_at
    return {
        "id": anchor.id,
        "place": anchor.place,
        "key": anchor.key or None,
        "size": bound,
        "behind": size - bound,
        "reached_at": iso(reached),
        "lag_seconds": None if reached is None else int((call.now - reached).total_seconds()),
        "tried_at": iso(anchor.tried_at),
        "fault": anchor.fault if sound else Reason.TAMPERED.value,
    }
