"""What commands do about backups, where they go, and copies of the keystore [2.1, 2.4]."""

from pathlib import Path

from strongroom.backups import Backup, KeystoreCopy, Place, PlaceKind
from strongroom.backups.backups import Standing
from strongroom.crypto.age import Identities
from strongroom.operations.registry import Call, iso, member, operation
from strongroom.request import Json
from strongroom.restoring import drill


@operation("backup.run")
def _backup_run(call: Call) -> Json:
    """Take a backup and send it; exit code 1 where a target did not take it."""
    backups = call.system.backups
    taken = backups.run(call.caller, call.now, call.progress)
    (standing,) = [one for one in backups.listed() if one.backup.id == taken.id]
    return {**_standing(standing), "path": str(backups.path_of(taken))}


@operation("backup.list")
def _backup_list(call: Call) -> Json:
    backups = call.system.backups
    return {
        "backups": [_standing(one) for one in backups.listed()],
        "late": backups.late(call.now),
        "drills": [
            {
                "backup": one.backup,
                "at": one.drilled_at.isoformat(),
                "sound": one.sound,
                "rto_seconds": one.recovery_ms / 1000,
                "rpo_seconds": one.lost_ms / 1000,
            }
            for one in backups.drills()
        ],
    }


@operation("backup.verify")
def _backup_verify(call: Call, *, backup: int | None = None) -> Json:
    checked = call.system.backups.verify(call.caller, call.now, call.progress, backup)
    return {
        "ok": all(one.fault is None for one in checked),
        "files": [
            {"backup": one.backup, "place": one.place, "fault": one.fault} for one in checked
        ],
    }


@operation("backup.prune")
def _backup_prune(call: Call) -> Json:
    gone = call.system.backups.prune(call.now)
    return {"removed": [{"backup": id_, "place": place} for id_, place in gone]}


@operation("backup.drill")
def _backup_drill(call: Call, *, identity: str, backup: int | None = None) -> Json:
    lines = (line.strip() for line in identity.splitlines())
    identities = Identities([line for line in lines if line and not line.startswith("#")])
    done = drill(call.system, identities, call.caller, call.now, call.progress, backup)
    return {
        "backup": done.backup,
        "rows": done.rows,
        "opened": done.opened,
        "rto_seconds": done.recovery_ms / 1000,
        "rpo_seconds": done.lost_ms / 1000,
    }


@operation("place.add")
def _place_add(
    call: Call, *, kind: str, value: str, ca: str | None = None, credentials: str | None = None
) -> Json:
    places = call.system.backups.places
    wanted = member(PlaceKind, kind, "kind of place")
    added = places.request_add(wanted, value, call.caller, call.now, ca=ca, credentials=credentials)
    return _place(call, added)


@operation("place.list")
def _place_list(call: Call) -> Json:
    places = call.system.backups.places
    return {"places": [_place(call, one) for one in places.listed()]}


@operation("place.approve")
def _place_approve(call: Call, *, place: int, terms: str) -> Json:
    places = call.system.backups.places
    return _place(call, places.approve(place, terms, call.caller, call.now))


@operation("place.reject")
def _place_reject(call: Call, *, place: int) -> Json:
    return _place(call, call.system.backups.places.reject(place, call.caller, call.now))


@operation("place.remove")
def _place_remove(call: Call, *, place: int) -> Json:
    return _place(call, call.system.backups.places.request_removal(place, call.caller, call.now))


@operation("keys.copy")
def _keys_copy(call: Call) -> Json:
    return {"copies": [_copy(one) for one in call.system.copies.copy(call.caller, call.now)]}


@operation("keys.copies")
def _keys_copies(call: Call) -> Json:
    copies = call.system.copies
    return {
        "copies": [_copy(one) for one in copies.listed()],
        "faults": copies.faults(call.now),
    }


@operation("keys.destroy_copy")
def _keys_destroy_copy(call: Call, *, copy: int) -> Json:
    return _copy(call.system.copies.destroy(copy, call.caller, call.now))


def _standing(standing: Standing) -> Json:
    return {
        **_backup(standing.backup),
        "local": standing.local,
        "places": list(standing.stored),
        "missing": list(standing.missing),
    }


def _backup(backup: Backup) -> Json:
    return {
        "id": backup.id,
        "file": backup.name,
        "taken_at": backup.taken_at.isoformat(),
        "rows": backup.rows,
        "bytes": backup.bytes_,
        "sha256": backup.sha256,
        "log_size": backup.log_size,
    }


def _place(call: Call, place: Place) -> Json:
    return {
        "id": place.id,
        "kind": place.kind.value,
        "value": place.value,
        "state": place.state,
        "terms": call.system.backups.places.terms(place),
        "requested_by": call.system.accounts.name_of(place.requested_by),
        "requested_at": place.requested_at.isoformat(),
    }


def _copy(copy: KeystoreCopy) -> Json:
    return {
        "id": copy.id,
        "file": Path(copy.path).name,
        "path": copy.path,
        "created_at": copy.created_at.isoformat(),
        "expires_at": copy.expires_at.isoformat(),
        "destroyed_at": iso(copy.destroyed_at),
    }
